"""Checkpoints of others: read without running what is in them, loaded strictly.

safetensors hold tensors only. Files of ``torch.save`` are pickles, which can name any function to be called while they are read;
``torch.load(weights_only=True)`` refuses those that name anything but tensors and plain containers.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from colorbench.errors import WeightsError

_SHOWN = 4
_CONVERT = (
    "python -c \"import sys, torch; state = torch.load(sys.argv[1], map_location='cpu', weights_only=False); "
    "torch.save(state.get('state_dict', state), sys.argv[2])\" IN OUT"
)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint, on the CPU.

    What lies under the key ``state_dict`` is taken where there is one (mmsegmentation, ProtoSeg), and a ``module.`` that all
    keys begin with (DataParallel) is removed.

    Args:
        path: ``.safetensors``, or what ``torch.save`` wrote.

    Raises:
        WeightsError: no such file, cut short, holding more than tensors, or no tensors.
    """
    if not path.is_file():
        raise WeightsError(f"no checkpoint {path}", wanted="a .safetensors or torch file", remedy="check the path")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    wanted = "names of tensors, at the top or under 'state_dict'"
    if not isinstance(content, dict) or not content:
        raise WeightsError(f"{path} holds {type(content).__name__} without tensors", wanted=wanted)
    state: dict[str, Tensor] = {}
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise WeightsError(f"{path}: {key!r} is {type(value).__name__}, not a tensor", wanted=wanted)
        state[key] = value
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    return state


def load_strict(network: nn.Module, state: Mapping[str, Tensor], *, source: Path) -> None:
    """Loads a state dict that must fit exactly; nothing is changed where it does not.

    Only ``num_batches_tracked`` may be absent, which files of before torch 0.4.1 lack and evaluation does not use.

    Args:
        network: takes the tensors, cast to its own types.
        state: names to tensors.
        source: where they are from, for the message.

    Raises:
        WeightsError: keys are missing or unexpected, or shapes differ.
    """
    own = network.state_dict()
    missing = [key for key in own if key not in state and not key.endswith(".num_batches_tracked")]
    unexpected = [key for key in state if key not in own]
    wrong = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    parts = (("missing", missing), ("unexpected", unexpected), ("of another shape", wrong))
    found = "; ".join(f"{len(keys)} {what}: {_some(keys)}" for what, keys in parts if keys)
    if found:
        raise WeightsError(
            f"{source} does not fit {type(network).__name__}: {found}",
            wanted=f"exactly its {len(own)} entries",
            remedy="check that the checkpoint is of this network, with this number of classes",
        )
    network.load_state_dict(dict(state), strict=False)


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:_SHOWN]) + (", ..." if len(keys) > _SHOWN else "")


def _read_safetensors(path: Path) -> object:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def _read_torch(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        names = _foreign_names(path)
        if names or "GLOBAL" in str(error):
            what = _some(names) or "unknown classes"
            raise WeightsError(
                f"{path} holds more than tensors ({what}); reading these would run code from the file",
                wanted="tensors in plain containers",
                remedy=f"only if you trust where it is from, keep its tensors alone, IN to OUT: {_CONVERT}",
            ) from error
        # torch's own words, which the error is not quoted with, advise to switch its safety off.
        raise WeightsError(
            f"{path} is a pickle that torch.save did not write, or a damaged one",
            wanted="a .safetensors or torch file",
            remedy="save its tensors with torch.save, or get it again",
        ) from error
    # Cut or foreign bytes make torch's reader fail in any way, IndexError among them.
    except Exception as error:
        raise _damaged(path, error) from error


def _foreign_names(path: Path) -> list[str]:
    """What the pickle asks for beyond tensors; empty where torch can't list it (its format of before 1.6)."""
    with suppress(Exception):
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    return []


def _damaged(path: Path, error: Exception) -> WeightsError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return WeightsError(
        f"{path} can't be read as a checkpoint: {reason}",
        wanted="a whole .safetensors or torch file",
        remedy="it may be cut short: get it again",
    )
