"""TCVC's networks: names, counts, flow and propagation against transcriptions in float64, the whole against the authors' code."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from skimage import data
from torch import Tensor, nn

from baselines.tcvc_networks.flownet2 import FlowNet2, FlowNetC, FlowNetFusion, FlowNetS, FlowNetSD
from baselines.tcvc_networks.flows import EstimatedFlow
from baselines.tcvc_networks.network import Tcvc
from colorbench.color import rgb_to_lab
from colorbench.errors import UsageError
from colorbench.flow.optical_flow import dis
from colorbench.training.losses.warping import warp

State = Mapping[str, Tensor]

AUTHORS = (
    (0.0089131, 0.020268, -0.0001119, 0.0223868, 0.0077714, -0.0149092),
    (-0.0492175, 0.046161, 0.0541389, 0.0282752, -0.0911835, -0.0593206),
    (-0.0656754, 0.0705209, 0.0100624, 0.0371615, -0.124362, -0.1287739),
    (0.0112489, 0.0212227, 0.0015188, 0.0224839, 0.0062119, -0.0137538),
)
"""What the authors' code (HEAD 08cfe36, in float64) gave for ``drawn`` weights and ``photograph``'s frames: mean and standard
deviation of a and b, and two pixels, a frame; docs/design/tcvc-deepremaster.md."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(key: str, shape: torch.Size) -> Tensor:
    """A weight that its name decides, at a scale that keeps activations alive and flows at a few pixels."""
    draw = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    kind = key.rpartition(".")[2]
    if kind == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    if kind == "running_var":
        return 0.5 + torch.rand(shape, generator=draw, dtype=torch.float64)
    noise = torch.randn(shape, generator=draw, dtype=torch.float64)
    if len(shape) == 1:
        return 0.1 * noise + (1.0 if kind == "weight" else 0.0)
    small = ("fea_key.model_out.0.weight", *(f"flow.{name}.predict_flow2.weight" for name in ("flownetc", *SAME)))
    gain = 2.0 if key == "flow.flownetfusion.predict_flow0.weight" else 0.1 if key in small else 1.0
    return noise * (gain * math.sqrt(2.0 / math.prod(shape[1:])))


SAME = ("flownets_1", "flownets_2")


def alive(network: nn.Module, prefix: str = "") -> State:
    """Draws all weights and returns them."""
    state = {key: drawn(prefix + key, tensor.shape) for key, tensor in network.state_dict().items()}
    network.load_state_dict(state)
    return state


def photograph(count: int, *, side: int = 64) -> list[Tensor]:
    """Frames of a crop that moves over a photograph: (1, 1, side, side) L* / 100 - 0.5 in float64."""
    picture = torch.from_numpy(data.coffee()).double() / 255.0
    crops = [picture[100 + 3 * i : 100 + 3 * i + side, 200 + 2 * i : 200 + 2 * i + side] for i in range(count)]
    return [rgb_to_lab(crop)[None, None, ..., 0] / 100.0 - 0.5 for crop in crops]


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def pairs(*names: str) -> set[str]:
    return {f"{name}.{part}" for name in names for part in ("weight", "bias")}


BOTTOM = ("conv4", "conv4_1", "conv5", "conv5_1", "conv6", "conv6_1")


def decoder_names(coarsest: int, finest: int, *, between: bool = False, flow_bias: bool = True) -> set[str]:
    finer = range(finest, coarsest)
    names = pairs(*(f"predict_flow{i}" for i in range(finest, coarsest + 1)), *(f"deconv{i}.0" for i in finer))
    names |= pairs(*(f"inter_conv{i}.0" for i in finer if between))
    enlarging = pairs(*(f"upsampled_flow{i + 1}_to_{i}" for i in finer))
    return names | {name for name in enlarging if flow_bias or name.endswith("weight")}


def flow_names() -> dict[str, set[str]]:
    def convs(*names: str) -> set[str]:
        return pairs(*(f"{name}.0" for name in names))

    small = ("conv0", "conv1", "conv1_1", "conv2", "conv2_1")
    s = convs("conv1", "conv2", "conv3", "conv3_1", *BOTTOM) | decoder_names(6, 2, flow_bias=False)
    return {
        "flownetc": convs("conv1", "conv2", "conv3", "conv_redir", "conv3_1", *BOTTOM) | decoder_names(6, 2),
        "flownets_1": s,
        "flownets_2": s,
        "flownets_d": convs(*small, "conv3", "conv3_1", *BOTTOM) | decoder_names(6, 2, between=True),
        "flownetfusion": convs(*small) | decoder_names(2, 0, between=True),
    }


