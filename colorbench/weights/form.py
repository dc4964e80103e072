"""Whether a file looks like weights at all, by its first bytes: all that can be told of one of which nothing is published."""

from __future__ import annotations

from pathlib import PurePosixPath

LEAST_BYTES = 1 << 16
"""Under the smallest network that the manifest has."""

_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_BEGINNINGS = {
    ".pth": (_ZIP, _PICKLE),
    ".pt": (_ZIP, _PICKLE),
    ".tar": (_ZIP, _PICKLE),
    ".pkl": (_PICKLE,),
    ".npy": (b"\x93NUMPY",),
    ".mat": (b"MATLAB 5.0", b"\x89HDF\r\n"),
    ".t7": (b"\x03\0\0\0", b"\x04\0\0\0"),
    # A NetParameter of protobuf: its name, or a layer of the old or of the new kind.
    ".caffemodel": (b"\x0a", b"\x12", b"\xa2\x06"),
}
"""Ending to what such files begin with; ``.pth.tar`` is a name that torch's own examples give to checkpoints."""


def form_flaw(name: str, head: bytes, size: int) -> str:
    """Why a file can't be the weights of that name; empty where it can, and where the ending is none of the above.

    Args:
        name: that the file is to have; only its ending counts.
        head: its first bytes.
        size: in bytes.

    >>> form_flaw("net.pth", b"PK\\x03\\x04", 1_000_000), form_flaw("net.pth", b"\\x1f\\x8b", 1_000_000)
    ('', 'not in the form of a .pth file')
    """
    if size < LEAST_BYTES:
        return f"{size:,} bytes, fewer than any weights have"
    ending = PurePosixPath(name).suffix.lower()
    beginnings = _BEGINNINGS.get(ending, ())
    return "" if not beginnings or head.startswith(beginnings) else f"not in the form of a {ending} file"
