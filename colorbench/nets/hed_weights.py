"""Names of HED's tensors: the published torch checkpoint's, as those of ``bistnet.experts.hed.Hed``.

``moduleVggTwo.3.weight``, or ``netVggTwo.3.weight``, has an index into a sequence of pooling, convolutions and ReLUs; ours is
``stages.1.1.weight``, ``sides.0.bias``, ``fusion.weight``. Keras' file has them once it is fetched: weights/conversion.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

_ORDINALS = ("One", "Two", "Thr", "Fou", "Fiv")
_TORCH = re.compile(r"(?:module|net)(Vgg|Score|Combine)(One|Two|Thr|Fou|Fiv)?\.?(\d+)?\.?(weight|bias)")


def hed_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our layout from the published one, or from ours. Names that belong to neither stay, for the strict load to report.

    >>> import torch
    >>> list(hed_state({"moduleVggTwo.3.weight": torch.zeros(1), "sides.0.bias": torch.zeros(1)}))
    ['stages.1.1.weight', 'sides.0.bias']
    """
    return {_from_torch(key): value for key, value in state.items()}


def _from_torch(key: str) -> str:
    match = _TORCH.fullmatch(key)
    if match is None:
        return key
    part, ordinal, index, leaf = match.groups()
    if part == "Combine":
        return f"fusion.{leaf}"
    stage = _ORDINALS.index(ordinal) if ordinal else 0
    if part == "Score":
        return f"sides.{stage}.{leaf}"
    return f"stages.{stage}.{int(index or 0) // 2}.{leaf}"
