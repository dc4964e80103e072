"""The engine of one machine: this process, or several workers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import TracebackType

from colorbench.errors import UsageError
from colorbench.runs.engines.contract import Progress
from colorbench.runs.engines.in_process import carry_out_here
from colorbench.runs.engines.processes import carry_out_in_processes
from colorbench.runs.engines.worker import Setting
from colorbench.runs.ledger import Ledger
from colorbench.runs.plan import Unit, thread_count
from colorbench.types import RunSpec

WORKERS_VARIABLE = "COLORBENCH_WORKERS"
"""The environment's word on how many workers "auto" is."""


class Local:
    """Satisfies Engine."""

    def __enter__(self) -> Local:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def sees_gpu(self) -> bool:
        """See Engine."""
        import torch

        return torch.cuda.is_available()

    def carry_out(self, units: Sequence[Unit], ledger: Ledger, progress: Progress) -> None:
        """See Engine.

        Raises:
            StoreError: the folder can't be written.
            ColorbenchError: worker processes end before they begin.
        """
        gpus = visible_gpus() if any(unit.method.device == "cuda" for unit in units) else []
        count = min(worker_count(ledger.plan.spec, gpus=len(gpus)), len(units))
        if count == 1:
            carry_out_here(units, ledger, progress)
            return
        threads = max(1, thread_count() // count)
        settings = [Setting(ledger.plan, threads, gpus[place % len(gpus)] if gpus else None) for place in range(count)]
        carry_out_in_processes(units, ledger, progress, settings)


def worker_count(spec: RunSpec, *, gpus: int) -> int:
    """Units at a time: what was asked for, or for "auto" what the machine has.

    On a GPU one a device. On the CPU as many as its cores give each its threads.

    Raises:
        UsageError: $COLORBENCH_WORKERS is no number.
    """
    if spec.workers != "auto":
        return spec.workers
    named = os.environ.get(WORKERS_VARIABLE, "")
    if named:
        if not named.isdecimal() or int(named) < 1:
            raise UsageError(f"{WORKERS_VARIABLE} = {named!r}", wanted="a whole number from 1 on", remedy="change or unset it")
        return int(named)
    if gpus:
        return gpus
    return max(1, thread_count() // spec.threads)


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(number) for number in range(torch.cuda.device_count())]
