"""What an engine has to offer, and whom it tells how a run goes on."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from colorbench.runs.ledger import Ledger
from colorbench.runs.plan import Plan, Unit
from colorbench.runs.store import UnitRecord


class Progress(Protocol):
    """What a run tells whoever watches. All calls come from one thread. Several units may be at work at a time."""

    def planned(self, plan: Plan, *, stored: int, outdated: int) -> None:
        """Before any work: ``stored`` units are done already, ``outdated`` ones other code, settings or data had made."""
        ...

    def unit_started(self, label: str, clip: str, frames: int) -> None: ...

    def advance(self, label: str, clip: str, frames: int) -> None:
        """So many more frames of a unit are colored."""
        ...

    def unit_ended(self, record: UnitRecord) -> None:
        """Also of a unit that was never told to have started: it failed before, or runs where nobody can see it."""
        ...

    def waiting(self, units: int) -> None:
        """The units left are at work in other runs."""
        ...


class Silent:
    """Tells nothing."""

    def planned(self, plan: Plan, *, stored: int, outdated: int) -> None: ...

    def unit_started(self, label: str, clip: str, frames: int) -> None: ...

    def advance(self, label: str, clip: str, frames: int) -> None: ...

    def unit_ended(self, record: UnitRecord) -> None: ...

    def waiting(self, units: int) -> None: ...


class Engine(Protocol):
    """Makes units. It is entered before the plan is made and left when the run is over."""

    def __enter__(self) -> Engine: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def sees_gpu(self) -> bool:
        """Whether there is a GPU where units are made."""
        ...

    def carry_out(self, units: Sequence[Unit], ledger: Ledger, progress: Progress) -> None:
        """Does all of these units that no other run is at: claimed, made, stored and told.

        Raises:
            StoreError: the folder can't be written.
        """
        ...
