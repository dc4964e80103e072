"""Where the ImageNet backbones of perceptual metrics are on this machine. Looks, verifies, never downloads.

torchvision names its files ``NAME-DIGITS.pth``: eight hexadecimal ones that the SHA-256 of the file starts with. The same
convolutions without their classifier, out of a package, are known by the digest of their tensors.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from colorbench.files.cache import cache_root
from colorbench.weights.manifest import load_manifest
from colorbench.weights.packages.member import converted_flaw


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
    """The verified file of a backbone, or why there is none and what to do.

    Args:
        file_name: torchvision's name, ending in eight digits of its SHA-256. A converted file of the same weights, which is a
            ``.safetensors`` with the convolutions alone, comes before it.
    """
    folders = weight_folders()
    entry = next((entry for entry in load_manifest().values() if entry.place == file_name), None)
    command = entry.command if entry else f"cp {file_name} {_shown(folders[0])}"
    flaw = ""
    for member in entry.packages if entry else ():
        path = folders[0] / member.place
        if path.is_file():
            wrong = converted_flaw(path, member)
            if not wrong:
                return path
            flaw = flaw or f"{path} is damaged: {wrong}"
    for folder in folders:
        path = folder / file_name
        if path.is_file():
            facts = path.stat()
            found, wanted = _sha256(path, facts.st_mtime_ns, facts.st_size), _digits(file_name)
            if found.startswith(wanted):
                return path
            return Missing(f"{path} is not what its name says: its SHA-256 starts with {found[:8]}, not {wanted}", command)
    return Missing(flaw or f"no {file_name} in {' or '.join(map(_shown, folders))}", command)


def _digits(file_name: str) -> str:
    match = re.search(r"-([0-9a-f]{8})\.pth$", file_name)
    if match is None:
        raise ValueError(f"{file_name!r} does not end in -DIGITS.pth, eight hexadecimal ones")
    return match[1]


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
