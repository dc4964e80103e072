"""Where weights lie: in the package, or in the cache folder of this machine. Takes no torch, so that listings stay quick."""

from __future__ import annotations

from pathlib import Path

_SUFFIXES = (".safetensors", ".pth", ".pt")


def weights_folders() -> tuple[Path, Path]:
    """The package's folder, then the machine's."""
    from colorbench.files.cache import cache_root

    return _package_folder(), cache_root() / "weights"


def find_network(name: str) -> Path | None:
    """The checkpoint of a trained network, such as ``compact``; None where this machine has none."""
    packaged = _package_folder() / f"{name}.safetensors"
    if packaged.is_file():
        return packaged
    path = weights_folders()[1] / "bistnet" / f"{name}.safetensors"
    return path if path.is_file() else None


def find_expert(name: str) -> Path | None:
    """The weights of an expert, such as ``hed``; None where this machine has none."""
    for folder in weights_folders():
        for suffix in _SUFFIXES:
            path = folder / "experts" / f"{name}{suffix}"
            if path.is_file():
                return path
    return None


def find_vgg16() -> Path | None:
    """VGG16's weights, converted or as torchvision publishes them; None where this machine has none."""
    from colorbench.files.cache import cache_root
    from colorbench.weights.backbones import find_backbone

    converted = cache_root() / "weights" / "vgg16.safetensors"
    if converted.is_file():
        return converted
    found = find_backbone("vgg16-397923af.pth")
    return found if isinstance(found, Path) else None


def _package_folder() -> Path:
    return Path(__file__).parent / "weights"
