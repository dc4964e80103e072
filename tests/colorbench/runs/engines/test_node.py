from __future__ import annotations

import pickle
import platform
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from colorbench.config import make_spec
from colorbench.errors import MethodError, MetricError
from colorbench.runs.engines import node
from colorbench.runs.engines.node import check_same, make_on_node
from colorbench.runs.plan import Plan, make_plan


@pytest.fixture
def plan(make_clips: Callable[..., Path], tmp_path: Path, executor: ThreadPoolExecutor) -> Plan:
    options = {
        "methods": "gray",
        "dataset": "folder",
        "data_root": make_clips(one=9),
        "protocol": "full",
        "out": tmp_path / "run",
    }
    return make_plan(make_spec({**options, "metrics": "psnr"}), executor=executor, sees_gpu=lambda: False)


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process of a cluster stays in the driver's folder and keeps its bench; this one does not."""
    monkeypatch.chdir(Path.cwd())
    yield
    while node._kept:
        node._kept.popitem()[1].__exit__(None, None, None)


def test_a_plan_survives_its_way_to_another_process(plan: Plan) -> None:
    assert pickle.loads(pickle.dumps(plan)) == plan


def test_a_node_makes_a_unit_and_stores_nothing(plan: Plan, tmp_path: Path) -> None:
    (unit,) = plan.units()
    made, name = make_on_node("a run", plan, unit, str(tmp_path))
    assert (made.record.status, made.record.key, name) == ("done", unit.key, platform.node())
    assert made.provenance["threads"]["torch"] == 1
    assert not (tmp_path / "run").exists()


def test_a_node_with_other_code_weights_or_frames_makes_no_unit(plan: Plan) -> None:
    (unit,) = plan.units()
    check_same(plan, unit)
    with pytest.raises(MethodError, match="'gray' is not the method that was planned"):
        check_same(plan, replace(unit, method=replace(unit.method, identity="other")))
    with pytest.raises(MetricError, match="'psnr' is not the metric that was planned"):
        check_same(replace(plan, metrics=(replace(plan.metrics[0], identity="other"),)), unit)
    elsewhere = replace(plan, clip_states=("of another machine",))
    made, name = make_on_node("a run", elsewhere, replace(unit, clip_digest="other"), ".")
    assert "is not what it was when the run began" in made.record.error
    assert f"node: {name}" in made.record.error


def test_a_clip_that_the_node_lacks_is_a_failure_that_names_both(plan: Plan, tmp_path: Path) -> None:
    (unit,) = plan.units()
    shutil.rmtree(unit.clip.source)
    made, name = make_on_node("a run", plan, unit, str(tmp_path))
    assert made.record.status == "failed"
    assert str(unit.clip.source) in made.record.error
    assert f"node: {name}" in made.record.error
