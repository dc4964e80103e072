"""The multi-scale block against a direct transcription, and the release's U-Net against one of its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal, TypeVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bistnet.network.refinement import (
    BOUND,
    MultiScaleRefinement,
    SingleScaleRefinement,
    bounded,
    equal_width,
    make_refinement,
    make_unet,
)
from bistnet.network.settings import RefinementSettings, load_settings
from bistnet.release import FUSION_CHANNELS, load_fusion_net, recognize
from colorbench.errors import WeightsError
from colorbench.nets.colorvid import ColorVidUNet

Net = TypeVar("Net", bound=nn.Module)

SMALL = RefinementSettings(body="plain", width=4, depth=1, levels=2)
BODIES = [
    SMALL,
    dataclasses.replace(SMALL, body="separable"),
    dataclasses.replace(SMALL, patch=2),
    RefinementSettings(body="colorvidnet", width=4, residual=False, upsampling="transposed"),
]


def inputs(channels: int = 5, *, batch: int = 1, height: int = 32, width: int = 32, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(batch, channels, height, width, generator=generator) * 2 - 1
    return x, x[:, 1:3] * 100.0


def lively(net: Net, *, seed: int = 0) -> Net:
    """Weights large enough that every part shows in the output."""
    torch.manual_seed(seed)
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3)
    return net.eval()


def parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def mean_of_two_by_two(x: Tensor) -> Tensor:
    return (x[..., 0::2, 0::2] + x[..., 1::2, 0::2] + x[..., 0::2, 1::2] + x[..., 1::2, 1::2]) / 4


def doubled(x: Tensor) -> Tensor:
    """Bilinear: an output pixel lies a quarter of a pixel off an input pixel's center, borders are repeated."""
    for axis in (-2, -1):
        padded = torch.cat((x.narrow(axis, 0, 1), x, x.narrow(axis, x.shape[axis] - 1, 1)), dim=axis)
        before, middle, after = (padded.narrow(axis, start, x.shape[axis]) for start in range(3))
        both = torch.stack((0.25 * before + 0.75 * middle, 0.75 * middle + 0.25 * after), dim=axis if axis == -1 else -2)
        x = both.flatten(-2) if axis == -1 else both.flatten(-3, -2)
    return x


@pytest.mark.parametrize("residual", [False, True])
def test_each_level_is_fed_what_the_paper_says(residual: bool) -> None:
    net = lively(MultiScaleRefinement(5, dataclasses.replace(SMALL, residual=residual))).double()
    x, color_map = (t.double() for t in inputs())
    x_half = mean_of_two_by_two(x)
    x_quarter = mean_of_two_by_two(x_half)

    def ab(raw: Tensor, corrected: Tensor) -> Tensor:
        if residual:
            m = (corrected / 128).clamp(-0.999, 0.999)
            raw = raw + 0.5 * torch.log((1 + m) / (1 - m))
        e = torch.exp(2 * raw)
        return 128 * (e - 1) / (e + 1)

    with torch.no_grad():
        z4 = ab(net.coarse(x_quarter), mean_of_two_by_two(mean_of_two_by_two(color_map)))
        z2 = ab(net.middle(torch.cat((x_half, doubled(z4) / 128), 1)), doubled(z4))
        z1 = ab(net.fine(torch.cat((x, doubled(z2) / 128), 1)), doubled(z2))
        for ours, theirs in zip(net(x, color_map), (z4, z2, z1), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-8)
    assert z1.std() > 5


def test_one_input_pixel_reaches_all_three_scales() -> None:
    net = lively(MultiScaleRefinement(5, SMALL))
    x, color_map = inputs()
    other = x.clone()
    other[..., 0, 16, 16] += 1
    with torch.no_grad():
        for before, after in zip(net(x, color_map), net(other, color_map), strict=True):
            assert (before != after).any()


