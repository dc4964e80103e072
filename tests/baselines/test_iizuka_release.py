"""Torch7's files: reading them as data, and the authors' network out of one, whatever its layout leaves open."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from baselines.iizuka_networks.network import IizukaNet
from baselines.iizuka_networks.release import load_released
from baselines.iizuka_networks.torch7 import Table, TorchObject, read_torch7
from colorbench.errors import WeightsError

NAMES = {"u1": "Byte", "i1": "Char", "i2": "Short", "i4": "Int", "i8": "Long", "f2": "Half", "f4": "Float", "f8": "Double"}


@dataclass(eq=False)
class Thing:
    """An object to be written: of nn's classes with fields, of tensors and storages with an array."""

    name: str
    content: Any = None
    version: str | None = "V 1"


@dataclass(eq=False)
class View:
    """A tensor that lies somehow in a storage."""

    storage: Thing | None
    sizes: Sequence[int]
    strides: Sequence[int]
    offset: int = 1
    kind: str = "Float"


@dataclass(eq=False)
class Pairs:
    """A Lua table with keys of any kind."""

    items: list[tuple[Any, Any]] = field(default_factory=list)


def tensor(array: NDArray[Any]) -> View:
    array = np.ascontiguousarray(array)
    kind = NAMES[array.dtype.str[1:]]
    steps = [stride // array.itemsize for stride in array.strides]
    return View(Thing(f"torch.{kind}Storage", array.reshape(-1)), array.shape, steps, kind=kind)


class Writer:
    """As Torch7 writes; an object that is met again is written as its number."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}
        self.kept: list[object] = []

    def __call__(self, value: Any) -> bytes:
        if value is None:
            return struct.pack("<i", 0)
        if isinstance(value, bool):
            return struct.pack("<ii", 5, value)
        if isinstance(value, int | float):
            return struct.pack("<id", 1, value)
        if isinstance(value, str):
            return struct.pack("<i", 2) + self.text(value)
        kind = 4 if isinstance(value, Thing | View) else 3
        if id(value) in self.numbers:
            return struct.pack("<ii", kind, self.numbers[id(value)])
        self.numbers[id(value)] = len(self.numbers) + 1
        self.kept.append(value)
        head = struct.pack("<ii", kind, self.numbers[id(value)])
        if isinstance(value, View):
            axes = len(value.sizes)
            shape = struct.pack(f"<i{2 * axes + 1}q", axes, *value.sizes, *value.strides, value.offset)
            return head + self.text("V 1") + self.text(f"torch.{value.kind}Tensor") + shape + self(value.storage)
        if isinstance(value, Thing):
            head += (self.text(value.version) if value.version else b"") + self.text(value.name)
            if isinstance(value.content, np.ndarray):
                return head + struct.pack("<q", len(value.content)) + value.content.tobytes()
            return head + self(value.content)
        return head + self.table(value)

    def table(self, value: Any) -> bytes:
        items = (
            value.items
            if isinstance(value, Pairs)
            else list(value.items() if isinstance(value, Mapping) else enumerate(value, 1))
        )
        return struct.pack("<i", len(items)) + b"".join(self(key) + self(one) for key, one in items)

    @staticmethod
    def text(value: str) -> bytes:
        return struct.pack("<i", len(value.encode())) + value.encode()


Write = Callable[[Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def run(value: Any) -> Path:
        path = tmp_path / "colornet.t7"
        path.write_bytes(value if isinstance(value, bytes) else Writer()(value))
        return path

    return run


def test_a_file_that_was_put_together_by_hand(write: Write) -> None:
    content = (
        b"\x03\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"  # table 1 of two pairs
        b"\x02\x00\x00\x00\x04\x00\x00\x00mean\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\xe0\x3f"  # mean = 0.5
        b"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x3f"  # [1] =
        b"\x04\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00V 1\x10\x00\x00\x00torch.ByteTensor"
        b"\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00"
        b"\x04\x00\x00\x00\x03\x00\x00\x00\x03\x00\x00\x00V 1\x11\x00\x00\x00torch.ByteStorage"
        b"\x03\x00\x00\x00\x00\x00\x00\x00\x07\x08\x09"  # the tensor begins at the second of three
    )
    found = read_torch7(write(content))
    assert isinstance(found, Table)
    assert found["mean"] == 0.5
    assert isinstance(found[1], TorchObject)
    assert np.array_equal(found[1].content, [8, 9])  # type: ignore[arg-type]


def test_plain_values_tables_and_objects_are_read(write: Write) -> None:
    value = {"n": 1.5, "yes": True, "no": False, "text": "über", "list": [3, "x", [True]], "thing": Thing("nn.ReLU", {"p": 1})}
    found = read_torch7(write(value))
    assert isinstance(found, Table)
    assert [found[key] for key in ("n", "yes", "no", "text")] == [1.5, True, False, "über"]
    listed = found["list"]
    assert isinstance(listed, Table)
    assert list(listed.listed())[:2] == [3.0, "x"]
    thing = found["thing"]
    assert isinstance(thing, TorchObject)
    assert (thing.name, thing.field("p"), thing.field("q")) == ("nn.ReLU", 1.0, None)
    assert read_torch7(write(None)) is None


def test_a_list_ends_at_its_first_gap() -> None:
    assert list(Table({1: "a", 2: "b", 4: "d", "n": 9}).listed()) == ["a", "b"]


def test_what_is_written_once_is_one_object_even_in_a_circle_or_as_a_key(write: Write) -> None:
    inner: dict[str, Any] = {"a": 1}
    node = Thing("nngraph.Node", {"inner": inner})
    node.content["self"] = node
    found = read_torch7(write(Pairs([("one", inner), ("two", inner), ("node", node), (inner, 7), (node, 8), (2.5, 9)])))
    assert isinstance(found, Table)
    one, read = found["one"], found["node"]
    assert one is found["two"]
    assert isinstance(read, TorchObject)
    assert read.field("self") is read
    assert read.field("inner") is one
    assert (found[one], found[read], found[2.5]) == (7.0, 8.0, 9.0)


@pytest.mark.parametrize("kind", list(NAMES))
def test_numbers_of_every_type_are_read_and_can_not_be_written_to(write: Write, kind: str) -> None:
    array = np.array([[1, 2, 3], [4, 5, 100]], f"<{kind}")
    found = read_torch7(write({"t": tensor(array)}))
    assert isinstance(found, Table)
    assert isinstance(found["t"], TorchObject)
    content = found["t"].content
    assert isinstance(content, np.ndarray)
    assert content.dtype == array.dtype
    assert np.array_equal(content, array)
    assert not content.flags.writeable


def test_a_storage_is_shared_by_tensors_that_lie_in_it_in_any_way(write: Write) -> None:
    storage = Thing("torch.FloatStorage", np.arange(12, dtype=np.float32))
    views = [
        View(storage, (3, 4), (4, 1)),
        View(storage, (4, 3), (1, 4)),
        View(storage, (2, 2), (4, 2), offset=2),
        View(storage, (2, 3), (0, 1)),
        View(None, (), ()),
        View(storage, (0, 3), (3, 1)),
    ]
    found = read_torch7(write([*views, storage]))
    assert isinstance(found, Table)
    arrays = [one.content for one in found.listed() if isinstance(one, TorchObject)]
    numbers = np.arange(12, dtype=np.float32)
    expected = [numbers.reshape(3, 4), numbers.reshape(3, 4).T, numbers.reshape(3, 4)[:2, 1::2], numbers[:3][None].repeat(2, 0)]
    for array, wanted in zip(arrays, [*expected, np.zeros(0), np.zeros((0, 3)), numbers], strict=True):
        assert np.array_equal(array, wanted)  # type: ignore[arg-type]


def test_cuda_tensors_and_objects_without_a_version_are_read(write: Write) -> None:
    cuda = View(Thing("torch.CudaStorage", np.arange(3, dtype=np.float32)), (3,), (1,), kind="Cuda")
    found = read_torch7(write([cuda, Thing("nn.Old", {"a": 1}, version=None)]))
    assert isinstance(found, Table)
    first, second = found.listed()
    assert isinstance(first, TorchObject)
    assert np.array_equal(first.content, [0, 1, 2])  # type: ignore[arg-type]
    assert isinstance(second, TorchObject)
    assert (second.name, second.field("a")) == ("nn.Old", 1.0)


@pytest.mark.parametrize("kind", [6, 7, 8])
def test_functions_are_passed_over(write: Write, kind: int) -> None:
    code = b"\x1bLua os.execute('touch harm')"
    number = b"" if kind == 6 else struct.pack("<i", 2)
    function = struct.pack("<i", kind) + number + struct.pack("<i", len(code)) + code + Writer()(None)
    content = struct.pack("<iii", 3, 1, 2) + Writer()("f") + function + Writer()("after") + Writer()(4)
    found = read_torch7(write(content))
    assert isinstance(found, Table)
    assert isinstance(found["f"], TorchObject)
    assert found["f"].name == "function"
    assert found["after"] == 4.0


def test_a_file_that_is_cut_anywhere_is_refused(write: Write) -> None:
    content = Writer()({"mean": 0.5, "t": tensor(np.ones((2, 2))), "b": True})
    for length in range(len(content)):
        with pytest.raises(WeightsError, match="can't be read at byte") as caught:
            read_torch7(write(content[:length]))
    assert "get it again" in caught.value.remedy


def float_storage(count: int) -> Thing:
    return Thing("torch.FloatStorage", np.zeros(count, np.float32))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"\x80\x02}q\x00.", "is no type of a value"),
        (struct.pack("<iii", 3, 1, 2**31 - 1), "4 bytes are to follow"),
        (struct.pack("<ii", 2, -5), "-5 bytes are to follow"),
        (struct.pack("<ii", 2, 10**9), "1000000000 bytes are to follow"),
        (View(float_storage(4), (2, 3), (3, 1)), "lies in 4 numbers"),
        (View(float_storage(4), (2, 2), (2, 1), offset=2), "lies in 4 numbers"),
        (View(float_storage(4), (2, 2), (2, 1), offset=0), "lies in 4 numbers"),
        (View(float_storage(4), (2, 2), (-2, 1), offset=3), "lies in 4 numbers"),
        (View(float_storage(4), (2, -2), (1, 1)), "lies in 4 numbers"),
        (View(float_storage(4), (2,), (2**62,)), "lies in 4 numbers"),
        (View(float_storage(4), (4,), (1,), kind="Double"), "without a storage of float64"),
        (View(None, (4,), (1,)), "without a storage of float32"),
        (View(float_storage(1), (1,) * 40, (1,) * 40), "40 axes"),
        # Each table is the first key of the one before it.
        (b"".join(struct.pack("<iii", 3, number, 1) for number in range(400)), "nested more than 300 deep"),
    ],
)
def test_what_makes_no_sense_is_refused(write: Write, value: Any, message: str) -> None:
    path = write(value)
    with pytest.raises(WeightsError, match=message):
        read_torch7(path)


def test_no_file_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"colornet\.t7 can't be read"):
        read_torch7(tmp_path / "colornet.t7")


WIDTH = 4


def small(*, batch_norm: bool = False, seed: int = 0) -> IizukaNet:
    torch.manual_seed(seed)
    network = IizukaNet(width=WIDTH, batch_norm=batch_norm).eval()
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if key.endswith("running_var"):
                value.uniform_(0.2, 0.5)
            elif value.dim() > 1:
                value.normal_(0.0, math.sqrt(2.0 / value[0].numel()))
            elif value.dim() == 1 and not key.endswith("weight"):
                value.uniform_(-0.05, 0.2)
    return network


Change = Callable[[str, dict[str, Any]], None]


def unchanged(name: str, fields: dict[str, Any]) -> None:
    pass


def written_layer(layer: nn.Module, change: Change = unchanged) -> Thing:
    """A layer of torch as Torch7 has it, with what a training leaves behind."""
    weights = {key: tensor(value.numpy()) for key, value in layer.state_dict().items() if value.dim() > 0}
    fields: dict[str, Any] = {"train": False, "_type": "torch.FloatTensor", "output": View(None, (), ()), **weights}
    if isinstance(layer, nn.Conv2d):
        name = "nn.SpatialConvolution"
        fields |= {"nInputPlane": layer.in_channels, "nOutputPlane": layer.out_channels}
        fields |= {"kH": layer.kernel_size[0], "kW": layer.kernel_size[1], "dH": layer.stride[0], "dW": layer.stride[1]}
        fields |= {"padH": layer.padding[0], "padW": layer.padding[1], "gradWeight": weights["weight"]}
    elif isinstance(layer, nn.Linear):
        name = "nn.Linear"
    elif isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
        name = "nn.SpatialBatchNormalization" if isinstance(layer, nn.BatchNorm2d) else "nn.BatchNormalization"
        fields |= {"eps": layer.eps, "momentum": 0.1}
    elif isinstance(layer, nn.Upsample):
        name = "nn.SpatialUpSamplingNearest"
        fields["scale_factor"] = 2
    elif isinstance(layer, nn.Flatten):
        name = "nn.View"
        fields["size"] = Thing("torch.LongStorage", np.array([-1, 1568], np.int64))
    else:
        name = f"nn.{type(layer).__name__}"
    thing = Thing(name, fields)
    change(name, fields)
    thing.name = fields.pop("class", name)
    return thing


def sequence(layers: Sequence[nn.Module], change: Change = unchanged, *, more: Sequence[Thing] = ()) -> Thing:
    return Thing("nn.Sequential", {"modules": [*(written_layer(layer, change) for layer in layers), *more]})


class GraphFile:
    """A graph as nngraph builds it: a node's table lists its inputs' tables, and each of these leads back to its place.

    Args:
        split: the input is taken apart by nodes of their own, as nngraph does since 2015.
    """

    def __init__(self, *, split: bool = True) -> None:
        self.begin = self.node()
        self.split = split
        self.middle = self.node(self.begin, nSplitOutputs=2) if split else self.begin

    def node(self, *inputs: Pairs, module: Thing | None = None, **fields: Any) -> Pairs:
        mapindex = Pairs([pair for i, one in enumerate(inputs, 1) for pair in ((i, one), (one, i))])
        module_item = [] if module is None else [("module", module)]
        return Pairs([("annotations", {}), ("mapindex", mapindex), *module_item, *fields.items()])

    def source(self, number: int) -> Pairs:
        identity = Thing("nn.Identity", {})
        if self.split:
            return self.node(self.node(self.middle, selectindex=number), module=identity)
        node = self.node(self.begin, module=identity)
        listed: Pairs = dict(self.begin.items)["mapindex"]
        listed.items += [(number, node), (node, number)]
        return node

    def done(self, *outputs: Pairs, mean: Any = 0.45, name: str = "nn.gModule") -> dict[str, Any]:
        nodes = {
            key: Thing("nngraph.Node", {"data": data}) for key, data in (("innode", self.begin), ("outnode", self.node(*outputs)))
        }
        return {"mean": mean, "model": Thing(name, {**nodes, "verbose": False, "fg": Thing("graph.Graph", {})})}


def released(
    network: IizukaNet,
    *,
    split: bool = True,
    vector_first: bool = True,
    change: Change = unchanged,
    low_of_copy: nn.Sequential | None = None,
    inputs: tuple[int, int] = (1, 2),
) -> dict[str, Any]:
    """A file of the layout that is most likely: the copy first, the vector repeated twice, features joined, then all the rest."""
    graph = GraphFile(split=split)
    copy, frame = (graph.source(number) for number in (1, 2))
    if inputs == (2, 1):
        copy, frame = frame, copy
    low = sequence(list(network.low), change)
    low_again = low if low_of_copy is None else sequence(list(low_of_copy), change)
    places = graph.node(graph.node(frame, module=low), module=sequence(list(network.mid), change))
    whole = list(network.whole)
    last = max(i for i, layer in enumerate(whole) if isinstance(layer, nn.Linear))
    features = graph.node(graph.node(copy, module=low_again), module=sequence(whole[:last], change))
    repeats = [Thing("nn.Replicate", {"nfeatures": 28, "dim": dim}) for dim in (3, 4)]
    vector = graph.node(features, module=sequence(whole[last:], change, more=repeats))
    joined = graph.node(*((vector, places) if vector_first else (places, vector)), module=Thing("nn.JoinTable", {"dimension": 2}))
    return graph.done(graph.node(joined, module=sequence(list(network.color), change)))


@pytest.fixture
def pictures() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.rand(1, 1, 16, 24, generator=draw) - 0.45, torch.rand(1, 1, 224, 224, generator=draw) - 0.45


def outputs(network: IizukaNet, pictures: tuple[Tensor, Tensor]) -> Tensor:
    with torch.no_grad():
        chroma: Tensor = network(*pictures)
    return chroma


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("split", [False, True])
def test_a_network_is_read_from_its_file(write: Write, pictures: tuple[Tensor, Tensor], batch_norm: bool, split: bool) -> None:
    network = small(batch_norm=batch_norm)
    found = load_released(write(released(network, split=split)), width=WIDTH)
    assert found.mean == 0.45
    assert not found.network.training
    state = found.network.state_dict()
    assert state.keys() == network.state_dict().keys()
    assert all(torch.equal(state[key], value) for key, value in network.state_dict().items() if value.dim() > 0)
    expected = outputs(network, pictures)
    assert torch.equal(outputs(found.network, pictures), expected)
    assert expected.std() > 0.005


def test_the_order_in_the_fused_channels_is_the_file_s(write: Write, pictures: tuple[Tensor, Tensor]) -> None:
    network = small()
    network.vector_first = False
    found = load_released(write(released(network, vector_first=False)), width=WIDTH).network
    assert torch.equal(outputs(found, pictures), outputs(network, pictures))
    network.vector_first = True
    assert not torch.allclose(outputs(found, pictures), outputs(network, pictures))


def test_kernel_sizes_and_places_of_doubling_are_the_file_s(write: Write, pictures: tuple[Tensor, Tensor]) -> None:
    network = small()
    layers = list(network.color)
    layers[0] = nn.Conv2d(8 * WIDTH, 4 * WIDTH, 3, padding=1)
    layers[5] = nn.Conv2d(2 * WIDTH, WIDTH, 5, padding=2)
    layers.insert(2, layers.pop(4))
    network.color = nn.Sequential(*layers).eval()
    found = load_released(write(released(network)), width=WIDTH).network
    assert torch.equal(outputs(found, pictures), outputs(network, pictures))


def test_branches_whose_low_level_layers_differ_are_both_kept(write: Write, pictures: tuple[Tensor, Tensor]) -> None:
    network, other = small(batch_norm=True), small(batch_norm=True, seed=1)
    alike = load_released(write(released(network, low_of_copy=small(batch_norm=True).low)), width=WIDTH).network
    assert alike.low_of_copy is None
    found = load_released(write(released(network, low_of_copy=other.low)), width=WIDTH).network
    network.low_of_copy = other.low
    assert torch.equal(outputs(found, pictures), outputs(network, pictures))
    assert not torch.allclose(outputs(found, pictures), outputs(alike, pictures))


def old_ways(name: str, fields: dict[str, Any]) -> None:
    """Doubles, convolutions as matrices with one number for both paddings, inverse deviations, cudnn's names, dropout."""
    for key, value in list(fields.items()):
        if isinstance(value, View) and value.storage is not None:
            fields[key] = tensor(value.storage.content.astype(np.float64).reshape(value.sizes))
    if name == "nn.SpatialConvolution":
        fields["class"] = "nn.SpatialConvolutionMM"
        weight = fields["weight"].storage.content
        fields["weight"] = tensor(weight.reshape(int(fields["nOutputPlane"]), -1))
        fields["padding"] = fields.pop("padH")
        del fields["padW"]
    elif name == "nn.SpatialBatchNormalization":
        fields["class"] = "cudnn.SpatialBatchNormalization"
        fields["running_std"] = tensor((fields.pop("running_var").storage.content + fields["eps"]) ** -0.5)
    elif name == "nn.ReLU":
        fields["class"] = "cudnn.ReLU"
    elif name == "nn.View":
        fields["class"] = "nn.Reshape"


def test_older_ways_to_write_the_same_layers_are_read(write: Write, pictures: tuple[Tensor, Tensor]) -> None:
    network = small(batch_norm=True)
    found = load_released(write(released(network, change=old_ways)), width=WIDTH).network
    torch.testing.assert_close(outputs(found, pictures), outputs(network, pictures), rtol=0, atol=1e-5)


def test_layers_that_do_nothing_in_evaluation_are_left_out(write: Write, pictures: tuple[Tensor, Tensor]) -> None:
    network = small()
    given = small()
    given.whole = nn.Sequential(*list(given.whole)[:-2], nn.Dropout(0.5), *list(given.whole)[-2:])
    found = load_released(write(released(given)), width=WIDTH).network
    assert torch.equal(outputs(found, pictures), outputs(network, pictures))


def with_field(wanted: str, key: str, value: Any) -> Change:
    def change(name: str, fields: dict[str, Any]) -> None:
        if name == wanted:
            fields[key] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_field("nn.Sigmoid", "class", "nn.Tangle"), r"nn\.Tangle is a layer without a counterpart"),
        (with_field("nn.SpatialConvolution", "groups", 2), "has groups"),
        (with_field("nn.SpatialConvolution", "kH", None), "kH = None"),
        (with_field("nn.SpatialConvolution", "kH", 5), "has 36 weights for 1 x 4 x 5 x 3"),
        (with_field("nn.SpatialConvolution", "dW", 2.5), r"dW = 2\.5"),
        (with_field("nn.SpatialConvolution", "dH", 1), "low has channels and strides"),
        (with_field("nn.Linear", "weight", None), r"nn\.Linear has no weight"),
        (with_field("nn.Linear", "weight", View(float_storage(1), (64, 1568), (0, 0))), r"nn\.Linear has no weight"),
        (with_field("nn.Linear", "bias", tensor(np.zeros(3, np.float32))), r"of another shape: whole\.9\.bias"),
    ],
)
def test_layers_that_are_not_the_paper_s_or_not_known_are_refused(write: Write, change: Change, message: str) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        load_released(write(released(small(), change=change)), width=WIDTH)
    assert caught.value.remedy


