"""The weights of compact variants: where they lie in the package, and what is said while they do not. Imports no torch."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "weights"


def compact_file(method: str) -> Path:
    """Where a method's weights lie once they are shipped."""
    return FOLDER / f"{method}-compact.safetensors"


def compact_missing(method: str) -> str:
    """Why the variant can't run; empty where it can."""
    path = compact_file(method)
    return "" if path.is_file() else f"no {path.name} in the package: train it with colorbench train {method}"


def compact_identity(method: str) -> str:
    """The file's digest, for a fingerprint; "no weights" where there is none."""
    from colorbench.digest import file_digest

    path = compact_file(method)
    return file_digest(path) if path.is_file() else "no weights"
