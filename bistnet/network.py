"""BiSTNet: what is connected to what. The parts are in features, correspondence, fusion and refinement.

    luminance -> encoder -> embedding --+-> correspond (forward reference)  --+
                                        +-> correspond (backward reference) --+-> fuse -> refine <- luminance, expert maps

How ours differs from the paper: only a* and b* of the references are warped (eq. 2 warps RGB), at 1/4 of the frame's size (a
setting), and fused there, then enlarged bilinearly. Both sides are embedded from luminance alone, as in the release; so
a reference and the frame it was taken from have one embedding. The refinement may also see the similarity maps, which the paper's
does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from bistnet.correspondence import Match, correspond
from bistnet.features import FLOOR, CompactEncoder, Embedding, Vgg19
from bistnet.fusion import fuse
from bistnet.refinement import BOUND, Scales, make_refinement
from bistnet.settings import Settings
from colorbench.errors import UsageError


@dataclass(frozen=True, slots=True)
class Reference:
    """A color picture, ready to be matched. Made once a clip by :meth:`BiSTNet.encode_reference`."""

    embedding: Tensor
    """(1, D, h, w), or (N, D, h, w) where each frame of a batch has its own reference."""
    ab: Tensor
    """(1, 2, h, w) or (N, 2, h, w), the reference's chroma averaged down to the embedding's size."""


class BiSTNet(nn.Module):
    """The whole network. Settings decide the graph; every ablation is a setting.

    On a CPU ``network.to(memory_format=torch.channels_last)`` saves about a tenth of the time.

    Args:
        settings: see :mod:`bistnet.settings`.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        features = settings.features
        self.encoder: Vgg19 | CompactEncoder = Vgg19() if features.encoder == "vgg19" else CompactEncoder(features.width)
        self.embedding = Embedding(self.encoder.channels, features.embedding)
        self.refinement = make_refinement(input_channels(settings), settings.refinement)
        self.multiple = math.lcm(self.refinement.multiple, self.encoder.multiple, settings.match.stride)
        """Frames are padded to multiples of this."""

    def encode_reference(self, l_star: Tensor, ab: Tensor) -> Reference:
        """Embeds a reference.

        Args:
            l_star: (1, 1, H, W) in [0, 100]; or (N, 1, H, W), one reference for each frame of a batch.
            ab: (1, 2, H, W) or (N, 2, H, W), CIE units.

        Returns:
            A reference of ceil(H / stride) x ceil(W / stride) positions; padding is never matched.

        Raises:
            UsageError: the shapes are something else.
        """
        _check_frames(l_star, "a reference's luminance")
        count, _, height, width = l_star.shape
        _check_shape(ab, (count, 2, height, width), "a reference's chroma")
        stride = self.settings.match.stride
        rows, columns = -(-height // stride), -(-width // stride)
        embedding = self._embed(_pad(l_star, self.multiple))[..., :rows, :columns]  # (N, D, h, w)
        small = F.avg_pool2d(_pad(ab, stride), stride)  # (N, 2, h, w)
        return Reference(embedding=embedding.contiguous(), ab=small)

    def forward(
        self,
        l_star: Tensor,
        forward_reference: Reference,
        backward_reference: Reference | None,
        position: Tensor,
        experts: Tensor | None = None,
    ) -> Scales:
        """Colors frames.

        Args:
            l_star: (N, 1, H, W) in [0, 100], any size.
            forward_reference: the picture at position 0; need not be of the frames' size.
            backward_reference: the picture at position 1; None: the forward one stands for both, so eq. 3 passes its warp alone.
            position: (N,) in [0, 1], t / (N - 1) between the two references.
            experts: (N, C, H, W) in [0, 1], semantic maps before edges; None where the settings use none.

        Returns:
            ab at 1/4, 1/2 and full size: (N, 2, ceil(H / 4), ceil(W / 4)), (N, 2, ceil(H / 2), ceil(W / 2)), (N, 2, H, W).

        Raises:
            UsageError: a shape is something else, or there are experts or references that the settings do not use.
        """
        self._check(l_star, backward_reference, position, experts)
        height, width = l_star.shape[-2:]
        frames = _pad(l_star, self.multiple)  # (N, 1, H', W')
        query = self._embed(frames)  # (N, D, H' / stride, W' / stride)
        first = self._match(query, forward_reference)
        second = None if backward_reference is None else self._match(query, backward_reference)
        fused = fuse(first, second, position, form=self.settings.fusion.form)  # (N, 2, H' / stride, W' / stride)
        color_map = self._enlarge(fused)  # (N, 2, H', W')
        inputs = [(frames - 50.0) / 50.0, color_map / BOUND]
        matches = (first, second or first)[: self.settings.fusion.references]
        if self.settings.refinement.similarity:
            inputs += [self._enlarge(match.similarity) for match in matches]
        if self.settings.refinement.warped:
            inputs += [self._enlarge(match.values) / BOUND for match in matches]
        if experts is not None:
            inputs.append(_pad(experts, self.multiple))
        quarter, half, full = self.refinement(torch.cat(inputs, dim=1), color_map)
        return _crop(quarter, height, width, 4), _crop(half, height, width, 2), _crop(full, height, width, 1)

    def _embed(self, frames: Tensor) -> Tensor:
        """(N, 1, H, W) L* -> (N, D, H / stride, W / stride), unit norm."""
        levels = self.encoder((frames / 100.0).expand(-1, 3, -1, -1))
        embedding: Tensor = self.embedding(levels)  # (N, D, H / 4, W / 4)
        if self.settings.match.stride == 8:
            embedding = F.normalize(F.avg_pool2d(embedding, 2), dim=1, eps=FLOOR)  # (N, D, H / 8, W / 8)
        return embedding

    def _match(self, query: Tensor, reference: Reference) -> Match:
        match = self.settings.match
        return correspond(query, reference.embedding, reference.ab, temperature=match.temperature, mode=match.mode)

    def _enlarge(self, maps: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C, stride h, stride w), bilinear."""
        return F.interpolate(maps, scale_factor=float(self.settings.match.stride), mode="bilinear", align_corners=False)

    def _check(self, l_star: Tensor, backward: Reference | None, position: Tensor, experts: Tensor | None) -> None:
        _check_frames(l_star, "the frames' luminance")
        count, _, height, width = l_star.shape
        _check_shape(position, (count,), "position")
        if backward is not None and self.settings.fusion.references == 1:
            raise UsageError(
                "a backward reference, given to a network of fusion.references = 1",
                wanted="None",
                remedy="pass None, or take a network of two references",
            )
        channels = self.settings.experts.channels
        if experts is None and channels:
            used = self.settings.experts
            raise UsageError(
                f"no expert maps, but the settings use semantic {used.semantic!r} and edges {used.edges!r}",
                wanted=f"({count}, {channels}, {height}, {width}) in [0, 1]",
                remedy="pass them, semantic before edges; or take a network without experts",
            )
        if experts is not None:
            _check_shape(experts, (count, channels, height, width), "the expert maps")


def input_channels(settings: Settings) -> int:
    """Channels of the refinement's input: luminance, fused ab, then what the settings add.

    >>> from bistnet.settings import load_settings
    >>> input_channels(load_settings("paper"))  # 1 + 2 + 19 + 1
    23
    """
    refinement, references = settings.refinement, settings.fusion.references
    return 3 + references * (refinement.similarity + 2 * refinement.warped) + settings.experts.channels


def _pad(x: Tensor, multiple: int) -> Tensor:
    """Replicates the last row and column until both sides are multiples."""
    bottom, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return F.pad(x, (0, right, 0, bottom), mode="replicate") if bottom or right else x


def _crop(x: Tensor, height: int, width: int, scale: int) -> Tensor:
    return x[..., : -(-height // scale), : -(-width // scale)]


def _check_frames(l_star: Tensor, what: str) -> None:
    if l_star.dim() != 4 or l_star.shape[1] != 1 or not l_star.numel():
        raise UsageError(f"{what} has shape {tuple(l_star.shape)}", wanted="(N, 1, H, W)", remedy="L* alone, channels second")


def _check_shape(x: Tensor, wanted: tuple[int, ...], what: str) -> None:
    if tuple(x.shape) != wanted:
        raise UsageError(f"{what} has shape {tuple(x.shape)}", wanted=f"{wanted}", remedy="give each frame its own, of its size")