@pytest.mark.parametrize("settings", BODIES, ids=lambda s: f"{s.body}-{s.patch}")
@pytest.mark.parametrize("scales", [3, 1])
def test_three_scales_come_back_bounded(settings: RefinementSettings, scales: Literal[1, 3]) -> None:
    net = lively(make_refinement(5, dataclasses.replace(settings, scales=scales)))
    x, color_map = inputs(batch=2)
    with torch.no_grad():
        outputs = net(x, color_map * 3)
    assert [tuple(out.shape) for out in outputs] == [(2, 2, 8, 8), (2, 2, 16, 16), (2, 2, 32, 32)]
    assert all(out.abs().max() <= BOUND for out in outputs)


@pytest.mark.parametrize("settings", BODIES, ids=lambda s: f"{s.body}-{s.patch}")
@pytest.mark.parametrize("scales", [3, 1])
def test_every_parameter_gets_a_gradient(settings: RefinementSettings, scales: Literal[1, 3]) -> None:
    torch.manual_seed(0)
    net = make_refinement(5, dataclasses.replace(settings, scales=scales))
    sum(out.square().mean() for out in net(*inputs(height=64))).backward()
    without = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("settings", BODIES, ids=lambda s: f"{s.body}-{s.patch}")
def test_a_batch_is_its_frames_one_by_one(settings: RefinementSettings) -> None:
    net = lively(make_refinement(5, settings)).double()
    x, color_map = (t.double() for t in inputs(batch=3))
    with torch.no_grad():
        together = net(x, color_map)
        for index in range(3):
            alone = net(x[index : index + 1], color_map[index : index + 1])
            for a, b in zip(together, alone, strict=True):
                torch.testing.assert_close(a[index : index + 1], b, rtol=1e-9, atol=1e-9)


def test_an_untrained_residual_block_returns_nearly_its_color_map() -> None:
    torch.manual_seed(0)
    net = MultiScaleRefinement(5, SMALL)
    x, color_map = inputs()
    flat = torch.full_like(color_map, 40.0)
    with torch.no_grad():
        for out in net(x, flat):
            assert (out - 40.0).abs().max() < 2.0


@pytest.mark.parametrize("detail", [True, False])
def test_a_sharp_color_map_stays_sharp_with_detail_alone(detail: bool) -> None:
    """A checkerboard, which nothing at half the size has: an untrained block returns it, or its mean."""
    torch.manual_seed(0)
    net = MultiScaleRefinement(5, dataclasses.replace(SMALL, detail=detail))
    x, _ = inputs()
    checks = 40.0 + 20.0 * ((torch.arange(32)[:, None] + torch.arange(32)) % 2).float().mul(2).sub(1).expand(1, 2, 32, 32)
    wanted = checks if detail else torch.full_like(checks, 40.0)
    with torch.no_grad():
        quarter, half, full = net(x, checks)
    assert (full - wanted).abs().max() < 2.0
    assert (half - 40.0).abs().max() < 2.0
    assert (quarter - 40.0).abs().max() < 2.0


def test_the_residual_of_nothing_is_the_color_map() -> None:
    ab = torch.linspace(-110, 110, 45, dtype=torch.float64).reshape(1, 1, 5, 9)
    torch.testing.assert_close(bounded(torch.zeros_like(ab), ab), ab)
    assert bounded(torch.zeros_like(ab), 10 * ab).abs().max() <= BOUND


@pytest.mark.parametrize(
    "settings", [load_settings("paper").refinement, load_settings("compact").refinement], ids=["paper", "compact"]
)
@pytest.mark.parametrize("channels", [3, 23, 28])
def test_the_single_scale_form_has_nearly_the_same_parameters(settings: RefinementSettings, channels: int) -> None:
    with torch.device("meta"):
        three = MultiScaleRefinement(channels, settings)
        one = SingleScaleRefinement(channels, settings)
    assert parameters(one) == pytest.approx(parameters(three), rel=0.03)
    assert len(list(one.modules())) < len(list(three.modules()))


