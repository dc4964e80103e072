"""TCVC: frames between two anchors get their features from both, carried along by optical flow and mixed where they meet.

After Liu et al., Temporally Consistent Video Colorization with Deep Feature Propagation and Self-regularization Learning (2021,
arXiv 2110.04562). With siggraph17 and FlowNet2 it has the released file's 198,381,166 parameters under its names, misspelt ones
included. How ours differs: the released forward pass also computes losses, for which it needs more than twice as many flows and
which change no output.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from baselines.idc_networks.siggraph17 import Siggraph17
from colorbench.training.losses.chroma import exact
from colorbench.training.losses.warping import warp

_SLOPE = 0.1


@dataclass(frozen=True, slots=True)
class Anchor:
    """A frame that was colored by itself."""

    ab: Tensor
    """(N, 2, H, W) a* and b* over 110, within 1."""
    features: Tensor
    """(N, 2w, H, W), what ``ab`` was made of."""


class Tcvc(nn.Module):
    """An image network and a flow, both frozen and always in evaluation, and small networks around them, which alone are trained.

    The image network (IDC's) colors anchors; its last layer also colors the frames between them.

    Args:
        flow: called with two frames (N, 3, H, W) in [0, 1], returns (N, 2, H, W), x and y in pixels, from each pixel of the first
            to the like one in the second.
        width: of the image network, 64 in the release.
        gray_width: channels of the features of luminance, 32 in the release.
        hidden: channels of the first layer of mixing and of refinement, 196 in the release.
        classes: of the image network; see Siggraph17.
    """

    def __init__(self, flow: nn.Module, *, width: int = 64, gray_width: int = 32, hidden: int = 196, classes: int = 529) -> None:
        super().__init__()
        whole, half = 2 * width, width
        self.L_fea_extractor = nn.Sequential(
            nn.Conv2d(1, gray_width, 3, padding=1), nn.LeakyReLU(_SLOPE), nn.Conv2d(gray_width, gray_width, 3, padding=1)
        )
        self.channel_reduction = _Chain((whole, half, half, half), sizes=(1, 3, 1))
        self.weigting = _Chain((3 * gray_width + 2 * whole, hidden, half, 1))
        self.feature_refine = _Chain((3 * gray_width + 3 * half, hidden, whole, whole))
        self.fea_key = Siggraph17(width=width, classes=classes).requires_grad_(False)
        self.flow = flow.requires_grad_(False)

    def train(self, mode: bool = True) -> Tcvc:
        """As nn.Module's; image network and flow stay in evaluation."""
        super().train(mode)
        self.fea_key.eval()
        self.flow.eval()
        return self

    def anchor(self, gray: Tensor) -> Anchor:
        """(N, 1, H, W) L* / 100 - 0.5 -> the frame colored by itself; sides are multiples of 8."""
        features = self.fea_key.features(gray)
        return Anchor(ab=self.fea_key.model_out(features), features=features)

    def forward(self, grays: Sequence[Tensor]) -> Tensor:
        """A segment, whose first and last frame are anchors.

        Args:
            grays: (N, 1, H, W) L* / 100 - 0.5 each, two at least.

        Returns:
            (N, T, 2, H, W) a* and b* over 110.
        """
        first, last = self.anchor(grays[0]), self.anchor(grays[-1])
        return torch.stack((first.ab, *self.between(grays, first, last), last.ab), dim=1)

    def between(self, grays: Sequence[Tensor], first: Anchor, last: Anchor) -> Iterator[Tensor]:
        """Colors the frames between two anchors. A feature map a frame is held, and given up when the frame is done.

        Args:
            grays: (N, 1, H, W) L* / 100 - 0.5 each, the anchors' own included.
            first: of ``grays[0]``.
            last: of ``grays[-1]``.

        Yields:
            (N, 2, H, W) a* and b* over 110, ascending.
        """
        backward = self._carried_back(grays, last.features)
        looks = deque((self.L_fea_extractor(gray) for gray in grays[:2]), maxlen=3)  # of the frame before, this one, the next
        fused = first.features
        for index in range(1, len(grays) - 1):
            looks.append(self.L_fea_extractor(grays[index + 1]))
            from_last = backward.popleft()  # what lies leftmost now is the next frame's
            from_first = warp(exact(fused), self.motion(grays[index], grays[index - 1]))
            share = torch.sigmoid(self.weigting(torch.cat((*looks, from_last, from_first), dim=1)))  # (N, 1, H, W)
            mixed = share * from_first + (1.0 - share) * from_last
            context = (self.channel_reduction(x.detach()) for x in (backward[0], fused, mixed))
            fused = mixed + self.feature_refine(torch.cat((*looks, *context), dim=1))
            yield self.fea_key.model_out(fused)

    def _carried_back(self, grays: Sequence[Tensor], features: Tensor) -> deque[Tensor]:
        """The last anchor's features at each frame but the first, ascending; warped from frame to frame, nothing else."""
        found = deque((features,))
        for index in range(len(grays) - 2, 0, -1):
            found.appendleft(warp(exact(found[0]), self.motion(grays[index], grays[index + 1])))
        return found

    def motion(self, gray: Tensor, other: Tensor) -> Tensor:
        """(N, 1, H, W) L* / 100 - 0.5 twice -> (N, 2, H, W), the flow from each pixel of the first to the second."""
        flow: Tensor = self.flow(*((x + 0.5).expand(-1, 3, -1, -1) for x in (gray, other)))
        return flow


class _Chain(nn.Module):
    """Three convolutions, LeakyReLU between them.

    Args:
        channels: before the first and after each.
        sizes: of the kernels.
    """

    def __init__(self, channels: tuple[int, int, int, int], *, sizes: tuple[int, int, int] = (3, 3, 3)) -> None:
        super().__init__()
        one, two, three, four = channels
        self.conv1 = nn.Conv2d(one, two, sizes[0], padding=sizes[0] // 2)
        self.conv2 = nn.Conv2d(two, three, sizes[1], padding=sizes[1] // 2)
        self.conv3 = nn.Conv2d(three, four, sizes[2], padding=sizes[2] // 2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels[0], H, W) -> (N, channels[3], H, W)."""
        x = F.leaky_relu(self.conv1(x), _SLOPE)
        x = F.leaky_relu(self.conv2(x), _SLOPE)
        out: Tensor = self.conv3(x)
        return out
