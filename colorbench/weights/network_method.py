"""A method whose variants are networks with weights: what its file brings is one Way a variant. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorbench.types import MethodCard

if TYPE_CHECKING:
    from colorbench.method import Colorizer

Settings = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How one variant runs."""

    missing: Callable[[], str]
    """Why it can't run here; empty where it can."""
    identity: Callable[[Settings], str]
    """What decides its colors beside code and settings, such as the digests of its files; asked where nothing is missing."""
    load: Callable[[str, Settings], Colorizer]
    """Device and settings to a Colorizer; imports torch."""


def released(
    entry: str, *files: str, load: Callable[[str, Settings], Colorizer], beside: Callable[[Settings], str] | None = None
) -> Way:
    """The authors' weights, an entry of the manifest.

    Args:
        entry: its name.
        files: members of its archive that count; none for an entry that is one file.
        load: see Way.
        beside: what else decides its colors.
    """

    def missing() -> str:
        from colorbench.weights.official import weights_missing

        return weights_missing(entry)

    def identity(settings: Settings) -> str:
        from colorbench.files.digest import file_digest
        from colorbench.weights.official import require_weights

        digests = [file_digest(require_weights(entry, name)) for name in files or ("",)]
        return " ".join([*digests, beside(settings)] if beside else digests)

    return Way(missing=missing, identity=identity, load=load)


def _anything(settings: Settings) -> None:
    """No setting can be wrong."""


@dataclass(frozen=True, slots=True)
class NetworkMethod:
    """The registered method; see :class:`colorbench.method.Method`."""

    card: MethodCard
    ways: Mapping[str, Way]
    """By the names of the card's variants."""
    check: Callable[[Settings], object] = _anything
    """Raises a UsageError where settings mean nothing."""

    def unavailable(self, variant: str) -> str:
        """See Method."""
        return self.ways[variant].missing()

    def fingerprint(self, *, variant: str, settings: Settings) -> str:
        """See Method.

        Raises:
            UsageError: a setting means nothing.
        """
        self.check(settings)
        return "no weights" if self.unavailable(variant) else self.ways[variant].identity(settings)

    def load(self, *, variant: str, device: str, settings: Settings) -> Colorizer:
        """See Method.

        Raises:
            UsageError: a setting means nothing.
            WeightsError: its weights are not on this machine, damaged or others.
        """
        self.check(settings)
        return self.ways[variant].load(device, settings)