def test_no_neighboring_width_is_nearer() -> None:
    width = equal_width(7, SMALL)
    with torch.device("meta"):
        wanted = parameters(MultiScaleRefinement(7, SMALL))
        gaps = [abs(parameters(make_unet(7, SMALL, width=w)) - wanted) for w in (width - 1, width, width + 1)]
    assert gaps[1] == min(gaps)


def test_reusing_the_second_level_leaves_the_third_levels_weights_unused() -> None:
    usual = lively(MultiScaleRefinement(5, SMALL))
    reusing = MultiScaleRefinement(5, dataclasses.replace(SMALL, reuse_second=True)).eval()
    reusing.load_state_dict(usual.state_dict())
    x, color_map = inputs()
    with torch.no_grad():
        before = reusing(x, color_map)
        usual.fine.load_state_dict(usual.middle.state_dict())
        torch.testing.assert_close(before[2], usual(x, color_map)[2])
        nn.init.zeros_(reusing.fine.stem.weight)
        torch.testing.assert_close(reusing(x, color_map)[2], before[2])


class OfficialColorVidNet(nn.Module):
    """The released U-Net, transcribed from facts/baselines.md section 8 with its own names."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()

        def conv(i: int, o: int, dilation: int = 1) -> nn.Conv2d:
            return nn.Conv2d(i, o, 3, padding=dilation, dilation=dilation)

        def up(i: int, o: int) -> nn.Sequential:
            return nn.Sequential(nn.Upsample(scale_factor=2), conv(i, o))

        w = width
        self.conv1_1 = nn.Sequential(conv(channels, w // 2), nn.ReLU(), conv(w // 2, w))
        self.conv1_2 = conv(w, w)
        self.conv2_1, self.conv2_2 = conv(w, 2 * w), conv(2 * w, 2 * w)
        self.conv3_1, self.conv3_2, self.conv3_3 = conv(2 * w, 4 * w), conv(4 * w, 4 * w), conv(4 * w, 4 * w)
        self.conv4_1, self.conv4_2, self.conv4_3 = conv(4 * w, 8 * w), conv(8 * w, 8 * w), conv(8 * w, 8 * w)
        for block, dilation in ((5, 2), (6, 2), (7, 1)):
            for index in (1, 2, 3):
                setattr(self, f"conv{block}_{index}", conv(8 * w, 8 * w, dilation))
        for name, c in (("1_2", w), ("2_2", 2 * w), ("3_3", 4 * w)):
            setattr(self, f"conv{name}norm_ss", nn.Conv2d(c, c, 1, stride=2, groups=c, bias=False))
        self.conv8_1, self.conv3_3_short = up(8 * w, 4 * w), conv(4 * w, 4 * w)
        self.conv8_2, self.conv8_3 = conv(4 * w, 4 * w), conv(4 * w, 4 * w)
        self.conv9_1, self.conv2_2_short, self.conv9_2 = up(4 * w, 2 * w), conv(2 * w, 2 * w), conv(2 * w, 2 * w)
        self.conv10_1, self.conv1_2_short, self.conv10_2 = up(2 * w, 2 * w), conv(w, 2 * w), conv(2 * w, 2 * w)
        self.conv10_ab = nn.Conv2d(2 * w, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        norm, relu = nn.InstanceNorm2d(1), torch.relu
        one = norm(relu(self.conv1_2(relu(self.conv1_1(x)))))
        two = norm(relu(self.conv2_2(relu(self.conv2_1(self.conv1_2norm_ss(one))))))  # type: ignore[operator]
        three = norm(relu(self.conv3_3(relu(self.conv3_2(relu(self.conv3_1(self.conv2_2norm_ss(two))))))))  # type: ignore[operator]
        deep = self.conv3_3norm_ss(three)  # type: ignore[operator]
        for block in (4, 5, 6, 7):
            for index in (1, 2, 3):
                deep = relu(getattr(self, f"conv{block}_{index}")(deep))
            deep = norm(deep)
        eight = norm(relu(self.conv8_3(relu(self.conv8_2(relu(self.conv8_1(deep) + self.conv3_3_short(three)))))))
        nine = norm(relu(self.conv9_2(relu(self.conv9_1(eight) + self.conv2_2_short(two)))))
        ten = F.leaky_relu(self.conv10_2(relu(self.conv10_1(nine) + self.conv1_2_short(one))), 0.2)
        return torch.tanh(self.conv10_ab(ten)) * 128


class OfficialFusionNet(nn.Module):
    """The released fusion net, transcribed from facts/baselines.md section 9; its third U-Net is never called."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.size64 = OfficialColorVidNet(33, width)
        self.size128 = OfficialColorVidNet(35, width)
        self.size256 = OfficialColorVidNet(35, width)
        self.upconv1 = nn.ConvTranspose2d(2, 2, 3, stride=2, padding=1, output_padding=1)
        self.upconv2 = nn.ConvTranspose2d(2, 2, 3, stride=2, padding=1, output_padding=1)

    def forward(self, x: Tensor) -> Tensor:
        half = F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=False)
        quarter = F.interpolate(half, scale_factor=0.5, mode="bilinear", antialias=False)
        ab = self.upconv1(self.size64(quarter))
        ab = self.upconv2(self.size128(torch.cat((half, ab), 1)))
        out: Tensor = self.size128(torch.cat((x, ab), 1))
        return out