def image_names() -> set[str]:
    """siggraph17's, 107."""
    norms = {1: 4, 2: 4, 3: 6, 4: 6, 5: 6, 6: 6, 7: 6, 8: 5, 9: 3}
    names = set()
    for block, norm in norms.items():
        first = 1 if block >= 8 else 0
        names |= pairs(*(f"model{block}.{i}" for i in range(first, norm, 2)), f"model{block}.{norm}")
        names |= {f"model{block}.{norm}.{part}" for part in ("running_mean", "running_var", "num_batches_tracked")}
    names |= pairs("model10.1", "model_class.0", "model_out.0", "model8up.0", "model9up.0", "model10up.0")
    return names | pairs("model3short8.0", "model2short9.0", "model1short10.0")


def test_the_whole_has_the_released_names_and_count() -> None:
    with torch.device("meta"):
        network = Tcvc(FlowNet2())
    names = pairs("L_fea_extractor.0", "L_fea_extractor.2")
    names |= pairs(*(f"{part}.conv{i}" for part in ("channel_reduction", "weigting", "feature_refine") for i in (1, 2, 3)))
    names |= {f"fea_key.{name}" for name in image_names()}
    names |= {f"flow.{part}.{name}" for part, known in flow_names().items() for name in known}
    state = network.state_dict()
    assert len(image_names()) == 107
    assert set(state) == names
    assert count(network) == 198_381_166
    assert count(network.flow) == 162_518_834
    assert sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad) == 1_675_305
    shapes = {
        "L_fea_extractor.2.weight": (32, 32, 3, 3),
        "channel_reduction.conv1.weight": (64, 128, 1, 1),
        "channel_reduction.conv2.weight": (64, 64, 3, 3),
        "weigting.conv1.weight": (196, 352, 3, 3),
        "weigting.conv3.weight": (1, 64, 3, 3),
        "feature_refine.conv1.weight": (196, 288, 3, 3),
        "feature_refine.conv3.weight": (128, 128, 3, 3),
        "flow.flownetc.conv3_1.0.weight": (256, 473, 3, 3),
        "flow.flownets_1.conv1.0.weight": (64, 12, 7, 7),
        "flow.flownetfusion.conv0.0.weight": (64, 11, 3, 3),
        "flow.flownetfusion.deconv0.0.weight": (162, 16, 4, 4),
    }
    assert {key: tuple(state[key].shape) for key in shapes} == shapes


@pytest.mark.parametrize(
    ("network", "parameters"),
    [(FlowNetC, 39_175_298), (FlowNetS, 38_695_322), (FlowNetSD, 45_371_666), (FlowNetFusion, 581_226)],
)
def test_each_network_of_the_flow_has_its_count(network: type[nn.Module], parameters: int) -> None:
    with torch.device("meta"):
        assert count(network(width=64)) == parameters


def sampled(planes: Tensor, flow: Tensor) -> Tensor:
    """Bilinear, the nearest border pixel outside."""
    rows, columns = planes.shape[-2:]
    found = torch.empty_like(planes)
    for n in range(len(planes)):
        y = (torch.arange(rows)[:, None] + flow[n, 1]).clamp(0, rows - 1)
        x = (torch.arange(columns) + flow[n, 0]).clamp(0, columns - 1)
        top, left = y.long(), x.long()
        below, right = (top + 1).clamp(max=rows - 1), (left + 1).clamp(max=columns - 1)
        p, q = y - top, x - left
        z = planes[n]
        upper, lower = (1 - q) * z[:, top, left] + q * z[:, top, right], (1 - q) * z[:, below, left] + q * z[:, below, right]
        found[n] = (1 - p) * upper + p * lower
    return found


def leaky(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.1 * x)


