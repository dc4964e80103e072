"""What each block of the compact network costs: the full model beside the model without it, as the grid table2 has them.

``extra_info["ratio"]`` is the median over rounds of the full model's time by that of the model without the block, in the same
process, in rotating order; a block that costs nothing has 1. A frame is 384x224 with two references, experts included; losses are
those of two frames of the recipe's size, with their gradient by the colors. Weights are random: no time depends on them.
Run with ``pytest tests/benchmarks/test_blocks.py --benchmark-only``.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from pytest_benchmark.fixture import BenchmarkFixture
from skimage import data
from torch import Tensor

from bistnet.ablation.conditions import Condition, make_conditions
from bistnet.ablation.grid import read_grid
from bistnet.loading import build_experts
from bistnet.network.graph import BiSTNet
from bistnet.training.losses import bistnet_terms
from colorbench.color import rgb_to_lab

ROUNDS = 7
BLOCKS = ("no-btfb", "single", "hard", "no-semantic", "no-edges", "no-masks", "no-msrb")
LOSSES = ("no-edge-loss", "no-hem-loss", "no-losses")

Call = Callable[[], object]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """With more, both mostly wait for threads that other work holds up, where the machine is shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def conditions() -> dict[str, Condition]:
    grid = read_grid("table2")
    found = make_conditions(grid, [cell.name for cell in grid.cells], preset="compact", overrides={})
    return {condition.cell.name: condition for condition in found}


def crops(height: int, width: int, count: int) -> list[Tensor]:
    """(1, 3, H, W) Lab, neighboring crops of an enlarged photograph."""
    picture = torch.from_numpy(data.coffee()).permute(2, 0, 1)[None].float() / 255.0
    picture = F.interpolate(picture, scale_factor=2.0, mode="bicubic", antialias=True).clamp(0.0, 1.0)
    found = [picture[:, :, 8 * i : 8 * i + height, 8 * i : 8 * i + width] for i in range(count)]
    return [rgb_to_lab(crop.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).contiguous() for crop in found]


def frame_of(condition: Condition) -> Call:
    """Colors one frame."""
    torch.manual_seed(0)
    network = BiSTNet(condition.network).eval()
    experts = build_experts(condition.network.experts, trained=False)
    first, frame, last = crops(224, 384, 3)
    with torch.inference_mode():
        references = [network.encode_reference(lab[:, :1], lab[:, 1:]) for lab in (first, last)]
    backward = references[1] if condition.network.fusion.references == 2 else None

    @torch.inference_mode()
    def color() -> Tensor:
        maps = None if experts is None else experts(frame[:, :1])
        return network.color(frame[:, :1], references[0], backward, torch.tensor([0.5]), maps).scales[-1]

    return color


def step_of(condition: Condition) -> Call:
    """Losses of two frames and their gradient by the predicted colors."""
    lab = torch.cat(crops(*condition.settings.triplets.size, 2))
    l_star, truth = lab[:, :1], lab[:, 1:]
    seeds = torch.arange(2)

    def step() -> None:
        full = (0.8 * truth).requires_grad_()
        half = F.avg_pool2d(full, 2)
        terms = bistnet_terms(
            (F.avg_pool2d(half, 2), half, full), truth, l_star, weights=condition.settings.losses, seeds=seeds, matched=full
        )
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]

    return step


def compare(benchmark: BenchmarkFixture, full: Call, without: Call, *, size: str) -> None:
    """Times both in turns and stores the median over rounds of the ratio."""
    times: dict[Call, list[float]] = {full: [], without: []}
    for call in times:
        call()
    for turn in range(ROUNDS):
        for call in (full, without) if turn % 2 else (without, full):
            start = time.perf_counter()
            call()
            times[call].append(time.perf_counter() - start)
    ratios = [whole / less for whole, less in zip(times[full], times[without], strict=True)]
    benchmark.extra_info.update(
        ratio=round(statistics.median(ratios), 2),
        bar=1.0,
        ratio_range=[round(min(ratios), 2), round(max(ratios), 2)],
        full_ms=round(1e3 * statistics.median(times[full]), 2),
        without_ms=round(1e3 * statistics.median(times[without]), 2),
        size=size,
        threads=torch.get_num_threads(),
    )
    benchmark.pedantic(without, rounds=3)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("cell", BLOCKS)
def test_a_frame_without(benchmark: BenchmarkFixture, conditions: dict[str, Condition], cell: str) -> None:
    compare(benchmark, frame_of(conditions["full"]), frame_of(conditions[cell]), size="384x224")


@pytest.mark.parametrize("cell", LOSSES)
def test_the_losses_without(benchmark: BenchmarkFixture, conditions: dict[str, Condition], cell: str) -> None:
    height, width = conditions["full"].settings.triplets.size
    compare(benchmark, step_of(conditions["full"]), step_of(conditions[cell]), size=f"{width}x{height}")
