"""BiSTNet: what is connected to what. The parts are in features, correspondence, fusion and refinement.

    luminance -> encoder -> embedding --+-> correspond (forward reference)  --+
                                        +-> correspond (backward reference) --+-> fuse -> refine <- luminance, expert maps

How ours differs from the paper: a* and b* of the references are warped (eq. 2 warps RGB), and L* too where a setting asks what it
says of the match, at 1/4 of the frame's size (a setting), and fused there, then enlarged. Both sides are embedded from luminance
alone, as in the release; so a reference and the frame it was taken from have one embedding. The refinement may also see the
similarity maps, which the paper's does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from bistnet.network.alignment import fetch_aligned
from bistnet.network.features import FLOOR, Embedding, PositionCode, joined, luminance_patches
from bistnet.network.fusion import fuse, fuse_aligned
from bistnet.network.local import match_locally, positions_of
from bistnet.network.refinement import BOUND, Scales, make_refinement
from bistnet.network.settings import FeatureSettings, Settings
from bistnet.upsampling import scale_chroma_up
from colorbench.errors import UsageError
from colorbench.nets.correspondence import Match, correspond
from colorbench.nets.encoders import CompactEncoder, Vgg16, Vgg19

_FINE = 4
"""Pixels between two positions of the embedding that is matched again."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """What of a picture is matched."""

    coarse: Tensor
    """(N, D, h, w), unit norm over D, at the stride of the settings; with a position code where they have one."""
    fine: Tensor | None
    """(N, D', h', w'), unit norm, at 1/4 of the size; None where nothing is matched again."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A color picture, ready to be matched. Made once a clip by :meth:`BiSTNet.encode_reference`.

    All of one batch: 1, or N where each frame of a batch has its own reference.
    """

    embedded: Embedded
    values: Tensor
    """(N, C, h, w), the reference's a* and b*, then L* where the settings carry it, averaged down to the coarse embedding's
    size."""
    fine_values: Tensor | None
    """(N, C, h', w'), down to the fine one's; None without."""
    lab: Tensor | None = None
    """(N, 3, H, W), the reference itself, L* first, where the settings take colors from there; else None."""

    def repeated(self, count: int) -> Reference:
        """Each of a batch's references ``count`` times in a row, for as many frames of each."""

        def repeat(maps: Tensor | None) -> Tensor | None:
            return None if maps is None else maps.repeat_interleave(count, dim=0)

        embedded = Embedded(self.embedded.coarse.repeat_interleave(count, dim=0), repeat(self.embedded.fine))
        return Reference(embedded, self.values.repeat_interleave(count, dim=0), repeat(self.fine_values), repeat(self.lab))


@dataclass(frozen=True, slots=True)
class Warped:
    """What the references bring to frames."""

    matches: tuple[Match, Match]
    """Values (N, 2, h, w) of the forward and of the backward reference; the forward one's twice where it stands for both."""
    lighter: tuple[Tensor, ...]
    """How much lighter than the frame each reference is where it was matched, (N, 1, h, w); empty where no L* is carried."""
    fused: Tensor
    """(N, 2, h, w), the color map p_t."""
    places: tuple[Tensor, ...] = ()
    """Row and column in each reference where it was matched, (N, 2, h, w), in positions at 1/4; empty where not asked for."""


@dataclass(frozen=True, slots=True)
class Coloring:
    """What the network says of frames."""

    scales: Scales
    """ab at 1/4, 1/2 and full size: (N, 2, ceil(H / 4), ceil(W / 4)), (N, 2, ceil(H / 2), ceil(W / 2)), (N, 2, H, W)."""
    color_map: Tensor
    """(N, 2, H, W), the fused map p_t, enlarged: what the refinement begins with."""
    coarse_map: Tensor | None = None
    """(N, 2, H, W), what the match over all of the references gives softly and by itself, fused and enlarged: where windows come
    after it, it is trained by this. None where it was not asked for."""


class BiSTNet(nn.Module):
    """The whole network. Settings decide the graph; every ablation is a setting.

    On a CPU ``network.to(memory_format=torch.channels_last)`` saves about a tenth of the time.

    Args:
        settings: see :mod:`bistnet.network.settings`.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        features = settings.features
        self.encoder = make_encoder(features)
        self.embedding = Embedding(self.encoder.channels, features.embedding)
        self.position = PositionCode(features.positions) if features.positions else None
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
        embedded = self._embed(_pad(l_star, self.multiple))
        fine = None if embedded.fine is None else _crop(embedded.fine, height, width, _FINE).contiguous()
        coarse = _crop(embedded.coarse, height, width, stride).contiguous()
        values = torch.cat((ab, l_star), dim=1) if self.settings.carries_luminance else ab
        return Reference(
            embedded=Embedded(coarse, fine),
            values=F.avg_pool2d(_pad(values, stride), stride),
            fine_values=None if fine is None else F.avg_pool2d(_pad(values, _FINE), _FINE),
            lab=torch.cat((l_star, ab), dim=1) if self.settings.fusion.aligned else None,
        )

    def forward(
        self,
        l_star: Tensor,
        forward_reference: Reference,
        backward_reference: Reference | None,
        position: Tensor,
        experts: Tensor | None = None,
    ) -> Scales:
        """Colors frames: the scales of :meth:`color`."""
        return self.color(l_star, forward_reference, backward_reference, position, experts).scales

    def color(
        self,
        l_star: Tensor,
        forward_reference: Reference,
        backward_reference: Reference | None,
        position: Tensor,
        experts: Tensor | None = None,
        *,
        coarse: bool = False,
    ) -> Coloring:
        """Colors frames.

        Args:
            l_star: (N, 1, H, W) in [0, 100], any size.
            forward_reference: the picture at position 0; need not be of the frames' size.
            backward_reference: the picture at position 1; None: the forward one stands for both, so eq. 3 passes its warp alone.
            position: (N,) in [0, 1], t / (N - 1) between the two references.
            experts: (N, C, H, W) in [0, 1], semantic maps before edges; None where the settings use none.
            coarse: True: with the color map of the match over all of the references alone, which training asks for.

        Raises:
            UsageError: a shape is something else, or there are experts or references that the settings do not use.
        """
        self._check(l_star, backward_reference, position, experts)
        height, width = l_star.shape[-2:]
        frames = _pad(l_star, self.multiple)  # (N, 1, H', W')
        query = self._embed(frames)
        warped = self.warp(query, forward_reference, backward_reference, position, frames)
        color_map = self.enlarge(warped.fused, frames)  # (N, 2, H', W')
        if self.settings.fusion.aligned:
            given = [reference for reference in (forward_reference, backward_reference) if reference is not None]
            color_map = self.align(color_map, warped, given, position, frames)
        inputs = [(frames - 50.0) / 50.0, color_map / BOUND]
        references = self.settings.fusion.references
        matches = warped.matches[:references]
        if self.settings.refinement.similarity:
            inputs += [_enlarge(match.similarity, frames) for match in matches]
        if self.settings.refinement.warped:
            inputs += [_enlarge(match.values, frames) / BOUND for match in matches]
        if self.settings.refinement.luminance:
            inputs += [_enlarge(lighter, frames) / 50.0 for lighter in warped.lighter[:references]]
        if experts is not None:
            inputs.append(_pad(experts, self.multiple))
        joint = torch.cat(inputs, dim=1).contiguous(memory_format=torch.channels_last)  # in which its means and layers are quick
        quarter, half, full = self.refinement(joint, color_map)
        scales = _crop(quarter, height, width, 4), _crop(half, height, width, 2), _crop(full, height, width, 1)
        coarse_map = None
        if coarse and self.settings.match.radius:
            first = self._match_softly(query, forward_reference)
            second = None if backward_reference is None else self._match_softly(query, backward_reference)
            coarse_map = _enlarge(fuse(first, second, position, form=self.settings.fusion.form), frames)
            coarse_map = _crop(coarse_map, height, width, 1)
        return Coloring(scales, _crop(color_map, height, width, 1), coarse_map)

    def warp(self, query: Embedded, forward: Reference, backward: Reference | None, position: Tensor, frames: Tensor) -> Warped:
        """Matches embedded frames and fuses what was found; their L* is (N, 1, H, W), sides multiples of :attr:`multiple`."""
        found = [self._match(query, reference) for reference in (forward, backward) if reference is not None]
        first, second = found[0][0], found[1][0] if len(found) > 1 else None
        warped = self.fuse(first, second, position, _shrunk(frames, first.values))
        return replace(warped, places=tuple(places for _, places in found if places is not None))

    def enlarge(self, fused: Tensor, frames: Tensor) -> Tensor:
        """The color map at the frames' size: (N, 2, h, w) for (N, 1, H, W) L* -> (N, 2, H, W)."""
        if self.settings.fusion.enlarged == "guided":
            return scale_chroma_up(fused, _shrunk(frames, fused), frames)
        return _enlarge(fused, frames)

    def align(
        self, color_map: Tensor, warped: Warped, references: Sequence[Reference], position: Tensor, frames: Tensor
    ) -> Tensor:
        """The color map with the references' own colors where they fit the luminance: (N, 2, H, W) -> (N, 2, H, W)."""
        matches, aligned = warped.matches[: len(references)], []
        for places, reference in zip(warped.places, references, strict=True):
            if reference.lab is None:
                raise UsageError("a reference without its picture", wanted="one of encode_reference", remedy="encode it anew")
            aligned.append(
                fetch_aligned(frames, reference.lab[:, :1], reference.lab[:, 1:], places, radius=self.settings.fusion.aligned)
            )
        return fuse_aligned(color_map, aligned, [_enlarge(match.similarity, frames) for match in matches], position)

    def fuse(self, first: Match, second: Match | None, position: Tensor, l_star: Tensor) -> Warped:
        """BTFB: what the matches of both references bring, and the color map of both.

        Args:
            first: of the forward reference; values (N, C, h, w) as :class:`Reference` has them.
            second: of the backward one; None: the forward one stands for both.
            position: (N,).
            l_star: (N, 1, h, w), the frames' own luminance at the matches' positions.
        """
        found = [match for match in (first, second) if match is not None]
        lighter = tuple(match.values[:, 2:3] - l_star for match in found) if self.settings.carries_luminance else ()
        colors = [replace(match, values=match.values[:, :2]) for match in found]
        fusion, doubts = self.settings.fusion, None
        if fusion.doubt and second is not None:
            doubts = fusion.doubt * lighter[0].abs(), fusion.doubt * lighter[1].abs()
        fused = fuse(colors[0], colors[1] if second is not None else None, position, form=fusion.form, doubts=doubts)
        return Warped((colors[0], colors[-1]), (lighter[0], lighter[-1]) if lighter else (), fused)

    def _embed(self, frames: Tensor) -> Embedded:
        """(N, 1, H, W) L* -> unit vectors at H / stride and, where the settings match again, at H / 4."""
        return self.embed(self.encoder((frames / 100.0).expand(-1, 3, -1, -1)), frames)

    def embed(self, levels: Sequence[Tensor], frames: Tensor) -> Embedded:
        """What is matched of frames, from the encoder's levels.

        Args:
            levels: as :attr:`encoder` returns them.
            frames: (N, 1, H, W) L*, sides multiples of :attr:`multiple`.
        """
        fine: Tensor = self.embedding(levels)  # (N, D, H / 4, W / 4)
        coarse = fine
        if self.settings.match.stride == 8:
            coarse = F.normalize(F.avg_pool2d(fine, 2), dim=1, eps=FLOOR)  # (N, D, H / 8, W / 8)
        if share := self.settings.features.patches:
            coarse = joined(coarse, luminance_patches(frames, cell=self.settings.match.stride), share)
        if self.position is not None:
            coarse = self.position.join(coarse)
        return Embedded(coarse, fine if self.settings.match.radius else None)

    def _match(self, query: Embedded, reference: Reference) -> tuple[Match, Tensor | None]:
        """What a reference brings: over all of it, then, where the settings say so, again around what was found.

        Beside the match row and column of where it was found, (N, 2, h, w), where colors are taken from there.
        """
        match, key, values = self.settings.match, reference.embedded, reference.values
        aligned = bool(self.settings.fusion.aligned)
        if query.fine is None or key.fine is None or reference.fine_values is None:
            found = correspond(query.coarse, key.coarse, values, temperature=match.temperature, mode=match.mode, indexed=aligned)
            if found.index is None:
                return found, None
            width = values.shape[-1]
            return found, torch.stack((found.index // width, found.index % width), dim=1)
        placed = _with_places(values)  # colors, x and y are carried alike
        found = correspond(query.coarse, key.coarse, placed, temperature=match.temperature, mode=match.mode)
        where = _enlarge(found.values[:, -2:], query.fine)  # (N, 2, H / 4, W / 4)
        fine = _with_places(reference.fine_values) if aligned else reference.fine_values
        found = match_locally(query.fine, key.fine, fine, where, radius=match.radius, temperature=match.temperature)
        if not aligned:
            return found, None
        height, width = reference.fine_values.shape[-2:]
        x, y = found.values[:, -2:].unbind(dim=1)
        places = torch.stack(((y + 1.0) * height - 1.0, (x + 1.0) * width - 1.0), dim=1) / 2.0
        return replace(found, values=found.values[:, :-2]), places

    def _match_softly(self, query: Embedded, reference: Reference) -> Match:
        """The match over all of a reference as a soft one, whatever its mode: the embedding gets a gradient through it."""
        match = self.settings.match
        return correspond(query.coarse, reference.embedded.coarse, reference.values[:, :2], temperature=match.temperature)

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

    >>> from bistnet.network.settings import load_settings
    >>> input_channels(load_settings("paper"))  # 1 + 2 + 19 + 1
    23
    """
    refinement, references = settings.refinement, settings.fusion.references
    of_each = refinement.similarity + 2 * refinement.warped + refinement.luminance
    return 3 + references * of_each + settings.experts.channels


def make_encoder(features: FeatureSettings) -> Vgg19 | Vgg16 | CompactEncoder:
    """The encoder that settings name; the frozen ones random until weights are loaded."""
    if features.encoder == "compact":
        return CompactEncoder(features.width)
    return Vgg19() if features.encoder == "vgg19" else Vgg16()


def _with_places(values: Tensor) -> Tensor:
    """(N, C, h, w) -> (N, C + 2, h, w), x and y of each position last, as :func:`bistnet.network.local.positions_of` has them."""
    places = positions_of(values).to(values.dtype).expand(len(values), -1, -1, -1)
    return torch.cat((values, places), dim=1)


def _enlarge(maps: Tensor, to: Tensor) -> Tensor:
    """(N, C, h, w) -> (N, C, H, W) of ``to``, bilinear."""
    return F.interpolate(maps, to.shape[-2:], mode="bilinear", align_corners=False)


def _shrunk(frames: Tensor, to: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, h, w) of ``to``, means of pixels; H is a multiple of h."""
    return F.avg_pool2d(frames, frames.shape[-1] // to.shape[-1])


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
