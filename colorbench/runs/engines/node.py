"""What a node of a cluster does: one unit a task, with networks kept from task to task of a process."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import replace

from colorbench.errors import ColorbenchError, MetricError
from colorbench.runs.engines.bench import Bench
from colorbench.runs.plan import Plan, Unit, metric_identity
from colorbench.runs.planned_method import check_same_method
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
        check_same(plan, unit)
        made = bench.make(unit, lambda made: made, started=lambda _: None, advance=lambda _: None).result()
    except ColorbenchError as error:
        made = failure(plan, unit, error)
    if made.record.status == "failed":
        made = replace(made, record=replace(made.record, error=f"{made.record.error}\n  node: {node}"))
    return made, node


def check_same(plan: Plan, unit: Unit) -> None:
    """Whether code and weights here are those of the plan; the bench asks that of the frames.

    Raises:
        MethodError: the method is another one here.
        MetricError: a metric is.
    """
    check_same_method(unit.method, threads=plan.spec.threads)
    for metric in plan.metrics:
        if metric_identity(metric.metric) != metric.identity:
            raise MetricError(
                f"{metric.metric.card.name!r} is not the metric that was planned",
                wanted="the same code and packages at every node",
                remedy="install the same colorbench there",
            )


def _bench(run: str, plan: Plan) -> Bench:
    if run not in _kept:
        while _kept:
            _kept.popitem()[1].__exit__(None, None, None)
        _kept[run] = Bench(plan, threads=plan.spec.threads).__enter__()
    return _kept[run]
