"""Weights of other frameworks in the layout that this project's loaders read.

Flax and Keras keep a convolution's kernel as (height, width, in, out) float32, torch as (out, in, height, width); the values are
moved, never rounded. What a file holds beside the layers that are named here, such as LPIPS's heads, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from colorbench.errors import WeightsError
from colorbench.weights.packages.hdf5_arrays import read_hdf5_arrays, require_h5py
from colorbench.weights.packages.member import ConversionName
from colorbench.weights.packages.pickled_arrays import read_pickled_arrays
from colorbench.weights.tensors import Arrays

_ALEXNET = (0, 3, 6, 8, 10)
"""Where torchvision's ``features`` have convolutions."""
_VGG16 = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
_HED_DEPTHS = (2, 2, 3, 3, 3)


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a file becomes a state dict."""

    read: Callable[[Path], Arrays]
    kernel: str
    """Under a layer's name in the file."""
    bias: str
    layers: Mapping[str, str]
    """A layer's name here to its name in the file."""
    require: Callable[[], object] = bool
    """Raises WeightsError where something is not installed that reading needs."""

    @property
    def names(self) -> list[str]:
        """Of the tensors that come out."""
        return [f"{layer}.{leaf}" for layer in self.layers for leaf in ("weight", "bias")]

    def convert(self, path: Path) -> Arrays:
        """The tensors of a file, float32.

        Raises:
            WeightsError: it can't be read, or lacks a layer.
        """
        found = self.read(path)
        state: Arrays = {}
        for ours, theirs in self.layers.items():
            kernel, bias = found.get(f"{theirs}/{self.kernel}"), found.get(f"{theirs}/{self.bias}")
            if kernel is None or bias is None or kernel.ndim != 4 or bias.shape != kernel.shape[3:]:
                raise WeightsError(
                    f"{path.name} has no convolution {theirs}",
                    wanted=f"{len(self.layers)} convolutions with biases",
                    remedy="check that the file is of this network",
                )
            state[f"{ours}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1), np.float32)  # (out, in, height, width)
            state[f"{ours}.bias"] = np.ascontiguousarray(bias, np.float32)
        return state


def _flax(network: str, places: tuple[int, ...]) -> Conversion:
    layers = {f"features.{place}": f"{network}/Conv_{index}" for index, place in enumerate(places)}
    return Conversion(read_pickled_arrays, "kernel", "bias", layers)


def _hed() -> Conversion:
    layers = {
        f"stages.{stage}.{index}": f"block{stage + 1}/layers/conv2d{f'_{index}' if index else ''}"
        for stage, depth in enumerate(_HED_DEPTHS)
        for index in range(depth)
    }
    layers |= {f"sides.{stage}": f"dsn{stage + 1}" for stage in range(len(_HED_DEPTHS))}
    return Conversion(read_hdf5_arrays, "vars/0", "vars/1", {**layers, "fusion": "fuse"}, require_h5py)


CONVERSIONS: Mapping[ConversionName, Conversion] = MappingProxyType(
    {
        "alexnet-from-flax": _flax("AlexNet_0", _ALEXNET),
        "vgg16-from-flax": _flax("VGG16_0", _VGG16),
        "hed-from-keras": _hed(),
    }
)
