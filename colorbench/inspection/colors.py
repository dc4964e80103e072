"""Whether there is any color: the measure without which stability means nothing, as gray is perfectly stable."""

from __future__ import annotations

from colorbench.inspection.measure import MeasureCard
from colorbench.metrics.colorfulness import colorfulness

__all__ = ["CARD", "colorfulness"]

CARD = MeasureCard(
    name="colorfulness",
    summary="colorfulness; under the limit there is hardly any color",
    unit="",
    direction="none",
    limit=4.0,
    decimals=1,
    reference="Hasler and Suesstrunk, SPIE 5007 (2003), DOI 10.1117/12.477378",
)
