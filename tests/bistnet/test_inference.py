"""Streaming: every frame once, in bounded memory, whatever the batch; and what happens when the device says no."""

from __future__ import annotations

import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bistnet.inference import Colored, Colorizer
from bistnet.network.fusion import Span, spans
from bistnet.network.graph import BiSTNet, Embedded, Reference
from bistnet.network.settings import settings_from_dict, with_overrides
from bistnet.options import Options, Precision
from bistnet.upsampling import scale_chroma_up, scale_down
from colorbench.errors import ColorbenchError, UsageError
from colorbench.types import LStar, RgbFrame

ROOT = Path(__file__).resolve().parents[2]
PLAIN = settings_from_dict(
    {
        "preset": "tiny",
        "features": {"encoder": "compact", "width": 4, "embedding": 8},
        "match": {"stride": 8},
        "fusion": {},
        "experts": {},
        "refinement": {"body": "plain", "width": 4, "depth": 1, "levels": 2},
    }
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small lose time to more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Fake(nn.Module):
    """Colors a frame with the mean chroma of its references, weighted by position. Records what it is asked."""

    settings = PLAIN

    def __init__(self, *, most: int = 99, overflows: bool = False, broken: bool = False) -> None:
        super().__init__()
        self.most, self.overflows, self.broken = most, overflows, broken
        self.batches: list[int] = []
        self.encoded: list[tuple[int, ...]] = []
        self.references: list[weakref.ref[Tensor]] = []
        self.most_alive = 0

    def encode_reference(self, l_star: Tensor, ab: Tensor) -> Reference:
        self.encoded.append(tuple(l_star.shape[-2:]))
        mean = ab.mean(dim=(2, 3), keepdim=True)
        self.references.append(weakref.ref(mean))
        return Reference(Embedded(l_star, None), mean, None)

    def forward(
        self, l_star: Tensor, first: Reference, second: Reference | None, position: Tensor, experts: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        self.batches.append(len(l_star))
        self.most_alive = max(self.most_alive, sum(reference() is not None for reference in self.references))
        if len(l_star) > self.most:
            raise torch.cuda.OutOfMemoryError("simulated")
        p = position[:, None, None, None]
        ab = first.values if second is None else (1 - p) * first.values + p * second.values
        full = ab.expand(len(l_star), -1, -1, -1) * torch.ones_like(l_star)
        if self.broken or (self.overflows and torch.is_autocast_enabled("cpu")):
            full = full * torch.nan
        return full, full, full


def gray(count: int, *, height: int = 40, width: int = 56) -> list[LStar]:
    rng = np.random.default_rng(0)
    coarse = rng.uniform(5, 95, (count, height // 8 + 1, width // 8 + 1))
    return list(np.kron(coarse, np.ones((1, 8, 8)))[:, :height, :width].astype(np.float32))


def picture(red: int, *, height: int = 40, width: int = 56) -> RgbFrame:
    rgb = np.full((height, width, 3), 90, np.uint8)
    rgb[..., 0] = red
    return rgb


def color_clip(
    network: nn.Module,
    frames: Sequence[LStar],
    places: Sequence[int],
    *,
    pictures: Sequence[RgbFrame] | None = None,
    options: Options | None = None,
) -> list[Colored]:
    shown = pictures or [picture(90 + 40 * number) for number in range(len(places))]
    core = Colorizer(network, options=options or Options(long_side=0))  # type: ignore[arg-type]
    cut = spans(places, len(frames))
    return list(core.stream(cut, luminance=lambda index: frames[index], reference=lambda number: shown[number]))


@pytest.mark.parametrize("places", [[0], [3], [0, 6], [2, 4], [6, 0, 3]])
def test_every_frame_comes_out_once_in_order_with_its_luminance(places: list[int]) -> None:
    frames = gray(7)
    colored = color_clip(Fake(), frames, places, options=Options(batch=2))
    assert [frame.number for frame in colored] == list(range(7))
    for frame, l_star in zip(colored, frames, strict=True):
        assert np.array_equal(frame.lab[..., 0].numpy(), l_star)
        assert frame.ab().shape == (40, 56, 2)
        assert frame.rgb().dtype == np.uint8


def test_colors_go_from_one_reference_to_the_next() -> None:
    colored = color_clip(Fake(), gray(9), [0, 4, 8])
    redness = [float(frame.ab()[..., 0].mean()) for frame in colored]
    assert redness == sorted(redness)
    assert redness[2] == pytest.approx((redness[0] + redness[4]) / 2, abs=1e-4)


def test_a_reference_is_encoded_once_a_clip_and_only_two_are_held() -> None:
    network = Fake()
    color_clip(network, gray(30), [0, 7, 14, 21, 29], options=Options(batch=3))
    assert len(network.encoded) == 5
    assert network.most_alive <= 2


def test_spans_in_pieces_encode_no_reference_again() -> None:
    network, frames = Fake(), gray(10)
    whole = spans([0, 9], 10)[0]
    pieces = [Span(at, at + 2, 0, 1, whole.positions[at : at + 2]) for at in range(0, 10, 2)]
    core = Colorizer(network)  # type: ignore[arg-type]
    stream = core.stream(pieces, luminance=lambda index: frames[index], reference=lambda number: picture(90 + 60 * number))
    assert len(list(stream)) == 10
    assert len(network.encoded) == 2


def test_a_span_without_a_reference_stays_gray_and_asks_for_none() -> None:
    network, frames = Fake(), gray(8)
    core = Colorizer(network, options=Options(batch=2))  # type: ignore[arg-type]
    cut = (Span(0, 5, None, None, (0.0,) * 5), Span(5, 8, 1, None, (0.0,) * 3))
    colored = list(core.stream(cut, luminance=lambda index: frames[index], reference=lambda number: picture(90 + 60 * number)))
    assert [frame.number for frame in colored] == list(range(8))
    assert all(np.array_equal(frame.lab[..., 0].numpy(), l_star) for frame, l_star in zip(colored, frames, strict=True))
    assert [bool(np.abs(frame.ab()).max() > 5) for frame in colored] == [False] * 5 + [True] * 3
    assert network.batches == [2, 1]
    assert len(network.encoded) == 1


def test_sixteen_bits_say_the_same_as_eight_and_more() -> None:
    colored = color_clip(Fake(), gray(3), [0])[1]
    deep = colored.rgb_u16()
    assert deep.dtype == np.uint16
    assert np.array_equal((deep / 257).round().astype(np.uint8), colored.rgb())
    assert len(np.unique(deep)) > len(np.unique(colored.rgb()))


def test_no_more_than_a_batch_of_frames_is_in_memory() -> None:
    alive: list[weakref.ref[LStar]] = []
    most = 0

    def luminance(index: int) -> LStar:
        nonlocal most
        frame = np.full((40, 56), index, np.float32)
        alive.append(weakref.ref(frame))
        most = max(most, sum(reference() is not None for reference in alive))
        return frame

    core = Colorizer(Fake(), options=Options(batch=4))  # type: ignore[arg-type]
    for _ in core.stream(spans([0], 50), luminance=luminance, reference=lambda _: picture(200)):
        pass
    # The last frame of a batch is still held by who asked for it when the next batch begins.
    assert most <= 2 * 4


@pytest.mark.parametrize("size", [(40, 56), (37, 53), (120, 200)])
def test_the_output_does_not_depend_on_the_batch(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network, frames = BiSTNet(PLAIN).eval(), gray(7, height=size[0], width=size[1])
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (*size, 3)).astype(np.uint8) for _ in range(2)]
    one, many = (
        color_clip(network, frames, [0, 6], pictures=pictures, options=Options(batch=batch, long_side=64)) for batch in (1, 5)
    )
    for first, second in zip(one, many, strict=True):
        assert np.abs(first.rgb().astype(int) - second.rgb()).max() <= 1


def test_an_expert_runs_in_the_same_batches() -> None:
    seen: list[int] = []
    settings = with_overrides(PLAIN, {"experts.edges": "compact-edges"})

    class Edges:
        def __call__(self, l_star: Tensor) -> Tensor:
            seen.append(len(l_star))
            return l_star / 100.0

    core = Colorizer(BiSTNet(settings), experts=Edges(), options=Options(batch=3))
    frames = gray(5)
    assert len(list(core.stream(spans([0], 5), luminance=lambda i: frames[i], reference=lambda _: picture(200)))) == 5
    assert seen == [3, 2]


def test_out_of_memory_halves_the_batch_and_says_so() -> None:
    network, frames = Fake(most=2), gray(11)
    core = Colorizer(network, options=Options(batch=8))  # type: ignore[arg-type]
    stream = core.stream(spans([0, 10], 11), luminance=lambda i: frames[i], reference=lambda number: picture(90 + 60 * number))
    with pytest.warns(UserWarning, match="batches of"):
        colored = list(stream)
    assert core.batch == 2
    assert core.events == ["out of memory on cpu: going on with batches of 4", "out of memory on cpu: going on with batches of 2"]
    expected = color_clip(Fake(), frames, [0, 10], pictures=[picture(90), picture(150)])
    for ours, theirs in zip(colored, expected, strict=True):
        assert np.array_equal(ours.rgb(), theirs.rgb())


@pytest.mark.filterwarnings("ignore:out of memory")
def test_no_memory_for_one_frame_says_what_to_change() -> None:
    with pytest.raises(ColorbenchError, match=r"one frame\n.*\n.*long_side smaller"):
        color_clip(Fake(most=0), gray(3), [0])


def test_other_errors_of_the_network_are_not_taken_for_memory() -> None:
    class Failing(Fake):
        def forward(self, *arguments: object) -> tuple[Tensor, Tensor, Tensor]:
            raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        color_clip(Failing(), gray(2), [0])


def test_a_batch_that_overflows_in_half_precision_is_done_again_in_float32() -> None:
    with pytest.warns(UserWarning, match="float32"):
        colored = color_clip(Fake(overflows=True), gray(6), [0], options=Options(precision="bfloat16", batch=2))
    assert all(np.isfinite(frame.ab()).all() for frame in colored)


def test_half_precision_is_near_full_precision() -> None:
    torch.manual_seed(0)
    network, frames = BiSTNet(PLAIN).eval(), gray(3)
    exact, half = (
        color_clip(network, frames, [0, 2], options=Options(precision=precision)) for precision in ("float32", "bfloat16")
    )
    for first, second in zip(exact, half, strict=True):
        assert np.abs(first.ab() - second.ab()).mean() < 1.0


def test_chroma_that_is_no_number_is_refused() -> None:
    with pytest.raises(ColorbenchError, match="no number"):
        color_clip(Fake(broken=True), gray(2), [0])


@pytest.mark.parametrize("fields", [{"precision": "int8"}, {"batch": -1}, {"long_side": 7}])
def test_options_that_mean_nothing_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Options(**fields)  # type: ignore[arg-type]


def test_a_large_frame_is_colored_at_the_working_size_and_comes_out_at_its_own() -> None:
    network = Fake()
    colored = color_clip(network, gray(2, height=151, width=301), [0], options=Options(long_side=96))
    assert colored[0].lab.shape == (151, 301, 3)
    assert network.encoded[0] == (57, 80)


@pytest.mark.parametrize(
    ("size", "encoded"), [((40, 56), (40, 56)), ((80, 112), (40, 56)), ((56, 40), (56, 40)), ((20, 20), (47, 47))]
)
def test_a_reference_of_another_size_is_scaled_to_as_many_pixels_in_its_own_aspect(
    size: tuple[int, int], encoded: tuple[int, int]
) -> None:
    network = Fake()
    color_clip(network, gray(2), [0], pictures=[picture(200, height=size[0], width=size[1])])
    assert network.encoded == [encoded]


def test_constant_chroma_stays_constant_when_enlarged() -> None:
    l_star = torch.from_numpy(gray(1, height=90, width=130)[0])[None, None]
    ab = torch.full((1, 2, 30, 43), 17.0)
    assert torch.allclose(scale_chroma_up(ab, scale_down(l_star, (30, 43)), l_star), torch.full((1, 2, 90, 130), 17.0), atol=1e-3)


def test_chroma_of_the_frames_size_is_left_alone() -> None:
    ab = torch.randn(1, 2, 30, 43)
    assert scale_chroma_up(ab, torch.zeros(1, 1, 30, 43), torch.zeros(1, 1, 30, 43)) is ab


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_enlarged_chroma_follows_the_luminance_better_than_interpolation(factor: int) -> None:
    edge = torch.zeros(1, 1, 96, 96)
    edge[..., 35:] = 60.0
    truth = torch.cat((edge / 2 - 10, 20 - edge / 3), dim=1)
    size = (96 // factor, 96 // factor)
    small = scale_down(truth, size)
    ours = scale_chroma_up(small, scale_down(edge, size), edge)
    plain = torch.nn.functional.interpolate(small, size=(96, 96), mode="bicubic", align_corners=False)
    assert (ours - truth).square().mean() < 0.5 * (plain - truth).square().mean()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("precision", "most"), [("float32", 1), ("auto", 2)])
def test_a_gpu_colors_as_a_cpu_does(precision: Precision, most: int) -> None:
    torch.manual_seed(0)
    network, frames = BiSTNet(PLAIN).eval(), gray(5)
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (40, 56, 3)).astype(np.uint8) for _ in range(2)]
    expected = [frame.rgb() for frame in color_clip(network, frames, [0, 4], pictures=pictures)]
    core = Colorizer(network, device="cuda", options=Options(precision=precision))
    stream = core.stream(spans([0, 4], 5), luminance=lambda index: frames[index], reference=lambda number: pictures[number])
    for ours, theirs in zip(stream, expected, strict=True):
        assert np.abs(ours.rgb().astype(int) - theirs).max() <= most


MEMORY = """
import sys, numpy as np, torch
from bistnet.network.fusion import spans
from bistnet.inference import Colorizer
from bistnet.network.graph import BiSTNet, Embedded
from bistnet.options import Options
from bistnet.network.settings import load_settings, with_overrides
count = int(sys.argv[1])
settings = with_overrides(load_settings("compact"), {"experts.semantic": "none", "experts.edges": "none"})
core = Colorizer(BiSTNet(settings), options=Options(batch=2, long_side=192))
rng = np.random.default_rng(0)
reference = lambda number: rng.integers(0, 256, (480, 854, 3)).astype(np.uint8)
luminance = lambda index: rng.uniform(0, 100, (480, 854)).astype(np.float32)
cut = spans(list(range(0, count, 10)), count)
assert sum(frame.rgb().shape == (480, 854, 3) for frame in core.stream(cut, luminance=luminance, reference=reference)) == count
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.fixture
def peak_kib() -> Callable[[int], int]:
    def measure(count: int) -> int:
        result = subprocess.run(
            [sys.executable, "-c", MEMORY, str(count)], check=True, capture_output=True, text=True, cwd=ROOT, timeout=900
        )
        return int(result.stdout)

    return measure


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's peak memory")
def test_300_frames_take_the_memory_of_30(peak_kib: Callable[[int], int]) -> None:
    assert peak_kib(300) < 1.1 * peak_kib(30)
