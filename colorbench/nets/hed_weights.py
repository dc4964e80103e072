"""Names of HED's tensors: the two layouts that trained weights come in, as those of ``bistnet.experts.hed.Hed``.

The published torch checkpoint (``moduleVggTwo.3.weight``, or ``netVggTwo.3.weight``: an index into a sequence of pooling,
convolutions and ReLUs) and Keras 3's ``.weights.h5`` (``block2/layers/conv2d_1/vars/0``: kernels of height, width, in, out, then
biases; ``dsn1`` to ``dsn5`` are the side outputs, ``fuse`` is the fusion). Ours is ``stages.1.1.weight``, ``sides.0.bias``,
``fusion.weight``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

_ORDINALS = ("One", "Two", "Thr", "Fou", "Fiv")
_TORCH = re.compile(r"(?:module|net)(Vgg|Score|Combine)(One|Two|Thr|Fou|Fiv)?\.?(\d+)?\.?(weight|bias)")
_KERAS = re.compile(r"(?:block([1-5])/layers/conv2d(?:_([12]))?|dsn([1-5])|fuse)/vars/([01])")


def hed_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our layout from any of the three. Names that belong to none stay, for the strict load to report.

    Args:
        state: the published torch checkpoint's tensors, ours, or the arrays of a Keras file by their paths in it.

    >>> import torch
    >>> ours = hed_state({"block3/layers/conv2d_2/vars/0": torch.zeros(3, 3, 8, 9)})
    >>> ours["stages.2.2.weight"].shape
    torch.Size([9, 8, 3, 3])
    """
    renamed = {}
    for key, value in state.items():
        if match := _KERAS.fullmatch(key):
            kernel = match[4] == "0" and value.ndim == 4
            # (height, width, in, out) -> (out, in, height, width)
            renamed[_from_keras(match)] = value.permute(3, 2, 0, 1).contiguous() if kernel else value
        else:
            renamed[_from_torch(key)] = value
    return renamed


def _from_keras(match: re.Match[str]) -> str:
    block, index, side, part = match.groups()
    leaf = ("weight", "bias")[int(part)]
    if block:
        return f"stages.{int(block) - 1}.{index or 0}.{leaf}"
    return f"sides.{int(side) - 1}.{leaf}" if side else f"fusion.{leaf}"


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
