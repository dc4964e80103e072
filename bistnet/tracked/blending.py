"""Whose colors to believe, pixel by pixel: the network's, or those that flow carries from either exemplar. Not in the paper.

BiSTNet matches each frame with its exemplars by what things look like, flow follows them through all frames between; they fail
in different places. A small U-Net at half size sees both, how sure flow is, and the luminance, and gives each of four candidates
a weight (softmax) and no more, so no color comes out that nobody proposed. It begins as flow's own filled-in result.
docs/design/blending.md says what it brings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from numpy.typing import NDArray
from torch import Tensor, nn

from colorbench.errors import WeightsError
from colorbench.flow.carrying import LEAST_TRUST
from colorbench.flow.filling import smoothed
from colorbench.nets.checkpoints import load_strict
from colorbench.types import LStar
from colorbench.weights.trained_file import package_versions, read_card, save_weights

if TYPE_CHECKING:
    from colorbench.flow.carrying import Colors, Hints

FORMAT = 1
"""Of the card; raised when a file of this form could not be read by the code before it."""

CHANNELS = 12
"""Of what the blend sees; see :func:`planes`."""

_AB = 50.0
_TRUST = 4.0
_L = slice(0, 1)
_FILLED, _OWN, _BEFORE, _AFTER = slice(1, 3), slice(3, 5), slice(5, 7), slice(7, 9)
CANDIDATES = (_FILLED, _OWN, _BEFORE, _AFTER)
"""Where a* and b* of the four candidates lie."""
TRUSTS = (slice(9, 10), slice(10, 11))
"""Trust in the colors from before and from after."""

_FIRST_WEIGHT = 3.0
"""Logit of flow's filled-in colors before any training: 0.87 of the sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """All that decides the graph."""

    width: int = 24
    """Channels of the first level, at half size."""


class Blend(nn.Module):
    """The U-Net; 164,644 parameters at width 24."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.down = nn.ModuleList((_block(CHANNELS + 4, width), _block(width, 2 * width), _block(2 * width, 2 * width)))
        self.up = nn.ModuleList((_block(4 * width, 2 * width), _block(3 * width, width)))
        self.head = nn.Conv2d(width, len(CANDIDATES), 1)
        nn.init.zeros_(self.head.weight)
        self.head.bias = nn.Parameter(torch.zeros(len(CANDIDATES)))
        with torch.no_grad():
            self.head.bias[0] = _FIRST_WEIGHT

    def forward(self, seen: Tensor) -> Tensor:
        """(N, CHANNELS, H, W) of :func:`planes` -> (N, 2, H, W) a* and b* in CIE units, any H and W."""
        filled, own, before, after = candidates = [seen[:, part] for part in CANDIDATES]
        gaps = [_distance(*pair) for pair in ((filled, own), (before, after), (filled, before), (own, before))]
        fine = self.down[0](_halved(torch.cat((seen, *gaps), dim=1)))
        middle = self.down[1](_halved(fine))
        coarse = self.down[2](_halved(middle))
        middle = self.up[0](torch.cat((_enlarged(coarse, middle), middle), dim=1))
        fine = self.up[1](torch.cat((_enlarged(middle, fine), fine), dim=1))
        weights = _enlarged(self.head(fine), seen).softmax(dim=1)
        return _AB * torch.stack([candidate * weights[:, at : at + 1] for at, candidate in enumerate(candidates)]).sum(dim=0)


def planes(l_star: LStar, own: NDArray[np.float32], hints: Hints) -> NDArray[np.float32]:
    """What the blend sees of a frame.

    Args:
        l_star: (H, W) in [0, 100].
        own: (H, W, 2) a* and b* by the network.
        hints: of the frame, which is nobody's exemplar. A side that is missing takes the other's colors, without trust.

    Returns:
        (CHANNELS, H, W): L* / 100; a* and b* / 50 of flow's filled-in colors, of the network, from before, from after; logarithm
        of the trust from before and from after, / 4; nearness.
    """
    before, after = hints.before or _untrusted(hints.after), hints.after or _untrusted(hints.before)
    sides = [side.ab.astype(np.float32) / _AB for side in (before, after)]
    trusts = [np.log(side.trust.astype(np.float32)) / _TRUST for side in (before, after)]
    filled = smoothed(*hints.blended(), l_star)
    maps = (l_star[..., None] / 100.0, filled / _AB, own / _AB, *sides, *(trust[..., None] for trust in trusts))
    whole = np.concatenate((*maps, np.full((*l_star.shape, 1), hints.nearness)), axis=-1, dtype=np.float32)
    return np.ascontiguousarray(whole.transpose(2, 0, 1))


def without(seen: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """(CHANNELS, H, W) of :func:`planes` as it would be if one side, 0 before or 1 after, were missing; for training.

    The filled-in colors stay those of both sides, which training has to live with.
    """
    changed, other = seen.copy(), 1 - side
    changed[CANDIDATES[2 + side]] = seen[CANDIDATES[2 + other]]
    changed[TRUSTS[side]] = np.log(LEAST_TRUST) / _TRUST
    changed[-1] = 0.5
    return changed


def rotated(ab: NDArray[np.float32], angle: float) -> NDArray[np.float32]:
    """(2, H, W) a* and b* with the hue turned by an angle in radians."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    result: NDArray[np.float32] = np.einsum("ij,jhw->ihw", turn, ab)
    return result


def save_blend(path: Path, blend: Blend, *, network: str, facts: Mapping[str, Any]) -> None:
    """Writes weights and their card.

    Args:
        path: ends in ``.safetensors``.
        blend: what is saved.
        network: digest of the file of the network that it was trained beside.
        facts: how it came about; the rest of the card.

    Raises:
        WeightsError, UsageError, StoreError: as :func:`colorbench.weights.trained_file.save_weights`.
    """
    own = {"format": FORMAT, "network": network, "shape": asdict(blend.shape), "versions": package_versions()}
    save_weights(path, blend.state_dict(), {**facts, **own})


def load_blend(path: Path, *, network: str) -> Blend:
    """The blend of a file of :func:`save_blend`, in evaluation mode.

    Raises:
        WeightsError: it can't be read, or was trained beside another network.
    """
    from safetensors.torch import load_file

    card = read_card(path)
    try:
        blend, beside, version = Blend(Shape(**card["shape"])), str(card["network"]), int(card["format"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path} has a card that can't be read: {error}", wanted="a file of `colorbench train blend`", remedy="train it anew"
        ) from error
    if version != FORMAT or beside != network:
        raise WeightsError(
            f"{path} has format {version} and was trained beside the network of digest {beside[:12]}",
            wanted=f"format {FORMAT} and the network of digest {network[:12]}, which is here",
            remedy="train it anew: colorbench train blend",
        )
    load_strict(blend, load_file(path), source=path)
    return blend.eval()


def _untrusted(side: Colors | None) -> Colors:
    from colorbench.flow.carrying import Colors

    if side is None:
        raise ValueError("a frame that flow says nothing of")
    return Colors(side.ab, np.full_like(side.trust, LEAST_TRUST))


def _block(inputs: int, outputs: int) -> nn.Sequential:
    first, second = nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


def _halved(maps: Tensor) -> Tensor:
    return F.avg_pool2d(maps, 2, ceil_mode=True)


def _enlarged(maps: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(maps, like.shape[-2:], mode="bilinear", align_corners=False)


def _distance(first: Tensor, second: Tensor) -> Tensor:
    """(N, 1, H, W), of two (N, 2, H, W); with a gradient at 0 too, though nothing is trained through it."""
    return (first - second).square().sum(dim=1, keepdim=True).add(1e-8).sqrt()
