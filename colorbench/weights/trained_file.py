"""Trained weights as a file: safetensors with a card, JSON under the metadata key "card", that says how they came about.

Stored in float16 by default, half the size. float16 to float32 is exact: a file that is loaded and saved again has equal bytes.
Running statistics of batch normalization stay float32: few numbers, and variances may be larger than float16 holds.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from colorbench.errors import UsageError, WeightsError
from colorbench.files.atomic import replacing_file

if TYPE_CHECKING:
    from torch import Tensor

_PACKAGES = ("colorbench", "torch", "safetensors")
_STATISTICS = ("running_mean", "running_var")


def package_versions() -> dict[str, str]:
    """Versions of what writes weights."""
    return {name: importlib.metadata.version(name) for name in _PACKAGES}


def save_weights(
    path: Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any], *, dtype: Literal["float16", "float32"] = "float16"
) -> None:
    """Writes weights and their card, whole or not at all.

    Args:
        path: ends in ``.safetensors``; an existing file is replaced.
        tensors: a state dict.
        card: plain JSON; its "scores" are finite numbers.
        dtype: of floating-point weights in the file.

    Raises:
        WeightsError: a weight is not finite or too large for float16.
        UsageError: another ending, a score that is not finite.
        StoreError: the disk is full, or the folder can't be written.
    """
    from safetensors.torch import save

    if path.suffix != ".safetensors":
        raise UsageError(f"checkpoint {path}", wanted="a name that ends in .safetensors", remedy="change its ending")
    for name, score in card.get("scores", {}).items():
        if not math.isfinite(score):
            raise UsageError(f"score {name} = {score}", wanted="a finite number", remedy="leave it out")
    stored = {key: _stored(key, tensor, dtype) for key, tensor in tensors.items()}
    # One key alone: safetensors writes several in random order, and equal checkpoints should be equal files.
    metadata = {"card": json.dumps(card, sort_keys=True, allow_nan=False)}
    with replacing_file(path) as temporary:
        temporary.write_bytes(save(stored, metadata=metadata))  # with the user's permissions; save_file gives 600


def read_card(path: Path) -> dict[str, Any]:
    """The card of a file of :func:`save_weights`; reads no weights.

    Raises:
        WeightsError: it is missing, damaged, or has no card.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get("card")
        card = json.loads(text) if text else None
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path} can't be read: {error}", wanted="a .safetensors file", remedy="get it again") from error
    if not isinstance(card, dict):
        raise WeightsError(f"{path} has no card", wanted="weights that this project trained", remedy="train them anew")
    return card


def _stored(key: str, tensor: Tensor, dtype: str) -> Tensor:
    import torch

    tensor = tensor.detach().cpu()
    if not tensor.is_floating_point():
        return tensor.contiguous()
    if key.rpartition(".")[2] in _STATISTICS:
        dtype = "float32"
    small = tensor.to(getattr(torch, dtype)).contiguous()
    if not small.isfinite().all():
        raise WeightsError(
            f"{key} has values up to {tensor.abs().max().item():g}",
            wanted=f"finite values within {dtype}",
            remedy="the training diverged: go back to an earlier checkpoint",
        )
    return small
