"""What a node of a cluster does: one unit a task, with networks kept from task to task of a process."""

from __future__ import annotations

import os
import platform
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from colorbench.errors import ColorbenchError, DatasetError, MethodError, MetricError
from colorbench.runs.engines.bench import Bench
from colorbench.runs.plan import Plan, Unit, digest_clip, metric_identity
from colorbench.runs.planned_method import method_identity
from colorbench.runs.unit import Made, failure

_kept: dict[str, Bench] = {}
"""The bench of the run that this process works for, by the run's name."""


def make_on_node(run: str, plan: Plan, unit: Unit, folder: str) -> tuple[Made, str]:
    """Makes a unit.

    Args:
        run: tells this run from others that the process may have worked for.
        plan: of the unit.
        unit: which.
        folder: the driver's, in which relative paths are meant; left alone where the node has none of that name.

    Returns:
        What was made, and the node's name. A failure names the node too.
    """
    with suppress(OSError):
        os.chdir(folder)
    node = platform.node()
    try:
        bench = _bench(run, plan)
        check_same(plan, unit, node=node)
        made = bench.make(unit, lambda made: made, started=lambda _: None, advance=lambda _: None).result()
    except ColorbenchError as error:
        made = failure(plan, unit, error)
    if made.record.status == "failed":
        made = replace(made, record=replace(made.record, error=f"{made.record.error}\n  node: {node}"))
    return made, node


def check_same(plan: Plan, unit: Unit, *, node: str) -> None:
    """Whether code, weights and frames here are those of the plan.

    Raises:
        MethodError: the method is another one here.
        MetricError: a metric is.
        DatasetError: the clip has other bytes.
        FramesError: the clip is not here.
    """
    method = unit.method
    identity = method_identity(
        method.method, method.variant.name, method.settings, device=method.device, threads=plan.spec.threads
    )
    wanted, remedy = "the same code, weights and packages at every node", "install the same colorbench and weights there"
    if identity != method.identity:
        raise MethodError(f"{method.label!r} is another method at node {node}", wanted=wanted, remedy=remedy)
    for metric in plan.metrics:
        if metric_identity(metric.metric) != metric.identity:
            raise MetricError(f"{metric.metric.card.name!r} is another metric at node {node}", wanted=wanted, remedy=remedy)
    with ThreadPoolExecutor(plan.spec.threads) as executor:
        if digest_clip(unit.clip, executor=executor) != unit.clip_digest:
            raise DatasetError(
                f"{unit.clip.source} has other frames at node {node}",
                wanted=f"clip {unit.clip.name!r} as it was when the run began",
                remedy="bring the data to all nodes, or share the folder",
            )


def _bench(run: str, plan: Plan) -> Bench:
    if run not in _kept:
        while _kept:
            _kept.popitem()[1].__exit__(None, None, None)
        _kept[run] = Bench(plan, threads=plan.spec.threads).__enter__()
    return _kept[run]
