"""What metrics have computed of a clip's truth, for the next method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from colorbench.metric import FrameStatistics
from colorbench.types import RgbFrame, Score

MEMO_BYTES = 1 << 30
"""What metrics may remember of one clip's truth (LPIPS features: 3.2 MB a frame of 384x224 with AlexNet)."""


@dataclass(slots=True)
class TruthMemo:
    """What was computed of a clip's truth, shared by all methods of a run."""

    budget: int = MEMO_BYTES
    statistics: dict[int, FrameStatistics] = field(default_factory=dict)
    scores: dict[str, Score] = field(default_factory=dict)
    """The truth's own, by metric."""
    _values: dict[tuple[int, str], Any] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, index: int, key: str, truth: RgbFrame, compute: Callable[[RgbFrame], Any]) -> Any:
        """``compute(truth)`` of frame ``index``, kept while the budget lasts."""
        if (index, key) in self._values:
            return self._values[index, key]
        value = compute(truth)
        size = _nbytes(value)
        with self._lock:
            if (index, key) not in self._values and size <= self.budget:
                self.budget -= size
                self._values[index, key] = value
        return value


def _nbytes(value: Any) -> int:
    """Bytes of arrays and tensors in nested sequences."""
    if isinstance(value, list | tuple):
        return sum(_nbytes(part) for part in value)
    return int(getattr(value, "nbytes", 64))
