"""The released loop over a clip: which frames are remembered, what each one reads, and when the hidden state moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import Tensor

from baselines.colormnet_networks.key_encoder import LEVEL
from baselines.colormnet_networks.memory import Limits, Memory
from baselines.colormnet_networks.network import ColorMNet

EVERY = 5
"""Frames 0, 5, 10 and so on are remembered."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The exemplar, at the frames' size."""

    gray: Tensor
    """(1, 1, H, W) L* / 50 - 1."""
    ab: Tensor
    """(1, 2, H, W) a* and b* over 110."""
    first: bool
    """It is the first frame in color. Else it shows another one or none, the released script's ``--FirstFrameIsNotExemplar``."""


def propagated(
    network: ColorMNet, frames: Iterable[Tensor], reference: Reference, *, limits: Limits | None = None
) -> Iterator[Tensor]:
    """Colors frames one after the other from what is remembered of those before.

    A reference that is the first frame gives that frame its chroma. Any other is remembered before the first frame, which then is
    colored from it, from memory alone. The other frames read memory and, around each position, the frame that was remembered
    last. The decoder moves the hidden state at frames that are not remembered, the value encoder at those that are; the first
    frame moves it only where it is the reference.

    Args:
        network: in evaluation.
        frames: (1, 1, H, W) L* / 50 - 1 each, sides multiples of STRIDE, taken one by one.
        reference: of their size.
        limits: of memory; None for the released ones.

    Yields:
        (1, 2, H, W) a* and b* over 110 a frame.
    """
    memory = Memory(limits)
    height, width = (side // LEVEL for side in reference.gray.shape[-2:])
    hidden = reference.gray.new_zeros(2, network.width, height, width)
    last: tuple[Tensor, Tensor] | None = None
    if not reference.first:
        shown = network.see(reference.gray)
        value, _ = network.value(shown, reference.ab, hidden)
        memory.add(shown.key, shown.shrinkage, shown.selection, value)
    for index, gray in enumerate(frames):
        seen = network.see(gray)
        if index == 0 and reference.first:
            ab = reference.ab
        else:
            found = memory.read(seen.key, seen.selection)
            if last is not None:
                found = found + network.short_term_attn(seen.key, *last)
            ab, moved = network.chroma(seen, found, hidden)
        if index % EVERY == 0:
            value, moved = network.value(seen, ab, hidden)
            memory.add(seen.key, seen.shrinkage, seen.selection, value)
            last = seen.key, value
        if index > 0 or reference.first:
            hidden = moved
        yield ab
