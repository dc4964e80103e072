"""Torch7's layers to torch's: those that a network of convolutions and linear layers is made of, in evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from baselines.iizuka_networks.torch7 import Array, Table, TorchObject

PASSED_OVER = ("Identity", "Dropout", "SpatialDropout")
"""Do nothing in evaluation."""


class UnknownLayerError(ValueError):
    """A layer that has no counterpart here, or lacks a field; says which."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One of torch's layers, and what its weights are to be."""

    module: nn.Module
    """With random weights."""
    tensors: dict[str, Tensor] = field(default_factory=dict)
    """By the names of the module's state dict."""


def flattened(module: TorchObject) -> Iterator[TorchObject]:
    """A module, or those that a Sequential consists of, in order."""
    if kind_of(module) != "Sequential":
        yield module
        return
    inner = module.field("modules")
    for one in inner.listed() if isinstance(inner, Table) else ():
        if isinstance(one, TorchObject):
            yield from flattened(one)


def kind_of(module: TorchObject) -> str:
    """A class's name without its package: cudnn's layers have the fields of nn's."""
    return module.name.rpartition(".")[2]


def layer_of(module: TorchObject) -> Layer:
    """The counterpart of one of Torch7's layers.

    Raises:
        UnknownLayerError: it has none, or lacks a field.
    """
    kind = kind_of(module)
    if kind in ("SpatialConvolution", "SpatialConvolutionMM"):
        return _convolution(module)
    if kind == "Linear":
        weight = _tensor(module, "weight")
        bias = _bias(module)
        return Layer(nn.Linear(weight.shape[1], weight.shape[0], bias=bool(bias)), {"weight": weight, **bias})
    if kind in ("SpatialBatchNormalization", "BatchNormalization"):
        return _normalization(module)
    if kind == "SpatialUpSamplingNearest":
        return Layer(nn.Upsample(scale_factor=float(_whole(module, "scale_factor"))))
    if kind in ("View", "Reshape"):
        return Layer(nn.Flatten())
    if kind == "ReLU":
        return Layer(nn.ReLU(inplace=True))
    if kind == "Sigmoid":
        return Layer(nn.Sigmoid())
    raise UnknownLayerError(f"{module.name} is a layer without a counterpart")


def _convolution(module: TorchObject) -> Layer:
    inside, outside = (_whole(module, name) for name in ("nInputPlane", "nOutputPlane"))
    rows, columns, down, right = (_whole(module, name) for name in ("kH", "kW", "dH", "dW"))
    # Files of before May 2015 have one number for both sides.
    both = _whole(module, "padding", default=0)
    padding = (_whole(module, "padH", default=both), _whole(module, "padW", default=both))
    if _whole(module, "groups", default=1) != 1:
        raise UnknownLayerError(f"{module.name} has groups")
    weight = _tensor(module, "weight")
    if weight.numel() != inside * outside * rows * columns:
        raise UnknownLayerError(f"{module.name} has {weight.numel()} weights for {inside} x {outside} x {rows} x {columns}")
    bias = _bias(module)
    made = nn.Conv2d(inside, outside, (rows, columns), stride=(down, right), padding=padding, bias=bool(bias))
    return Layer(made, {"weight": weight.reshape(outside, inside, rows, columns), **bias})


def _normalization(module: TorchObject) -> Layer:
    eps = module.field("eps")
    if not isinstance(eps, float):
        raise UnknownLayerError(f"{module.name} has no eps")
    mean = _tensor(module, "running_mean")
    # Files of before 2016 have the inverse of the deviation, eps within.
    variance = (
        _tensor(module, "running_std").double().pow(-2).sub(eps)
        if module.field("running_var") is None
        else _tensor(module, "running_var")
    )
    affine = module.field("weight") is not None
    make = nn.BatchNorm2d if kind_of(module).startswith("Spatial") else nn.BatchNorm1d
    own = {"weight": _tensor(module, "weight"), "bias": _tensor(module, "bias")} if affine else {}
    return Layer(make(len(mean), eps=eps, affine=affine), {**own, "running_mean": mean, "running_var": variance})


def weighted_size(module: nn.Module) -> tuple[int, int, int] | None:
    """Channels in, channels out and stride of a convolution or a linear layer; None of any other."""
    if isinstance(module, nn.Conv2d):
        return module.in_channels, module.out_channels, module.stride[0]
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features, 1
    return None


def _bias(module: TorchObject) -> dict[str, Tensor]:
    return {} if module.field("bias") is None else {"bias": _tensor(module, "bias")}


def _tensor(module: TorchObject, name: str) -> Tensor:
    found = module.field(name)
    array: Array | None = found.content if isinstance(found, TorchObject) and isinstance(found.content, np.ndarray) else None
    # A stride of 0 would make much of little.
    if array is None or not np.issubdtype(array.dtype, np.floating) or 0 in array.strides:
        raise UnknownLayerError(f"{module.name} has no {name}")
    return torch.from_numpy(array.copy())


def _whole(module: TorchObject, name: str, *, default: int | None = None) -> int:
    found = module.field(name)
    if found is None and default is not None:
        return default
    if not isinstance(found, float) or not found.is_integer() or not 0 <= found < 1 << 20:
        raise UnknownLayerError(f"{module.name} has {name} = {found}")
    return int(found)
