"""DeepExemplar at a size that trains in an hour: the same design with a small encoder in VGG19's place and narrow layers.

How it differs from the release beyond its widths: the encoder is trained with the rest; ColorVidNet has no instance
normalization, which at this width leaves it no better than the mean color (docs/design/deepexemplar.md); the networks see the
clip at its own size, up to SHORT_SIDE rows or columns, where the authors' see half of 432x768; the softmax keeps the temperature
of training; and chroma is neither multiplied by 1.25 nor smoothed, as both were chosen by eye for the released weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from baselines.compact_networks import loading
from baselines.deepexemplar_networks.recurrence import DeepExemplar, predictions
from colorbench.method import GrayClip, require_exemplars
from colorbench.nets.encoders import CompactEncoder
from colorbench.nets.working import chroma_picture, lab_planes, luminance_planes, working_size
from colorbench.types import Exemplar, RgbFrame

TRAINING_TEMPERATURE = 0.01
"""The authors'; here the network colors with it too."""

SHORT_SIDE = 240
"""The authors' networks see 216 rows."""

MULTIPLES = (16, 16)
"""Of rows and columns: WarpNet takes these, and twice as much at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """All that decides the graph."""

    encoder: int = 16
    """Channels at 1/2 of the frame; see CompactEncoder."""
    warp: int = 16
    """Channels of a branch of WarpNet, 64 in the release; the embedding has four times as many."""
    color: int = 8
    """Channels of ColorVidNet at full size, 64 in the release."""


def build_compact(shape: Shape) -> DeepExemplar:
    """The network with random weights."""
    return DeepExemplar(CompactEncoder(shape.encoder), width=shape.warp, color_width=shape.color, normalized=False)


def load_compact(path: Path) -> DeepExemplar:
    """The network of a file that ``colorbench train deepexemplar`` wrote.

    Raises:
        WeightsError: it is missing, damaged, of another method, or does not hold exactly what its card says.
    """
    return loading.load_compact(path, method="deepexemplar", build=lambda shape: build_compact(Shape(**shape)))


class CompactColorizer:
    """Satisfies Colorizer; keeps nothing of a clip.

    Args:
        network: with weights; moved to the device.
        device: "cpu" or "cuda".
    """

    def __init__(self, network: DeepExemplar, *, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        """See Colorizer. Takes the first exemplar; one frame is in memory at a time.

        Raises:
            MethodError: there is no exemplar.
        """
        require_exemplars(clip, exemplars)
        size = working_size(clip.height, clip.width, short_side=SHORT_SIDE, multiples=MULTIPLES)
        with torch.inference_mode():
            reference = self.network.encode_reference(lab_planes(exemplars[0].rgb, size).to(self.device))
        frames = (luminance_planes(clip.luminance(index), size).to(self.device) for index in range(len(clip)))
        steps = predictions(self.network, frames, reference, temperature=TRAINING_TEMPERATURE)
        for index in range(len(clip)):
            # Entered for each frame: a generator that is left open must not leave it on for its caller.
            with torch.inference_mode():
                picture = chroma_picture(next(steps), clip.height, clip.width)
            yield clip.merge(index, picture)