def test_another_width_is_refused(write: Write) -> None:
    with pytest.raises(WeightsError, match=r"low has channels and strides \[\(1, 4, 2\), .*, the paper \[\(1, 64, 2\)"):
        load_released(write(released(small())))


def graphs() -> list[tuple[Any, str]]:
    graph = GraphFile()
    one = graph.node(graph.source(1), module=Thing("nn.ReLU", {}))
    two = graph.node(graph.source(2), module=Thing("nn.ReLU", {}))
    joined = graph.node(one, two, module=Thing("nn.JoinTable", {}))
    circle = GraphFile()
    node = circle.node()
    dict(node.items)["mapindex"].items += [(1, node)]
    whole = released(small())
    return [
        (None, "no table of a mean and a graph"),
        ({"model": whole["model"]}, "no table of a mean and a graph"),
        (graph.done(joined, mean=math.nan), "no table of a mean and a graph"),
        (graph.done(joined, name="nn.Sequential"), "no table of a mean and a graph"),
        ({"mean": 0.45, "model": Thing("nn.gModule", {})}, "no innode"),
        (graph.done(joined, one), "2 outputs"),
        (graph.done(joined), "does not join"),
        (graph.done(one), "does not join"),
        (circle.done(node), "in a circle"),
        (released(small(), inputs=(2, 1)), "is made of its second input"),
    ]


@pytest.mark.parametrize(("value", "message"), graphs())
def test_graphs_that_are_not_the_paper_s_are_refused(write: Write, value: Any, message: str) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        load_released(write(value), width=WIDTH)
    assert "colornet.t7" in caught.value.wrong
