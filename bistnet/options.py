"""How frames are worked on at inference, as validated data. Takes no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from colorbench.errors import UnknownNameError, UsageError

Precision = Literal["auto", "float32", "bfloat16", "float16"]

LONG_SIDE = 384
"""The paper's frames are 384x224. Matching costs the square of the number of pixels."""

_SHORTEST = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Batch and compilation change the output by rounding alone.

    Raises:
        UsageError: a value that means nothing.
    """

    long_side: int = LONG_SIDE
    """Chroma is computed with the long side scaled down to this many pixels. 0: at the frame's size."""
    batch: int = 0
    """Frames at a time; 0 is 4 on a CPU and 16 on a GPU."""
    precision: Precision = "auto"
    """"auto" is float32 on a CPU and float16 on a GPU, where a batch that overflows is done again in float32."""
    compiled: bool = False
    """Through torch.compile."""

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            raise UnknownNameError("precision", self.precision, get_args(Precision))
        if self.batch < 0:
            raise UsageError(f"batch {self.batch}", wanted="at least 1 frame, or 0 for the default", remedy="change batch")
        if self.long_side and self.long_side < _SHORTEST:
            raise UsageError(
                f"long_side {self.long_side}",
                wanted=f"at least {_SHORTEST} pixels, or 0 for the frame's size",
                remedy="change long_side",
            )
