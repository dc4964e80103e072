"""Names of RAFT's tensors as its authors' files have them (``fnet.layer1.0.conv1.weight``), in torchvision's layout.

The graphs are the same, so the authors' weights do in torchvision's ``raft_large`` and ``raft_small`` what they do in theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

_RULES = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"^module\.", ""),
        (r"^fnet\.", "feature_encoder."),
        (r"^cnet\.", "context_encoder."),
        (r"_encoder\.conv1\.", "_encoder.convnormrelu.0."),
        (r"_encoder\.norm1\.", "_encoder.convnormrelu.1."),
        (r"_encoder\.conv2\.", "_encoder.conv."),
        (r"(layer\d\.\d)\.conv(\d)\.", r"\1.convnormrelu\2.0."),
        (r"(layer\d\.\d)\.norm(\d)\.", r"\1.convnormrelu\2.1."),
        (r"^update_block\.encoder\.conv\.", "update_block.motion_encoder.conv.0."),
        (r"^update_block\.encoder\.convc(\d)\.", r"update_block.motion_encoder.convcorr\1.0."),
        (r"^update_block\.encoder\.convf(\d)\.", r"update_block.motion_encoder.convflow\1.0."),
        (r"^update_block\.gru\.conv([zrq])(\d)\.", r"update_block.recurrent_block.convgru\2.conv\1."),
        (r"^update_block\.gru\.conv([zrq])\.", r"update_block.recurrent_block.convgru1.conv\1."),
        (r"^update_block\.mask\.0\.", "mask_predictor.convrelu.0."),
        (r"^update_block\.mask\.2\.", "mask_predictor.conv."),
    )
)
_TWICE = re.compile(r"^(?:module\.)?cnet\.layer[23]\.0\.norm3\.")
"""Of the large network's context encoder: the authors register ``downsample.1`` under a second name."""


def torchvision_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The authors' state dict under torchvision's names; torchvision's own stays as it is, and so do unknown names.

    >>> import torch
    >>> list(torchvision_state({"module.update_block.gru.convq2.bias": torch.zeros(128)}))
    ['update_block.recurrent_block.convgru2.convq.bias']
    """
    return {_renamed(key): value for key, value in state.items() if not _TWICE.match(key)}


def _renamed(key: str) -> str:
    for pattern, name in _RULES:
        key = pattern.sub(name, key)
    return key
