"""What is registered: found by scanning a package's files and by entry points, imported when it is asked for.

Dropping a file into the folder is all it takes. A file that can't be imported is listed as broken, with its error; it never
hides the others. Names resolve with did-you-mean.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from colorbench.dataset import Dataset
from colorbench.errors import ColorbenchError, UnknownNameError
from colorbench.method import Method
from colorbench.metric import ClipMetric, FrameMetric

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A registered thing, or a file that should have offered some and is broken."""

    name: str
    module: str
    item: T | None = None
    error: str = ""
    """One line, for listings; empty if it works."""
    trace: str = field(default="", repr=False)


class Registry(Generic[T]):
    """All things of one kind.

    Args:
        kind: the noun for messages.
        package: the package whose modules are scanned.
        attribute: the tuple that such a module offers; modules without it are not registered.
        group: the entry-point group whose modules are added.
    """

    def __init__(self, kind: str, *, package: str, attribute: str, group: str) -> None:
        self.kind, self.package, self.attribute, self.group = kind, package, attribute, group

    @cached_property
    def entries(self) -> dict[str, Entry[T]]:
        """By name, sorted. Two modules that offer one name make the later one broken."""
        found: dict[str, Entry[T]] = {}
        for module in self._modules():
            for entry in self._import(module):
                if entry.name in found:
                    error = f"{self.kind} {entry.name!r} is already offered by {found[entry.name].module}"
                    entry = Entry(name=f"{entry.name} ({module})", module=module, error=error)
                found[entry.name] = entry
        return dict(sorted(found.items()))

    def names(self) -> tuple[str, ...]:
        """Names of all that works."""
        return tuple(name for name, entry in self.entries.items() if entry.item is not None)

    def items(self) -> tuple[T, ...]:
        """All that works, by name."""
        return tuple(entry.item for entry in self.entries.values() if entry.item is not None)

    def get(self, name: str) -> T:
        """The thing of that name.

        Raises:
            UnknownNameError: there is none; the nearest name is suggested.
            ColorbenchError: its file is broken.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise UnknownNameError(self.kind, name, self.names())
        if entry.item is None:
            raise ColorbenchError(
                f"{self.kind} {name!r} can't be used: {entry.error}",
                wanted="a file that imports",
                remedy=f"mend {entry.module}\n{entry.trace}",
            )
        return entry.item

    def module_of(self, name: str) -> str:
        """The dotted name of the module that offers it."""
        return self.entries[name].module

    def _modules(self) -> Iterator[str]:
        package = importlib.import_module(self.package)
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
            yield f"{self.package}.{info.name}"
        for point in sorted(importlib.metadata.entry_points(group=self.group), key=lambda point: point.name):
            yield point.value

    def _import(self, module: str) -> Iterator[Entry[T]]:
        try:
            offered = getattr(importlib.import_module(module), self.attribute, ())
            entries = [Entry(name=cast(Any, item).card.name, module=module, item=item) for item in offered]
            if unnamed := [entry.name for entry in entries if not isinstance(entry.name, str)]:
                raise TypeError(f"the name on a card is {unnamed[0]!r}, no text")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a dropped-in file raises is its own defect, and is listed
            line = f"{type(error).__name__}: {error}".splitlines()[0]
            entries = [_broken(module, line)]
        yield from entries


def _broken(module: str, error: str) -> Entry[Any]:
    """What is listed of a file that can't be imported; to be called while its exception is handled."""
    name = module.rpartition(".")[2].replace("_", "-")
    return Entry(name=name, module=module, error=error, trace=traceback.format_exc())


METHODS: Registry[Method] = Registry("method", package="baselines", attribute="METHODS", group="colorbench.methods")
METRICS: Registry[FrameMetric | ClipMetric] = Registry(
    "metric", package="colorbench.metrics", attribute="METRICS", group="colorbench.metrics"
)
DATASETS: Registry[Dataset] = Registry(
    "dataset", package="colorbench.datasets", attribute="DATASETS", group="colorbench.datasets"
)
