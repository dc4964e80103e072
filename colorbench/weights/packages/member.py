"""Weights that lie in the archive of a package, as the manifest names them. The archive is a file; nothing in it is ever run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from colorbench.errors import WeightsError
from colorbench.weights.tensors import file_tensors_digest

ConversionName = Literal["alexnet-from-flax", "vgg16-from-flax", "hed-from-keras"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageMember:
    """One file in one archive of a package, and what becomes of it."""

    package: str
    """As the index knows it."""
    version: str
    licence: str
    """That the package states."""
    archive: str
    """The file name of the archive, which every index and mirror keeps."""
    size: int
    sha256: str
    """Of the archive: it is believed, and not the address that it came from."""
    member: str
    """Its whole path in the archive."""
    member_size: int
    member_sha256: str
    conversion: ConversionName
    place: str
    """Of the converted file, ``.safetensors``, under the cache's ``weights`` folder."""
    tensors: str
    """:func:`colorbench.weights.tensors.tensors_digest` of what the conversion gives."""

    @property
    def title(self) -> str:
        return f"{self.package} {self.version}"


def member_flaw(member: PackageMember) -> str:
    """What is wrong with a table of the manifest, or nothing."""
    place = PurePosixPath(member.place)
    if place.is_absolute() or place.suffix != ".safetensors" or any(part.startswith(".") for part in place.parts):
        return f"place {member.place!r} is not a .safetensors file inside the weights folder"
    for key in ("sha256", "member_sha256", "tensors"):
        if not re.fullmatch(r"[0-9a-f]{64}", getattr(member, key)):
            return f"{key} is not of 64 hexadecimal digits"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", member.archive):
        return f"archive {member.archive!r} is not a file name"
    if member.size <= 0 or member.member_size <= 0:
        return "sizes in bytes were wanted"
    return ""


def converted_flaw(path: Path, member: PackageMember) -> str:
    """Why a converted file is not what the manifest pins, or nothing; its tensors are compared, not its bytes."""
    try:
        found = file_tensors_digest(path)
    except WeightsError as error:
        return error.wrong
    return "" if found == member.tensors else f"SHA-256 of its tensors {found[:12]}... instead of {member.tensors[:12]}..."
