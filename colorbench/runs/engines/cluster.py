"""The engine of a Ray cluster: a unit is a task, and this process alone claims units and writes their records.

Nodes need the same colorbench, weights and data at the same paths, which each task verifies: docs/design/engines.md.
"""

from __future__ import annotations

import os
import resource
import socket
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

from colorbench.errors import ColorbenchError, MethodError, StoreError, UsageError
from colorbench.runs.engines.contract import Progress
from colorbench.runs.engines.node import make_on_node
from colorbench.runs.ledger import Ledger
from colorbench.runs.plan import Unit
from colorbench.runs.saved_frames import frames_mismatch
from colorbench.runs.store import UnitRecord
from colorbench.runs.unit import Made, failure
from colorbench.types import RunSpec

RETRIES = 2
"""How often a unit is begun again whose worker process or node was lost."""

MEMORY_MIB = 2048.0
"""Asked for where no unit of the method has been measured."""

CONNECTING = 10.0
"""Seconds that the head of a cluster has to answer."""

ROOM = 1.25
"""Asked for, of the most memory that a unit of the method has taken: clips differ."""


class Cluster:
    """Satisfies Engine.

    Args:
        spec: its address, or $RAY_ADDRESS, names the cluster; without either there is one on this machine while the run lasts.
    """

    def __init__(self, spec: RunSpec) -> None:
        self._spec = spec
        self._ray = _import_ray()
        self._ours = False

    def __enter__(self) -> Cluster:
        if not self._ray.is_initialized():
            address = self._spec.address or os.environ.get("RAY_ADDRESS")
            if address:
                _reach(address)
            options = {"address": address} if address else {"include_dashboard": False}
            try:
                self._ray.init(**options, log_to_driver=False, logging_level="ERROR")
            except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
                raise UsageError(
                    f"no Ray cluster at {address or 'this machine'}: {error}",
                    wanted="a cluster that this machine reaches",
                    remedy="check --address; ray:// needs: pip install 'ray[client]'",
                ) from error
            self._ours = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._ours:
            self._ray.shutdown()

    def sees_gpu(self) -> bool:
        """See Engine."""
        return bool(self._ray.cluster_resources().get("GPU"))

    def carry_out(self, units: Sequence[Unit], ledger: Ledger, progress: Progress) -> None:
        """See Engine.

        Raises:
            StoreError: the folder can't be written.
        """
        ray = self._ray
        task, plan = ray.remote(make_on_node), ray.put(ledger.plan)
        run, folder = uuid4().hex, str(Path.cwd())
        waiting, needs = deque(units), Needs(ledger.stored(), most=self._largest_node())
        running: dict[Any, tuple[Unit, ExitStack]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self._most():
                    unit = waiting.popleft()
                    claim = ledger.claim(unit)
                    if claim is not None:
                        gpus = 1 if unit.method.device == "cuda" else 0
                        asked = task.options(
                            num_cpus=self._spec.threads,
                            num_gpus=gpus,
                            memory=needs.memory(unit.method.label),
                            max_retries=RETRIES,
                        )
                        running[asked.remote(run, plan, unit, folder)] = unit, claim
                for ended in ray.wait(list(running))[0] if running else ():
                    unit, claim = running.pop(ended)
                    with claim:
                        record = ledger.save(self._result(ended, unit, ledger))
                    needs.measured(record)
                    progress.unit_ended(record)
        finally:
            for asked, (_, claim) in running.items():
                ray.cancel(asked, force=True)
                claim.close()

    def _result(self, ended: Any, unit: Unit, ledger: Ledger) -> Made:
        """What came of a task; a lost one is a failure of its unit."""
        plan = ledger.plan
        try:
            made: Made
            made, node = self._ray.get(ended)
        except self._ray.exceptions.RayError as error:
            return failure(plan, unit, _lost(unit, error))
        keeps = made.record.status == "done" and plan.spec.save_frames != "no"
        if keeps and (wrong := frames_mismatch(plan.frames_path(unit), key=unit.key)):
            unseen = StoreError(
                f"node {node} saved the frames in {plan.frames_path(unit)}, which is not the folder of that name here: {wrong}",
                wanted="a run folder that all nodes share",
                remedy="name one with --out, or use --save-frames no",
            )
            return failure(plan, unit, unseen)
        return made

    def _largest_node(self) -> float:
        """Memory in MiB of the node that has most: what asks for more would wait for ever."""
        nodes = [node["Resources"].get("memory", 0.0) for node in self._ray.nodes() if node["Alive"]]
        return max(nodes, default=0.0) / 2**20

    def _most(self) -> int:
        """Tasks at a time: twice what the cluster can do, so that an autoscaler sees what waits. A claim is an open file."""
        if self._spec.workers != "auto":
            return self._spec.workers
        slots = int(self._ray.cluster_resources().get("CPU", 1)) // self._spec.threads
        return max(1, min(2 * slots, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2))


class Needs:
    """How much memory tasks ask for, so that no more of them run on a node than its memory holds.

    Args:
        records: units that have ended before.
        most: never more is asked for, in MiB.
    """

    def __init__(self, records: Iterable[UnitRecord], *, most: float) -> None:
        self._peaks: dict[str, float] = {}
        self._most = most
        for record in records:
            self.measured(record)

    def measured(self, record: UnitRecord) -> None:
        """Takes note of a unit that has ended."""
        if record.status == "done" and record.peak_memory_mib is not None:
            self._peaks[record.label] = max(self._peaks.get(record.label, 0.0), record.peak_memory_mib)

    def memory(self, label: str) -> int:
        """Bytes to ask for, for a unit of a method."""
        wanted = self._peaks[label] * ROOM if label in self._peaks else MEMORY_MIB
        return int(min(wanted, self._most) * 2**20)


def _import_ray() -> Any:
    try:
        return import_module("ray")
    except ImportError as error:
        raise UsageError(
            "--engine ray, but Ray is not installed", wanted="the extra ray", remedy="pip install 'colorbench[ray]'"
        ) from error


def _reach(address: str) -> None:
    """Whether something listens there: Ray itself goes on asking for minutes.

    Raises:
        UsageError: nothing does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECTING).close()
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"no Ray cluster at {address}: {error}",
            wanted="a cluster that this machine reaches",
            remedy="check --address and that the cluster is up: ray status",
        ) from error


def _lost(unit: Unit, error: Exception) -> ColorbenchError:
    last = ([line for line in str(error).splitlines() if line.strip()] or [""])[-1]
    return MethodError(
        f"the task of {unit.method.label!r} on clip {unit.clip.name!r} was lost: {type(error).__name__}: {last}",
        wanted=f"a worker that lives to the unit's end; it was begun again up to {RETRIES} times",
        remedy="see Ray's logs at the node; memory that runs out ends a worker too",
    )