def transcribed_flow(state: State, first: Tensor, second: Tensor) -> Tensor:
    """FlowNet2, from facts and the paper."""

    def conv(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        return F.conv2d(x, weight, state[f"{name}.bias"], stride=stride, padding=weight.shape[-1] // 2)

    def chain(x: Tensor, net: str, *names: str) -> Tensor:
        """Layers whose name ends in a bare number shrink, but conv0."""
        for name in names:
            x = leaky(conv(x, f"{net}.{name}.0", stride=1 if "_" in name or name == "conv0" else 2))
        return x

    def up(x: Tensor, name: str) -> Tensor:
        return F.conv_transpose2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), stride=2, padding=1)

    def refined(net: str, maps: list[Tensor], coarsest: int) -> Tensor:
        x = maps[0]
        flow = conv(x, f"{net}.predict_flow{coarsest}")
        for step, one in enumerate(maps[1:], start=1):
            level = coarsest - step
            raised = leaky(up(x, f"{net}.deconv{level}.0"))
            x = torch.cat((one, raised, up(flow, f"{net}.upsampled_flow{level + 1}_to_{level}")), dim=1)
            inter = f"{net}.inter_conv{level}.0"
            flow = conv(conv(x, inter) if f"{inter}.weight" in state else x, f"{net}.predict_flow{level}")
        return flow

    def pyramid(net: str, two: Tensor, three: Tensor) -> Tensor:
        four = chain(three, net, "conv4", "conv4_1")
        five = chain(four, net, "conv5", "conv5_1")
        return refined(net, [chain(five, net, "conv6", "conv6_1"), five, four, three, two], 6)

    def bilinear(x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=4.0, mode="bilinear")

    def repeated(x: Tensor) -> Tensor:
        return x.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)

    def norm(x: Tensor) -> Tensor:
        return (x**2).sum(dim=1, keepdim=True) ** 0.5

    mean = (first.mean(dim=(2, 3), keepdim=True) + second.mean(dim=(2, 3), keepdim=True)) / 2
    one, other = first - mean, second - mean

    two = chain(one, "flownetc", "conv1", "conv2")
    a, b = chain(two, "flownetc", "conv3"), chain(other, "flownetc", "conv1", "conv2", "conv3")
    shifted = F.unfold(F.pad(b, (20, 20, 20, 20)), 21, dilation=2).reshape(len(b), b.shape[1], 441, *b.shape[2:])
    correlated = leaky((a[:, :, None] * shifted).mean(dim=1))
    redirected = leaky(conv(a, "flownetc.conv_redir.0"))
    three = leaky(conv(torch.cat((redirected, correlated), dim=1), "flownetc.conv3_1.0"))
    flow = bilinear(20 * pyramid("flownetc", two, three))

    for net, enlarge in zip(SAME, (bilinear, repeated), strict=True):
        warped = sampled(other, flow)
        x = torch.cat((one, other, warped, flow / 20, norm(one - warped)), dim=1)
        two = chain(x, net, "conv1", "conv2")
        flow = enlarge(20 * pyramid(net, two, chain(two, net, "conv3", "conv3_1")))
    large = flow

    two = chain(torch.cat((one, other), dim=1), "flownets_d", "conv0", "conv1", "conv1_1", "conv2", "conv2_1")
    small = repeated(pyramid("flownets_d", two, chain(two, "flownets_d", "conv3", "conv3_1")) / 20)

    errors = [norm(one - sampled(other, flow)) for flow in (small, large)]
    x = torch.cat((one, small, large, norm(small), norm(large), *errors), dim=1)
    zero = chain(x, "flownetfusion", "conv0")
    first_half = chain(zero, "flownetfusion", "conv1", "conv1_1")
    return refined("flownetfusion", [chain(first_half, "flownetfusion", "conv2", "conv2_1"), first_half, zero], 2)


@pytest.fixture(scope="module")
def narrow_flow() -> FlowNet2:
    network = FlowNet2(width=4).double().eval()
    alive(network, "flow.")
    return network


def test_flow_is_the_transcription(narrow_flow: FlowNet2) -> None:
    draw = torch.Generator().manual_seed(0)
    first, second = torch.rand(2, 2, 3, 64, 128, generator=draw, dtype=torch.float64)
    with torch.no_grad():
        found = narrow_flow(first, second)
    assert found.shape == (2, 2, 64, 128)
    torch.testing.assert_close(found, transcribed_flow(narrow_flow.state_dict(), first, second), rtol=0, atol=1e-9)
    assert found.std() > 0.5


def test_frames_that_flownet2_can_not_take_are_refused(narrow_flow: FlowNet2) -> None:
    with pytest.raises(UsageError, match="FlowNet2 was given frames of 96x64"):
        narrow_flow(*torch.rand(2, 1, 3, 64, 96, dtype=torch.float64))


