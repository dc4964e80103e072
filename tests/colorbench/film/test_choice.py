"""The method of a film: what it raises ends the job with a message, not the program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest

from colorbench import registry
from colorbench.errors import ForeignError
from colorbench.film.choice import Choice
from colorbench.method import GrayClip
from colorbench.registry import Entry
from colorbench.types import MethodCard, MethodSpec, RgbFrame, Variant


class Leaving:
    """Ends the program when it is loaded, or after its first frame."""

    card = MethodCard(name="leaving", kind="automatic", summary="leaves", variants=(Variant(name="default"),))

    def __init__(self, *, at_load: bool) -> None:
        self.at_load = at_load

    def unavailable(self, variant: str) -> str:
        return ""

    def fingerprint(self, variant: str, settings: Any) -> str:
        return ""

    def load(self, **_: Any) -> Leaving:
        if self.at_load:
            raise SystemExit(0)
        return self

    def colorize(self, clip: GrayClip, exemplars: Any) -> Iterator[RgbFrame]:
        yield np.zeros((4, 4, 3), np.uint8)
        raise SystemExit(0)


@pytest.mark.parametrize("at_load", [True, False])
def test_a_method_that_leaves_is_an_error(monkeypatch: pytest.MonkeyPatch, at_load: bool) -> None:
    entry: Entry[Any] = Entry(name="leaving", module=__name__, item=Leaving(at_load=at_load))
    monkeypatch.setitem(registry.METHODS.entries, "leaving", entry)
    choice = Choice(MethodSpec(label="leaving", name="leaving"), device="cpu", threads=1)
    frames = choice.frames(choice.planned(0), cast(GrayClip, object()), (), 0)
    with pytest.raises(ForeignError, match="method 'leaving' raised SystemExit"):
        list(frames)
