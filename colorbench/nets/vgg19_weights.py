"""VGG19's weights, from the three files that people have: Gatys' ``vgg19_conv.pth``, torchvision's and Keras'.

All become Gatys' layout, which :class:`colorbench.nets.encoders.Vgg19` is: BGR in [0, 255] minus its mean. Gatys' and Keras'
weights stem from the same Caffe model and take the same input. torchvision's were trained apart, on RGB in [0, 1] minus another
mean, divided by a standard deviation; what it does to a picture is linear, so it is folded into conv1_1:

    w (x_rgb - mean_t) / std + b  =  w' 255 (x_bgr - mean) + b'
    w' = flip(w / (255 std)),   b' = b + sum w (mean - mean_t) / std

which is exact but for one thing: zeros that conv1_1 pads with stand for the mean color, and the two means differ by 0.002 at
most, so the outermost positions are off by half a level in 255 of the padding's color.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from colorbench.errors import WeightsError
from colorbench.nets.checkpoints import load_strict, read_state
from colorbench.nets.encoders import BGR_MEAN, RGB_DEVIATION, RGB_MEAN, Vgg19

_FIRST = "conv1_1.weight"
_KERAS = re.compile(r"(?:.*/)?block([1-5])_conv([1-4])[/_.](?:.*/)?(kernel|bias)(?::0)?")


def load_vgg19(path: Path) -> Vgg19:
    """VGG19 with the weights of a file, whose layout is told by its names.

    Args:
        path: Gatys' layout (``conv1_1.weight``), torchvision's (``features.0.weight``; ``classifier`` is left out), both as
            ``torch.save`` wrote them or as safetensors; or Keras' (``block1_conv1/kernel``, height, width, in, out; dense layers
            are left out), as safetensors or as ``.npz``. Keras writes one with
            ``numpy.savez("vgg19.npz", **{w.path: w.numpy() for w in VGG19(include_top=False).weights})``.

    Raises:
        WeightsError: the file can't be read, or does not hold exactly VGG19's convolutions; it names what is missing,
            unexpected or of another shape.
    """
    state = _read_npz(path) if path.suffix == ".npz" else read_state(path)
    network = Vgg19()
    load_strict(network, vgg19_state(state), source=path)
    return network.eval()


def vgg19_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Gatys' layout from any of the three. Names that belong to none stay, for the strict load to report.

    >>> list(vgg19_state({"block2_conv1/bias": torch.zeros(128), "fc1/bias": torch.zeros(4096)}))
    ['conv2_1.bias']
    """
    if any(key.startswith("features.") for key in state):
        return _from_torchvision(state)
    if any(_KERAS.fullmatch(key) for key in state):
        return _from_keras(state)
    return dict(state)


def torchvision_names() -> dict[str, str]:
    """torchvision's names of the convolutions' tensors to ours.

    >>> torchvision_names()["features.34.bias"]
    'conv5_4.bias'
    """
    names: dict[str, str] = {}
    place = 0
    for block, depth in enumerate(Vgg19.depths, start=1):
        for index in range(1, depth + 1):
            for part in ("weight", "bias"):
                names[f"features.{place}.{part}"] = f"conv{block}_{index}.{part}"
            place += 2  # a convolution and its ReLU
        place += 1  # the pooling
    return names


def _from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    names = torchvision_names()
    ours = {names.get(key, key): value for key, value in state.items() if not key.startswith("classifier.")}
    weight, bias = ours.get(_FIRST), ours.get("conv1_1.bias")
    if weight is None or bias is None or weight.shape != (64, 3, 3, 3) or bias.shape != (64,):
        return ours
    mean, std = (torch.tensor(values, dtype=torch.float64) for values in (RGB_MEAN, RGB_DEVIATION))
    scaled = weight.double() / std[:, None, None]
    shift = torch.tensor(BGR_MEAN, dtype=torch.float64).flip(0) - mean
    ours[_FIRST] = (scaled.flip(1) / 255.0).to(weight.dtype)
    ours["conv1_1.bias"] = (bias.double() + (scaled.sum(dim=(2, 3)) @ shift)).to(bias.dtype)
    return ours


def _from_keras(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    ours: dict[str, Tensor] = {}
    for key, value in state.items():
        match = _KERAS.fullmatch(key)
        if match:
            block, index, kind = match.groups()
            kernel = kind == "kernel" and value.dim() == 4
            name = f"conv{block}_{index}.{'weight' if kind == 'kernel' else 'bias'}"
            ours[name] = value.permute(3, 2, 0, 1).contiguous() if kernel else value  # (out, in, height, width)
        elif not re.search(r"(^|/)(fc[12]|predictions)([/_.]|$)", key):
            ours[key] = value
    return ours


def _read_npz(path: Path) -> dict[str, Tensor]:
    """Arrays of numbers; pickled objects are refused."""
    try:
        # NumPy leaves a damaged file open where it opened it itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    except (OSError, EOFError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path} can't be read as arrays: {error}", wanted="a whole .npz file of numbers", remedy="write it again"
        ) from error
