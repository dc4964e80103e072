from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from colorbench.config import make_spec
from colorbench.runs.determinism import torch_threads
from colorbench.runs.engines.bench import Bench
from colorbench.runs.plan import Plan, make_plan


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    """What the caller has set."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def plan_of(root: Path, **options: int) -> Plan:
    spec = make_spec(
        {"methods": "gray", "dataset": "folder", "data_root": root, "protocol": "full", "metrics": "psnr", **options}
    )
    with ThreadPoolExecutor(1) as executor:
        return make_plan(spec, executor=executor, sees_gpu=lambda: False)


@pytest.mark.parametrize("threads", [1, 2])
def test_units_are_made_with_the_plans_threads_whatever_the_caller_has(
    threads: int, make_clips: Callable[..., Path], tmp_path: Path
) -> None:
    plan = plan_of(make_clips(one=9), threads=threads)
    seen: list[int] = []
    with Bench(plan, threads=2) as bench:
        made = bench.make(
            plan.units()[0], lambda made: made, started=seen.append, advance=lambda _: seen.append(torch.get_num_threads())
        )
        assert made.result().record.status == "done"
    assert seen == [9, *[threads] * 9]
    assert torch.get_num_threads() == 3


def test_new_threads_take_the_number_over() -> None:
    with torch_threads(2), ThreadPoolExecutor(1) as executor:
        assert executor.submit(torch.get_num_threads).result() == 2


def test_units_of_other_threads_are_other_units(make_clips: Callable[..., Path]) -> None:
    root = make_clips(one=9)
    keys = {threads: plan_of(root, threads=threads).units()[0].key for threads in (1, 2)}
    assert plan_of(root).units()[0].key == keys[1] != keys[2]
