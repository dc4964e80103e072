"""The released test script on a clip: frames at their own size, padded for the networks; the exemplar; chroma's return."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from numpy.typing import NDArray
from torch import Tensor

from baselines.colormnet_networks.network import STRIDE, ColorMNet
from baselines.colormnet_networks.propagation import Reference, propagated
from colorbench.color import rgb_to_lab
from colorbench.method import GrayClip, require_exemplars
from colorbench.types import Exemplar, RgbFrame

MIDDLE = 50.0
"""Of L*, and what it is divided by."""

CHROMA_SCALE = 110.0
"""What the network calls 1 in a* and b*."""


class ReleasedColorizer:
    """Satisfies Colorizer; keeps nothing of a clip.

    Args:
        network: with weights; moved to the device.
        device: "cpu" or "cuda".
    """

    def __init__(self, network: ColorMNet, *, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        """See Colorizer. Takes the first exemplar; one frame and a bounded memory are held at a time.

        Raises:
            MethodError: there is no exemplar.
        """
        require_exemplars(clip, exemplars)
        for index, ab in enumerate(self._chroma(clip, exemplars[0])):
            yield clip.merge(index, ab)

    # Inference mode is entered for each frame: a generator that is left open must not leave it on for its caller.
    def _chroma(self, clip: GrayClip, exemplar: Exemplar) -> Iterator[NDArray[np.float32]]:
        """(H, W, 2) a frame."""
        left, right, top, bottom = margins(clip.height, clip.width)

        def tensor(planes: Tensor) -> Tensor:
            """(H, W, C) -> (1, C, rows, columns) on the device; margins are 0."""
            return F.pad(planes.permute(2, 0, 1)[None], (left, right, top, bottom)).to(self.device)

        lab = rgb_to_lab(torch.from_numpy(fitted(exemplar.rgb, clip.height, clip.width)).double() / 255.0).float()
        reference = Reference(
            gray=tensor(lab[..., :1] / MIDDLE - 1.0), ab=tensor(lab[..., 1:] / CHROMA_SCALE), first=exemplar.index == 0
        )
        l_stars = (torch.from_numpy(clip.luminance(index))[..., None] for index in range(len(clip)))
        steps = propagated(self.network, (tensor(l_star / MIDDLE - 1.0) for l_star in l_stars), reference)
        for _ in range(len(clip)):
            with torch.inference_mode():
                ab = next(steps)[0, :, top : top + clip.height, left : left + clip.width]
                picture: NDArray[np.float32] = (CHROMA_SCALE * ab).permute(1, 2, 0).cpu().contiguous().numpy()
            yield picture


def margins(height: int, width: int) -> tuple[int, int, int, int]:
    """Pixels that are missing left, right, above and below to multiples of STRIDE; of an odd number one more comes last.

    >>> margins(480, 854)
    (21, 21, 40, 40)
    """
    above, before = (-side % STRIDE // 2 for side in (height, width))
    return before, -width % STRIDE - before, above, -height % STRIDE - above


def fitted(rgb: RgbFrame, height: int, width: int) -> RgbFrame:
    """An exemplar at the frames' size, whatever its aspect, by Pillow's bilinear scaling."""
    from PIL import Image

    if rgb.shape[:2] == (height, width):
        return rgb
    return np.array(Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR))  # writable
