"""Where the ImageNet backbones of perceptual metrics are on this machine. Looks, verifies, never downloads.

torchvision names its files ``NAME-DIGITS.pth``: eight hexadecimal ones that the SHA-256 of the file starts with.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from colorbench.errors import WeightsError
from colorbench.files.cache import cache_root
from colorbench.weights.manifest import load_manifest
from colorbench.weights.tensors import file_tensors_digest


@dataclass(frozen=True, slots=True)
class Missing:
    """A file that is not there, or not what its name says."""

    reason: str
    command: str
    """What gets it."""

    def __str__(self) -> str:
        return f"{self.reason}; get it with: {self.command}"


def weight_folders() -> tuple[Path, ...]:
    """Where weights are looked for, in order: colorbench's cache, then torch hub's checkpoints."""
    # torch.hub.get_dir() without importing torch.
    user_cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    hub = Path(os.environ.get("TORCH_HOME") or Path(user_cache) / "torch") / "hub"
    return cache_root() / "weights", hub.expanduser() / "checkpoints"


def find_backbone(file_name: str) -> Path | Missing:
    """The verified file of that name or the same weights converted from a package; or why there is neither and what to do.

    Args:
        file_name: torchvision's name, ending in eight digits of its SHA-256.

    Returns:
        torchvision's file, or safetensors that hold the convolutions alone (``features.N.weight``).
    """
    folders = weight_folders()
    command = _command(file_name, folders[0])
    if (converted := _find_converted(file_name, folders[0])) is not None:
        return converted
    for folder in folders:
        path = folder / file_name
        if path.is_file():
            facts = path.stat()
            found, wanted = _sha256(path, facts.st_mtime_ns, facts.st_size), _digits(file_name)
            if found.startswith(wanted):
                return path
            return Missing(f"{path} is not what its name says: its SHA-256 starts with {found[:8]}, not {wanted}", command)
    return Missing(f"no {file_name} in {' or '.join(map(_shown, folders))}", command)


def _find_converted(file_name: str, folder: Path) -> Path | None:
    """The same weights out of a package, where they are in place and whole."""
    package = next((entry.package for entry in load_manifest().values() if entry.place == file_name), None)
    if package is None or not (path := folder / package.place).is_file():
        return None
    try:
        return path if file_tensors_digest(path) == package.tensors else None
    except WeightsError:
        return None


def _digits(file_name: str) -> str:
    match = re.search(r"-([0-9a-f]{8})\.pth$", file_name)
    if match is None:
        raise ValueError(f"{file_name!r} does not end in -DIGITS.pth, eight hexadecimal ones")
    return match[1]


def _command(file_name: str, folder: Path) -> str:
    name = next((entry.name for entry in load_manifest().values() if entry.place == file_name), None)
    return f"colorbench weights fetch {name}" if name else f"cp {file_name} {_shown(folder)}"


def _shown(path: Path) -> str:
    """The path as a user would write it: the home folder is ~, so that stored reasons name no user."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except ValueError:
        return str(path)


@lru_cache(maxsize=16)
def _sha256(path: Path, modified: int, size: int) -> str:  # noqa: ARG001 - time and size are part of the cache's key
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