@pytest.fixture
def narrow_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """The release at a sixteenth of its width, so that a test takes no 400 MB."""
    import bistnet.release as module

    def narrow(channels: int, settings: RefinementSettings, *, chroma_scale: float) -> MultiScaleRefinement:
        return MultiScaleRefinement(channels, dataclasses.replace(settings, width=4), chroma_scale=chroma_scale)

    monkeypatch.setattr(module, "MultiScaleRefinement", narrow)


@pytest.mark.usefixtures("narrow_release")
@pytest.mark.parametrize("prefix", ["module.", ""])
def test_the_releases_fusion_net_loads_and_computes_the_same(tmp_path: Path, prefix: str) -> None:
    torch.manual_seed(1)
    official = OfficialFusionNet(4).eval()
    state = {prefix + key: tensor for key, tensor in official.state_dict().items()}
    file = recognize(state)
    assert file is not None
    assert "fusion net" in file.name
    torch.save(state, tmp_path / "fusenet.pth")
    ours = load_fusion_net(tmp_path / "fusenet.pth").double()
    x = torch.randn(1, FUSION_CHANNELS, 64, 64, dtype=torch.float64) * 20
    with torch.no_grad():
        torch.testing.assert_close(ours(x, x[:, :2])[2], official.double()(x), rtol=1e-6, atol=1e-6)


@pytest.mark.usefixtures("narrow_release")
def test_a_fusion_net_with_other_keys_is_refused_by_name(tmp_path: Path) -> None:
    state = OfficialFusionNet(4).state_dict()
    state["extra.weight"] = state.pop("size256.conv5_2.bias")
    torch.save(state, tmp_path / "fusenet.pth")
    with pytest.raises(WeightsError, match=r"1 missing: fine\.bottom\.1\.2\.bias; 1 unexpected: extra\.weight"):
        load_fusion_net(tmp_path / "fusenet.pth")


def test_the_counts_are_the_releases() -> None:
    settings = dataclasses.replace(load_settings("paper").refinement, upsampling="transposed")
    with torch.device("meta"):
        assert parameters(ColorVidUNet(33, 2, width=64)) == 32_809_858
        assert parameters(ColorVidUNet(35, 2, width=64)) == 32_810_434
        net = MultiScaleRefinement(FUSION_CHANNELS, settings)
    assert parameters(net) == 98_430_802
    assert len(net.state_dict()) == 199
