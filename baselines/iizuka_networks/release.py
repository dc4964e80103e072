"""The authors' file to the network: layers, their order and their settings are read from it.

It holds a mean and a graph (nngraph) of two inputs, the copy and the frame, in that order. Known beforehand are the paper's table
and what the authors' script does. Whether there is batch normalization, kernel sizes, where the size is doubled and the order in
the fused channels can't be known without the file, so none of it is assumed: the graph is walked from its output to its inputs,
and what stands there is built. What must hold: each convolution and each linear layer has the paper's channels and stride, in the
paper's order, and there is no layer that :mod:`baselines.iizuka_networks.layers` does not know.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from baselines.iizuka_networks.layers import PASSED_OVER, Layer, UnknownLayerError, flattened, kind_of, layer_of, weighted_size
from baselines.iizuka_networks.network import IizukaNet
from baselines.iizuka_networks.torch7 import Table, TorchObject, read_torch7
from colorbench.errors import WeightsError
from colorbench.nets.checkpoints import load_strict

LOW = 6
"""Convolutions of the low-level features, with which both branches begin."""

_COPY, _FRAME = 1, 2
"""The graph's inputs, as the authors' script gives them."""


@dataclass(frozen=True, slots=True)
class Released:
    """What the file holds."""

    network: IizukaNet
    mean: float
    """Taken off gray levels in [0, 1]."""


def load_released(path: Path, *, width: int = 64) -> Released:
    """The released network, in evaluation.

    Args:
        path: ``colornet.t7``.
        width: channels of its first layer.

    Raises:
        WeightsError: the file can't be read, or is not a network as the paper describes.
    """
    content = read_torch7(path)
    mean, model = (content.get(key) if isinstance(content, Table) else None for key in ("mean", "model"))
    if not isinstance(mean, float) or not math.isfinite(mean) or not isinstance(model, TorchObject) or model.name != "nn.gModule":
        raise _wrong(path, "it is no table of a mean and a graph")
    try:
        return Released(_network(_Graph(model), path, width), mean)
    except UnknownLayerError as error:
        raise _wrong(path, str(error)) from error


@dataclass(frozen=True, slots=True)
class _Chain:
    """Modules one after the other, from where it begins on."""

    modules: tuple[TorchObject, ...]
    begin: Table
    """The node with no input or with several."""
    source: int
    """The number of the graph's input, where it begins there."""


class _Graph:
    """Nodes of an nn.gModule. A node's table holds its module, and under "mapindex" the tables of its inputs, in order."""

    def __init__(self, model: TorchObject) -> None:
        self.begin, self.end = self._node(model, "innode"), self._node(model, "outnode")

    def inputs(self, node: Table) -> list[Table]:
        mapindex = node.get("mapindex")
        return [one for one in mapindex.listed() if isinstance(one, Table)] if isinstance(mapindex, Table) else []

    def chain(self, node: Table) -> _Chain:
        """All that leads to a node's output, back to where the graph begins or inputs come together."""
        modules: list[TorchObject] = []
        passed: set[Table] = set()
        source = 0
        while node not in passed:
            passed.add(node)
            module, number, inputs = node.get("module"), node.get("selectindex"), self.inputs(node)
            if isinstance(module, TorchObject):
                modules = [*flattened(module), *modules]
            if isinstance(number, float):
                source = int(number)
            if len(inputs) != 1:
                return _Chain(tuple(modules), node, source)
            if inputs[0] is self.begin:
                # Before nngraph split its input by nodes of their own, the first node listed whom it feeds.
                fed = self.inputs(self.begin)
                return _Chain(tuple(modules), self.begin, source or next((i for i, x in enumerate(fed, 1) if x is node), 0))
            node = inputs[0]
        raise UnknownLayerError("the graph leads in a circle")

    @staticmethod
    def _node(model: TorchObject, name: str) -> Table:
        node = model.field(name)
        data = node.field("data") if isinstance(node, TorchObject) else None
        if not isinstance(data, Table):
            raise UnknownLayerError(f"the graph has no {name}")
        return data


def _network(graph: _Graph, path: Path, width: int) -> IizukaNet:
    """The graph's network, loaded strictly."""
    outputs = graph.inputs(graph.end)
    if len(outputs) != 1:
        raise UnknownLayerError(f"the graph has {len(outputs)} outputs")
    color = graph.chain(outputs[0])
    branches = [graph.chain(node) for node in graph.inputs(color.begin)]
    repeated = [branch for branch in branches if branch.modules and kind_of(branch.modules[-1]) == "Replicate"]
    joined = [kind_of(module) for module in color.modules[:1]] == ["JoinTable"]
    if not joined or len(branches) != 2 or len(repeated) != 1 or sorted(branch.source for branch in branches) != [_COPY, _FRAME]:
        raise UnknownLayerError("the graph does not join features of the frame with repeated ones of the copy")
    (whole,) = repeated
    places = branches[1] if whole is branches[0] else branches[0]
    if whole.source != _COPY:
        raise UnknownLayerError("what the graph repeats is made of its second input, which is the frame")
    low, mid = _parted(_layers(places.modules))
    low_of_copy, vector = _parted(_layers([module for module in whole.modules if kind_of(module) != "Replicate"]))
    stages = {"low": low, "mid": mid, "whole": vector, "color": _layers(color.modules[1:])}
    if not _equal(low, low_of_copy):
        stages["low_of_copy"] = low_of_copy
    with torch.device("meta"):
        network = IizukaNet(width=width)
    state: dict[str, Tensor] = {}
    for name, layers in stages.items():
        made = nn.Sequential(*(layer.module for layer in layers))
        paper = network.low if name == "low_of_copy" else network.get_submodule(name)
        if _sizes(made) != _sizes(paper):
            raise UnknownLayerError(f"{name} has channels and strides {_sizes(made)}, the paper {_sizes(paper)}")
        state |= {f"{name}.{place}.{key}": tensor for place, layer in enumerate(layers) for key, tensor in layer.tensors.items()}
        setattr(network, name, made)
    network.vector_first = whole is branches[0]
    load_strict(network, state, source=path)
    return network.eval()


def _layers(modules: Sequence[TorchObject]) -> list[Layer]:
    return [layer_of(module) for module in modules if kind_of(module) not in PASSED_OVER]


def _parted(layers: list[Layer]) -> tuple[list[Layer], list[Layer]]:
    """Up to the low-level features, and what comes after."""
    weighted = [place for place, layer in enumerate(layers) if weighted_size(layer.module)]
    cut = weighted[LOW] if len(weighted) > LOW else len(layers)
    return layers[:cut], layers[cut:]


def _equal(one: list[Layer], other: list[Layer]) -> bool:
    """Whether two branches begin with the same layers and the same weights."""
    return [str(layer.module) for layer in one] == [str(layer.module) for layer in other] and all(
        torch.equal(tensor, b.tensors[key]) for a, b in zip(one, other, strict=True) for key, tensor in a.tensors.items()
    )


def _sizes(stage: nn.Module) -> list[tuple[int, int, int]]:
    """Of its convolutions and linear layers."""
    return [size for module in stage.modules() if (size := weighted_size(module))]


def _wrong(path: Path, what: str) -> WeightsError:
    return WeightsError(
        f"{path} is not read as Iizuka's network: {what}",
        wanted="the authors' colornet.t7, a mean and a graph with the layers of the paper's table 1",
        remedy="check the file; if it is the authors', its layout is another than this reader knows: please report it",
    )
