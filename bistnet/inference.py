"""Streams a clip of any length through the network: references encoded once, frames in batches, memory bounded.

Chroma is computed at the working size and enlarged with the frame's luminance as guide (:mod:`bistnet.upsampling`). The reasons
for what is decided here are in docs/design/inference.md.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bistnet.network.fusion import Span
from bistnet.options import Options, Precision
from bistnet.upsampling import reference_size, scale_chroma_up, scale_down, working_size
from colorbench.color import lab_to_rgb, rgb_to_lab, to_u8
from colorbench.errors import ColorbenchError
from colorbench.types import LStar, RgbFrame

if TYPE_CHECKING:
    from bistnet.network.graph import BiSTNet, Reference

BATCH_CPU, BATCH_GPU = 4, 16


class MapMaker(Protocol):
    """The experts of a network: (N, 1, H, W) L* -> (N, C, H, W) in [0, 1]."""

    def __call__(self, l_star: Tensor) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class Colored:
    """A frame as it leaves the network, on its device."""

    number: int
    """Of the frame in its clip."""
    lab: Tensor
    """(H, W, 3): L* as it came in, a* and b*."""

    def ab(self) -> NDArray[np.float32]:
        """(H, W, 2) a* and b*."""
        result: NDArray[np.float32] = self.lab[..., 1:].contiguous().cpu().numpy()
        return result

    def rgb(self) -> RgbFrame:
        """(H, W, 3) uint8 in [0, 255], sRGB, rounded to the nearest level."""
        result: RgbFrame = to_u8(lab_to_rgb(self.lab)).cpu().numpy()
        return result

    def rgb_u16(self) -> NDArray[np.uint16]:
        """(H, W, 3) uint16 in [0, 65535], sRGB, for what holds more than 8 bits."""
        levels = (lab_to_rgb(self.lab) * 65535.0).round()
        return levels.cpu().numpy().astype(np.uint16)


def _warn(event: str) -> None:
    warnings.warn(event, stacklevel=3)


class Colorizer:
    """A network ready to color any number of clips; keeps nothing of a clip.

    Args:
        network: a :class:`bistnet.network.graph.BiSTNet`; moved to ``device``.
        experts: its expert maps; None where its settings use none.
        device: "cpu" or "cuda".
        options: see Options.
        note: told what went wrong and was answered; warns by default.

    Attributes:
        batch: frames at a time; halved when the device's memory does not do.
        events: what ``note`` was told.
    """

    def __init__(
        self,
        network: BiSTNet,
        *,
        experts: MapMaker | None = None,
        device: str = "cpu",
        options: Options | None = None,
        note: Callable[[str], None] = _warn,
    ) -> None:
        self.options = options or Options()
        self._tell = note
        self.device = torch.device(device)
        self.batch = self.options.batch or (BATCH_CPU if self.device.type == "cpu" else BATCH_GPU)
        self.events: list[str] = []
        self._format = torch.contiguous_format if self.device.type == "cpu" else torch.channels_last
        network = network.to(self.device).eval()
        # The type stubs of torch 2.13 lack this form of Module.to.
        network.to(memory_format=self._format)  # type: ignore[call-overload]
        if isinstance(experts, nn.Module):
            experts = experts.to(self.device)
        self._network, self._experts = network, experts
        self._forward = torch.compile(network, dynamic=True) if self.options.compiled else network
        self._dtype = _dtype(self.options.precision, self.device)

    def stream(
        self,
        spans: Sequence[Span],
        *,
        luminance: Callable[[int], LStar],
        reference: Callable[[int], RgbFrame],
        first: int = 0,
    ) -> Generator[Colored, None, None]:
        """Colors the frames of spans, in order.

        Args:
            spans: of :func:`bistnet.network.fusion.spans`, some or all, whole or in pieces. Without a reference: gray.
            luminance: frame number to (H, W) float32 L* in [0, 100]; asked once a frame, in order.
            reference: a span's number of a reference to (H, W, 3) uint8 sRGB, of any size.
            first: frames before it are left out; batches lie as if they were not, so that no bit of the others changes.

        Yields:
            One Colored a frame. At most one batch of frames and the two references of a span are in memory.

        Raises:
            ColorbenchError: memory does not do for a single frame, or the network returns what is no number.
        """
        encoded: dict[int, Reference] = {}
        for span in spans:
            if span.stop <= first:
                continue
            used = self._references(span)
            encoded = {place: encoded[place] for place in used if place in encoded}
            start = span.start + max(first - span.start, 0) // self.batch * self.batch
            while start < span.stop:
                indices = range(start, min(start + self.batch, span.stop))
                frames = [luminance(index) for index in indices]
                for place in used:
                    if place not in encoded:
                        encoded[place] = self._encode(reference(place), frames[0].shape)
                start = indices.stop
                if not used:
                    pairs = zip(indices, frames, strict=True)
                    yield from (Colored(index, self._uncolored(frame)) for index, frame in pairs if index >= first)
                    continue
                positions = [span.positions[index - span.start] for index in indices]
                pair = encoded[used[0]], encoded[used[1]] if len(used) > 1 else None
                small, ab = self._colored(frames, pair, positions)
                for at, (index, frame) in enumerate(zip(indices, frames, strict=True)):
                    if index < first:
                        continue
                    yield Colored(index, self._enlarged(frame, small[at : at + 1], ab[at : at + 1]))

    def _references(self, span: Span) -> list[int]:
        """The forward one, then the backward one where the span has it and the network takes it."""
        if span.forward is None:
            return []
        if span.backward is None or self._network.settings.fusion.references == 1:
            return [span.forward]
        return [span.forward, span.backward]

    @torch.inference_mode()
    def _encode(self, rgb: RgbFrame, shape: tuple[int, ...]) -> Reference:
        height, width = working_size(shape[0], shape[1], long_side=self.options.long_side)
        lab = rgb_to_lab(torch.from_numpy(rgb)).permute(2, 0, 1)[None]  # (1, 3, H, W)
        lab = scale_down(lab, reference_size(rgb.shape[0], rgb.shape[1], area=height * width)).to(self.device)
        # In float32 whatever the precision: once a clip, and still right when a batch overflows.
        return self._network.encode_reference(lab[:, :1].contiguous(), lab[:, 1:].contiguous())

    @torch.inference_mode()
    def _colored(
        self, frames: Sequence[LStar], pair: tuple[Reference, Reference | None], positions: Sequence[float]
    ) -> tuple[Tensor, Tensor]:
        """Luminance and chroma at the working size, (N, 1, h, w) and (N, 2, h, w), in as many passes as memory asks for."""
        height, width = frames[0].shape
        size = working_size(height, width, long_side=self.options.long_side)
        small = torch.cat([scale_down(self._tensor(frame), size) for frame in frames])
        place = torch.tensor(positions, dtype=torch.float32, device=self.device)
        parts: list[Tensor] = []
        start = 0
        while start < len(frames):
            piece = slice(start, start + self.batch)
            ab = self._attempt(small[piece], pair, place[piece])
            if ab is None:
                self._halve()
            else:
                parts.append(ab)
                start += len(ab)
        return small, torch.cat(parts)

    def _attempt(self, l_star: Tensor, pair: tuple[Reference, Reference | None], position: Tensor) -> Tensor | None:
        """One pass; None where memory does not do for it."""
        try:
            ab = self._pass(l_star, pair, position)
        except RuntimeError as error:
            if not _out_of_memory(error):
                raise
            return None
        if torch.isfinite(ab).all():
            return ab
        if self._dtype is torch.float32:
            raise ColorbenchError(
                "the network returned chroma that is no number",
                wanted="finite values",
                remedy="its weights are damaged or diverged in training: take another checkpoint",
            )
        self._note(f"{self._dtype} overflows in this network; going on in float32")
        self._dtype = torch.float32
        return self._attempt(l_star, pair, position)

    def _pass(self, l_star: Tensor, pair: tuple[Reference, Reference | None], position: Tensor) -> Tensor:
        l_star = l_star.contiguous(memory_format=self._format)
        with self._autocast():
            maps = None if self._experts is None else self._experts(l_star).float()
            ab: Tensor = self._forward(l_star, *pair, position, maps)[-1]
        return ab.float()

    @torch.inference_mode()
    def _enlarged(self, frame: LStar, small: Tensor, ab: Tensor) -> Tensor:
        """(H, W, 3) Lab of one frame: frame by frame, so that full-size maps of one alone are in memory."""
        l_star = self._tensor(frame)
        return torch.cat((l_star, scale_chroma_up(ab, small, l_star)), dim=1)[0].permute(1, 2, 0)  # (H, W, 3)

    def _uncolored(self, frame: LStar) -> Tensor:
        """(H, W, 3) Lab without chroma."""
        return nn.functional.pad(self._tensor(frame)[0, 0, ..., None], (0, 2))

    def _tensor(self, frame: LStar) -> Tensor:
        return torch.from_numpy(frame)[None, None].to(self.device)

    def _autocast(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, dtype=self._dtype, enabled=self._dtype is not torch.float32)

    def _halve(self) -> None:
        if self.batch == 1:
            raise ColorbenchError(
                f"memory of {self.device} does not do for one frame",
                wanted="room for one frame at the working size",
                remedy=f"make long_side smaller (it is {self.options.long_side}), or use another device",
            )
        self.batch //= 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self._note(f"out of memory on {self.device}: going on with batches of {self.batch}")

    def _note(self, event: str) -> None:
        self.events.append(event)
        self._tell(event)


def _dtype(precision: Precision, device: torch.device) -> torch.dtype:
    if precision == "auto":
        return torch.float32 if device.type == "cpu" else torch.float16
    dtype: torch.dtype = getattr(torch, precision)
    return dtype


def _out_of_memory(error: RuntimeError) -> bool:
    """The GPU's own error, or the CPU allocator's, which has no class of its own."""
    return isinstance(error, torch.cuda.OutOfMemoryError) or "can't allocate memory" in str(error)
