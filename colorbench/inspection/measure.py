"""What a measure without ground truth is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from colorbench.types import Direction

_MOST = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureCard:
    """A measure as tables name it."""

    name: str
    summary: str
    unit: str
    direction: Direction
    """"none": neither more nor less is better, but under the limit there is hardly any color."""
    limit: float
    """Where a shot begins to stand out: what true colors hardly reach (docs/inspect.md has what was measured)."""
    decimals: int
    reference: str

    def severity(self, value: float | None) -> float:
        """How far a value lies on the wrong side of the limit: 1 at the limit, 2 at twice (or half) of it, at most 10.

        0 for no value.

        >>> card = MeasureCard(
        ...     name="m", summary="", unit="", direction="lower", limit=2.0, decimals=1, reference=""
        ... )
        >>> card.severity(3.0), card.severity(None)
        (1.5, 0.0)
        """
        if value is None or math.isnan(value):
            return 0.0
        if self.direction == "lower":
            return min(value / self.limit, _MOST)
        return min(self.limit / max(value, self.limit / _MOST), _MOST)
