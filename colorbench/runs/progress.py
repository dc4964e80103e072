"""A run's progress for people, on stderr: a live bar on a terminal, a line a unit elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from colorbench.clips.protocol import signature
from colorbench.runs.plan import Plan
from colorbench.runs.store import UnitRecord
from colorbench.system.console import task_name


class ConsoleProgress:
    """Satisfies :class:`colorbench.runs.engines.contract.Progress`; on a terminal each unit at work has a bar.

    Args:
        quiet: errors only.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self.console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self._bar: Bar | None = None
        self._units: TaskID | None = None
        self._frames: dict[tuple[str, str], TaskID] = {}
        self._done = 0
        self._total = 0

    def __enter__(self) -> ConsoleProgress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def planned(self, plan: Plan, *, stored: int, outdated: int) -> None:
        """Prints the plan."""
        self._done, self._total = stored, plan.unit_count
        say = self.console.print
        say(f"dataset   {plan.dataset}: {len(plan.clips)} clip{'s' if len(plan.clips) != 1 else ''}", markup=False)
        if plan.absent:
            say(f"          not on this machine: {', '.join(plan.absent)}", markup=False)
        for line in (*_first("left out: ", plan.left_out), *_first("", plan.oddities)):
            say(f"          {line}", markup=False)
        say(f"protocol  {signature(*plan.signature_fields())}", markup=False)
        for method in plan.methods:
            settings = "".join(f" {name}={value}" for name, value in method.settings.items())
            name = f"{method.method.card.name}:{method.variant.name}"
            say(f"method    {method.label}: {name} on {method.device}{settings}", markup=False)
        for metric in plan.metrics:
            if metric.reason:
                say(f"metric    {metric.metric.card.name}: left out, {metric.reason}", markup=False)
        say(f"units     {plan.unit_count}, {stored} of them done already, in {plan.spec.remote or plan.spec.out}", markup=False)
        if outdated:
            say(f"          {outdated} that other code, settings or data made are made again", markup=False)
        if self.console.is_terminal and not self.console.quiet and stored < plan.unit_count:
            self._bar = Bar(
                task_name(),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self.console,
            )
            self._units = self._bar.add_task("units", total=plan.unit_count, completed=stored)
            self._bar.start()

    def unit_started(self, label: str, clip: str, frames: int) -> None:
        self._remove(label, clip)
        if self._bar is not None:
            self._frames[label, clip] = self._bar.add_task(f"{label} on {clip}", total=frames)

    def advance(self, label: str, clip: str, frames: int) -> None:
        if self._bar is not None and (label, clip) in self._frames:
            self._bar.advance(self._frames[label, clip], frames)

    def unit_ended(self, record: UnitRecord) -> None:
        """Counts the unit; a failure is said at once."""
        self._remove(record.label, record.clip)
        self._done += 1
        if self._bar is not None and self._units is not None:
            self._bar.advance(self._units)
        if record.status != "done":
            self.console.quiet = False
            self.console.print(f"FAILED    {record.label} on {record.clip}: {record.error}", markup=False, style="red")
            self.console.quiet = self._quiet
        elif self._bar is None:
            speed = record.frame_count / record.seconds if record.seconds else 0.0
            line = (
                f"[{self._done}/{self._total}] {record.label} on {record.clip}: {record.frame_count} frames, {speed:.1f} frames/s"
            )
            self.console.print(line, markup=False)

    def waiting(self, units: int) -> None:
        """Other processes are at the rest."""
        self.console.print(f"waiting   {units} units are at work in another process", markup=False)

    def _remove(self, label: str, clip: str) -> None:
        if self._bar is not None and (label, clip) in self._frames:
            self._bar.remove_task(self._frames.pop((label, clip)))


def _first(before: str, lines: Sequence[str], most: int = 10) -> Iterator[str]:
    yield from (before + line for line in lines[:most])
    if len(lines) > most:
        yield f"{before}{len(lines) - most} more"