class Tilt(nn.Module):
    """A flow that tells its arguments apart."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        self.calls += 1
        return torch.cat((5.0 * first[:, :1] - 3.0 * second[:, :1], 4.0 * second[:, 1:2] - first[:, 1:2]), dim=1)


def transcribed_segment(network: Tcvc, grays: list[Tensor]) -> list[Tensor]:
    """The propagation of facts, with every list in full."""
    state = network.state_dict()
    last = len(grays) - 1

    def conv(x: Tensor, name: str) -> Tensor:
        weight = state[f"{name}.weight"]
        return F.conv2d(x, weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2)

    def three(x: Tensor, name: str) -> Tensor:
        return conv(leaky(conv(leaky(conv(x, f"{name}.conv1")), f"{name}.conv2")), f"{name}.conv3")

    def flow(i: int, j: int) -> Tensor:
        a, b = ((grays[k] + 0.5).repeat(1, 3, 1, 1) for k in (i, j))
        moved: Tensor = Tilt()(a, b)
        return moved

    def color(features: Tensor) -> Tensor:
        return torch.tanh(conv(features, "fea_key.model_out.0"))

    looks = [conv(leaky(conv(x, "L_fea_extractor.0")), "L_fea_extractor.2") for x in grays]
    features = {0: network.fea_key.features(grays[0]), last: network.fea_key.features(grays[last])}
    backward = {last: features[last]}
    for i in range(last - 1, 0, -1):
        backward[i] = sampled(backward[i + 1], flow(i, i + 1))
    fused = {0: features[0]}
    for i in range(1, last):
        forward = sampled(fused[i - 1], flow(i, i - 1))
        luma = torch.cat(looks[i - 1 : i + 2], dim=1)
        share = 1 / (1 + (-three(torch.cat((luma, backward[i], forward), dim=1), "weigting")).exp())
        mixed = share * forward + (1 - share) * backward[i]
        context = [three(x, "channel_reduction") for x in (backward[i + 1], fused[i - 1], mixed)]
        fused[i] = mixed + three(torch.cat((luma, *context), dim=1), "feature_refine")
    fused[last] = features[last]
    return [color(fused[i]) for i in range(last + 1)]


@pytest.fixture(scope="module")
def narrow() -> Tcvc:
    network = Tcvc(Tilt(), width=4, gray_width=3, hidden=6).double().eval()
    alive(network)
    return network


@pytest.mark.parametrize("frames", [2, 3, 6])
def test_a_segment_is_the_transcription(narrow: Tcvc, frames: int) -> None:
    grays = photograph(frames, side=32)
    with torch.no_grad():
        found = narrow(grays)
        wanted = torch.stack(transcribed_segment(narrow, grays), dim=1)
    assert found.shape == (1, frames, 2, 32, 32)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)
    assert found.std() > 0.02
    assert (found[:, 0] - found[:, -1]).abs().mean() > 1e-3


def test_flow_is_asked_for_twice_a_frame_between_anchors() -> None:
    flow = Tilt()
    network = Tcvc(flow, width=2, gray_width=2, hidden=2).double().eval()
    with torch.no_grad():
        network(photograph(7, side=16))
    assert flow.calls == 10


def test_image_network_and_flow_stay_frozen_and_in_evaluation() -> None:
    network = Tcvc(FlowNet2(width=4), width=2, gray_width=2, hidden=2).train()
    assert network.training
    assert network.feature_refine.training
    assert not any(module.training for part in (network.fea_key, network.flow) for module in part.modules())
    ab = network([gray.float() for gray in photograph(4)])
    (ab * torch.randn_like(ab)).sum().backward()
    learned = {name for name, parameter in network.named_parameters() if parameter.grad is not None and parameter.grad.any()}
    small = ("L_fea_extractor", "channel_reduction", "weigting", "feature_refine")
    assert learned == {name for name, _ in network.named_parameters() if name.startswith(small)}


def test_an_estimator_in_flownet2_s_place_sees_levels_and_gives_planes() -> None:
    seen: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []

    def estimate(gray: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append((gray, other))
        return np.stack((gray, other), axis=-1).astype(np.float32)

    first = torch.tensor([0.0, 0.1, 0.502, 1.0]).reshape(1, 1, 2, 2).repeat(2, 3, 1, 1)
    second = 1.0 - first
    found = EstimatedFlow(estimate)(first, second)
    assert found.shape == (2, 2, 2, 2)
    assert seen[1][0].tolist() == [[0, 26], [128, 255]]
    assert seen[1][1].dtype == np.uint8
    assert found[0, 0].tolist() == [[0.0, 26.0], [128.0, 255.0]]
    assert found[0, 1].tolist() == [[255.0, 230.0], [127.0, 0.0]]


def test_dis_leads_from_a_frame_to_the_next_so_that_what_is_carried_back_lies_on_it() -> None:
    now, later = ((gray + 0.5).float().expand(-1, 3, -1, -1) for gray in photograph(2, side=128))
    flow = EstimatedFlow(dis)(now, later)
    inner = (slice(None), slice(None), slice(16, -16), slice(16, -16))
    assert flow[inner].mean(dim=(0, 2, 3)).tolist() == pytest.approx([-2.0, -3.0], abs=0.3)
    carried = warp(later, flow)
    assert (carried - now)[inner].abs().mean() < 0.3 * (later - now)[inner].abs().mean()


@pytest.mark.slow
def test_the_authors_code_gives_these_numbers_on_these_weights() -> None:
    """All networks at the released widths, in float64: drawn weights, four frames, the first and the last of them anchors."""
    network = Tcvc(FlowNet2()).eval()
    alive(network)
    network.double()  # of the weights in float32, as the authors' networks hold them
    with torch.no_grad():
        found = network(photograph(4))[0]
    for ab, wanted in zip(found, AUTHORS, strict=True):
        numbers = (ab[0].mean(), ab[0].std(), ab[1].mean(), ab[1].std(), ab[0, 20, 31], ab[1, 63, 5])
        assert [float(x) for x in numbers] == pytest.approx(wanted, abs=2e-7)
