"""Units made in this process, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial

from colorbench.runs.engines.bench import Bench
from colorbench.runs.engines.contract import Progress
from colorbench.runs.ledger import Ledger
from colorbench.runs.plan import Unit, thread_count
from colorbench.runs.store import UnitRecord
from colorbench.runs.unit import Made


def carry_out_here(units: Sequence[Unit], ledger: Ledger, progress: Progress) -> None:
    """Does units in their order. A unit is stored, and its claim let go, in the bench's finishing thread.

    Raises:
        StoreError: the folder can't be written.
    """
    with Bench(ledger.plan, threads=thread_count()) as bench:
        finishing: Future[UnitRecord] | None = None

        def tell() -> None:
            nonlocal finishing
            if finishing is not None:
                ended, finishing = finishing, None
                progress.unit_ended(ended.result())

        def advance(unit: Unit, frames: int) -> None:
            progress.advance(unit.method.label, unit.clip.name, frames)
            if finishing is not None and finishing.done():
                tell()

        for unit in units:
            claim = ledger.claim(unit)
            if claim is None:
                continue
            try:
                made = bench.make(
                    unit,
                    partial(_keep, ledger, claim),
                    started=partial(progress.unit_started, unit.method.label, unit.clip.name),
                    advance=partial(advance, unit),
                )
            except BaseException:
                claim.close()
                raise
            tell()
            finishing = made
        tell()


def _keep(ledger: Ledger, claim: ExitStack, made: Made) -> UnitRecord:
    with claim:
        return ledger.save(made)
