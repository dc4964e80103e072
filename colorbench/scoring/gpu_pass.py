"""The fused pass on a GPU: what fused.py finds, to the last bit, from frames that are sent there.

It runs in a stream of its own beside the method's work, one small batch at a time, so that a method's figures of memory hardly
change. docs/design/metrics.md says what it is for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from colorbench.metric import FrameStatistics, PairStatistics
from colorbench.scoring.frame_checks import checked_frame, checked_pair
from colorbench.scoring.ssim_window import C1, C2, REACH, WINDOW, total_of
from colorbench.types import RgbFrame

if TYPE_CHECKING:
    from torch import Tensor

_COLUMNS = 128
_PIXELS = 1024
"""What one program takes; more pixels could overflow its sums."""
_OPTIONS = {"enable_fp_fusion": False}
"""Nothing here needs it, and Triton warns where it is left open."""
_BATCH_BYTES = 1 << 22
"""As many frames are sent at once, but at least one."""


class GpuPass:
    """Satisfies colorbench.metric.FusedPass.

    Args:
        device: a torch device with Triton and float64. "cpu" is for Triton's interpreter, which tests use.

    Raises:
        ImportError: Triton is not installed.
    """

    def __init__(self, device: str) -> None:
        import torch

        from colorbench.scoring import triton_kernels

        self._kernels, self._device = triton_kernels, torch.device(device)
        self._stream = torch.cuda.Stream(self._device) if self._device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self._constants = torch.tensor([C1, C2], dtype=torch.float64, device=self._device)
        # Triton compiles at the first launch, and memory is to hold one batch.
        self._lock = Lock()

    def frames(self, frames: Sequence[RgbFrame]) -> list[FrameStatistics]:
        """Histograms and opponent-color sums of frames; see :func:`colorbench.scoring.fused.measure_frame`.

        Args:
            frames: all of one size.

        Raises:
            UsageError: a frame is something else.
        """
        found = []
        for batch in _batches([checked_frame(frame) for frame in frames]):
            with self._lock, self._streaming():
                found += self._count(self._sent(batch))
        return found

    def pairs(self, pairs: Sequence[tuple[RgbFrame, RgbFrame]]) -> list[PairStatistics]:
        """Squared error, SSIM and the prediction's statistics; see :func:`colorbench.scoring.fused.measure_pair`.

        Args:
            pairs: of a truth and a prediction, all of one size.

        Raises:
            UsageError: a frame is something else, or the sizes of a pair differ.
        """
        checked = [checked_pair(*pair) for pair in pairs]
        found = []
        for truths, predictions in zip(_batches([x for x, _ in checked]), _batches([y for _, y in checked]), strict=True):
            with self._lock, self._streaming():
                prediction = self._sent(predictions)
                compared = self._compare(self._sent(truths), prediction)
                counted = self._count(prediction)
            found += [PairStatistics(of_it, error, ssim) for of_it, (error, ssim) in zip(counted, compared, strict=True)]
        return found

    def _streaming(self) -> AbstractContextManager[object]:
        import torch

        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    def _sent(self, frames: Sequence[RgbFrame]) -> Tensor:
        """(N, H, W, 3) uint8 on the device."""
        import torch

        return torch.from_numpy(np.stack(frames)).to(self._device)

    def _compare(self, truth: Tensor, prediction: Tensor) -> list[tuple[int, float]]:
        """Squared error and mean SSIM of each pair."""
        import torch

        n, height, width, _ = truth.shape
        columns = 3 * width
        windows = max(columns - REACH, 0)
        quotients = torch.empty((n, windows), dtype=torch.float64, device=self._device)
        errors = torch.empty((n, columns), dtype=torch.int64, device=self._device)
        self._kernels.compare[-(-columns // _COLUMNS), n](
            truth, prediction, self._constants, quotients, errors, height, columns, windows, _COLUMNS, **_OPTIONS
        )
        places = windows * max(height - WINDOW + 1, 0)
        ssims = [total_of(row) / places if places else math.nan for row in quotients.cpu().numpy()]
        return list(zip(errors.sum(dim=1).tolist(), ssims, strict=True))

    def _count(self, frames: Tensor) -> list[FrameStatistics]:
        import torch

        n, height, width, _ = frames.shape
        pixels = height * width
        programs = -(-pixels // _PIXELS)
        counts = torch.zeros((n, 3, 256), dtype=torch.int32, device=self._device)
        opponents = torch.zeros((n, 4), dtype=torch.int64, device=self._device)
        self._kernels.count[programs, n](frames, counts, opponents, pixels, _PIXELS, **_OPTIONS)
        histograms: NDArray[np.int64] = counts.cpu().numpy().astype(np.int64)
        histograms[:, :, 0] -= programs * _PIXELS - pixels
        return [FrameStatistics(*found) for found in zip(histograms, map(_quadruple, opponents.tolist()), strict=True)]


def _quadruple(values: Sequence[int]) -> tuple[int, int, int, int]:
    a, b, c, d = values
    return a, b, c, d


def _batches(frames: Sequence[RgbFrame]) -> list[Sequence[RgbFrame]]:
    size = max(_BATCH_BYTES // frames[0].nbytes, 1) if frames else 1
    return [frames[at : at + size] for at in range(0, len(frames), size)]
