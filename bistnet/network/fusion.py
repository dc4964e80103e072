"""BTFB: which reference colors a frame, and how the warps of two references become one color map (eq. 3).

How ours differs: the paper's text says that the nearer reference weighs more, and its eq. 3 as printed does the opposite,

    p_t = t / (N - 1) w_f + (N - 1 - t) / (N - 1) w_b        (3), as printed

so "linear", the default, has the two weights swapped, and "as-printed" is kept for comparison. The printed form divides by zero
where N = 1: there the only reference weighs 1. The paper has two references, at the ends of the clip; here a clip may have any
number, and eq. 3 holds between each two neighbors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import torch
from torch import Tensor

from colorbench.errors import UnknownNameError, UsageError
from colorbench.nets.correspondence import Match

Form = Literal["linear", "as-printed", "average", "confidence"]
"""The named forms of eq. 3."""

SHARPNESS = 10.0
""""confidence": a similarity higher by 0.1 multiplies a reference's weight by e."""


DISBELIEF, RESERVE = 0.5, 2.0
""":func:`fuse_aligned`: powers of e for each unit of L* that a reference is off, and by which the map at 1/4 counts less than
references that are not off at all."""


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive frames that take their colors from the same references."""

    start: int
    """The first frame."""
    stop: int
    """One past the last frame."""
    forward: int | None
    """The reference at position 0, as its place in the list that :func:`spans` was given; None: no reference, no color."""
    backward: int | None
    """The reference at position 1; None before the first reference and after the last."""
    positions: tuple[float, ...]
    """One a frame, in [0, 1]; 0 throughout where there is one reference."""


def spans(reference_indices: Sequence[int], n_frames: int) -> tuple[Span, ...]:
    """Cuts a clip at its references.

    Args:
        reference_indices: the frame that each reference shows, in any order, no frame twice.
        n_frames: frames of the clip.

    Returns:
        Spans that hold every frame once, in order. A reference's own frame begins the span after it, at position 0; the last
        reference's ends the span before it, at position 1. Empty for a clip without frames.

    Raises:
        UsageError: no reference, two of one frame, or one outside the clip.

    >>> [(span.start, span.stop, span.forward, span.backward) for span in spans([2, 6], 9)]
    [(0, 2, 0, None), (2, 7, 0, 1), (7, 9, 1, None)]
    >>> spans([0, 4], 5)[0].positions
    (0.0, 0.25, 0.5, 0.75, 1.0)
    """
    if n_frames == 0:
        return ()
    _check_references(reference_indices, n_frames)
    order = sorted(range(len(reference_indices)), key=lambda place: reference_indices[place])
    frames = [reference_indices[place] for place in order]
    if len(order) == 1:
        return (_alone(0, n_frames, order[0]),)
    found = [_alone(0, frames[0], order[0])]
    for (left, right), (first, last) in zip(pairwise(order), pairwise(frames), strict=True):
        stop = last + 1 if last == frames[-1] else last
        positions = tuple((frame - first) / (last - first) for frame in range(first, stop))
        found.append(Span(first, stop, left, right, positions))
    found.append(_alone(frames[-1] + 1, n_frames, order[-1]))
    return tuple(span for span in found if span.positions)


def temporal_weights(position: Tensor, *, form: Form = "linear") -> tuple[Tensor, Tensor]:
    """Weights of the forward and the backward warp; they add up to 1.

    Args:
        position: any shape, t / (N - 1) in [0, 1]; 0 where N = 1.
        form: "confidence" has the weights of "linear" here; :func:`fuse` multiplies them by what the similarities say.

    Returns:
        Two tensors of that shape.

    >>> forward, backward = temporal_weights(torch.tensor([0.0, 0.25]))
    >>> forward.tolist(), backward.tolist()
    ([1.0, 0.75], [0.0, 0.25])
    """
    if form not in get_args(Form):
        raise UnknownNameError("form of fusion", form, get_args(Form))
    if form == "average":
        return torch.full_like(position, 0.5), torch.full_like(position, 0.5)
    return (position, 1.0 - position) if form == "as-printed" else (1.0 - position, position)


def fuse(
    forward: Match,
    backward: Match | None,
    position: Tensor,
    *,
    form: Form = "linear",
    doubts: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Eq. 3: the color map p_t.

        linear      p = (1 - position) w_f + position w_b
        as-printed  p = position w_f + (1 - position) w_b
        average     p = (w_f + w_b) / 2, the paper's ablation without BTFB
        confidence  weights of "linear" times exp(SHARPNESS similarity - doubt), at each place, over their sum

    Args:
        forward: the warp of the reference at position 0, (N, C, h, w), with its similarity (N, 1, h, w).
        backward: that of the reference at position 1; None: there is one reference, and its warp is returned.
        position: (N,) in [0, 1].
        form: see above.
        doubts: of the forward and of the backward warp, (N, 1, h, w) each; used by "confidence" alone. None: 0.

    Returns:
        (N, C, h, w).

    Raises:
        UsageError: the two warps differ in shape, or there is not one position for each.
    """
    if backward is None:
        return forward.values
    _check_warps(forward, backward, position)
    weights = temporal_weights(position.to(forward.values)[:, None, None, None], form=form)  # (N, 1, 1, 1) each
    if form == "confidence":
        first, second = SHARPNESS * forward.similarity, SHARPNESS * backward.similarity
        if doubts is not None:
            first, second = first - doubts[0], second - doubts[1]
        weights = _by_confidence(weights, first, second)  # (N, 1, h, w) each
    return weights[0] * forward.values + weights[1] * backward.values


def fuse_aligned(
    color_map: Tensor, aligned: Sequence[tuple[Tensor, Tensor]], similarities: Sequence[Tensor], position: Tensor
) -> Tensor:
    """Chooses, softly and for every pixel, among the references' own colors and the color map that both have at 1/4.

    A reference counts by its weight in time, its similarity and how far its luminance is off around the pixel; the map counts as
    both references together would if they were off by RESERVE / DISBELIEF. Ours, not the paper's.

    Args:
        color_map: (N, 2, H, W), the fused map, enlarged.
        aligned: of the forward reference, then of the backward one where there is one: ab (N, 2, H, W), and how far its L* is
            off, (N, 1, H, W), as :func:`bistnet.network.alignment.fetch_aligned` returns them.
        similarities: of each, (N, 1, H, W), enlarged.
        position: (N,) in [0, 1].

    Returns:
        (N, 2, H, W).
    """
    place = position.to(color_map)[:, None, None, None]
    weights = (1.0 - place, place) if len(aligned) > 1 else (torch.ones_like(place),)
    powers = torch.cat([weight.log() + SHARPNESS * s for weight, s in zip(weights, similarities, strict=True)], dim=1)
    off = torch.cat([distance for _, distance in aligned], dim=1)  # (N, references, H, W)
    reserve = torch.logsumexp(powers, dim=1, keepdim=True) - RESERVE
    shares = torch.softmax(torch.cat((powers - DISBELIEF * off, reserve), dim=1), dim=1)
    colors = torch.stack([*(ab for ab, _ in aligned), color_map], dim=1)  # (N, references + 1, 2, H, W)
    return (shares[:, :, None] * colors).sum(dim=1)


def _by_confidence(weights: tuple[Tensor, Tensor], forward: Tensor, backward: Tensor) -> tuple[Tensor, Tensor]:
    """Multiplies by e to these powers and normalizes; the larger of both is subtracted first, so neither sum can be zero."""
    largest = torch.maximum(forward, backward)
    first = weights[0] * torch.exp(forward - largest)
    second = weights[1] * torch.exp(backward - largest)
    total = first + second
    return first / total, second / total


def _alone(start: int, stop: int, reference: int) -> Span:
    return Span(start, stop, reference, None, (0.0,) * (stop - start))


def _check_references(indices: Sequence[int], n_frames: int) -> None:
    wanted = f"frames 0 to {n_frames - 1}, each at most once"
    if not indices:
        raise UsageError("no reference", wanted="at least one", remedy="give an exemplar")
    outside = [index for index in indices if not 0 <= index < n_frames]
    if outside:
        raise UsageError(f"a reference at frame {outside[0]} of a clip of {n_frames}", wanted=wanted, remedy="check its index")
    twice = sorted(index for index in set(indices) if list(indices).count(index) > 1)
    if twice:
        raise UsageError(f"two references at frame {twice[0]}", wanted=wanted, remedy="leave one of them out")


def _check_warps(forward: Match, backward: Match, position: Tensor) -> None:
    shape, other = tuple(forward.values.shape), tuple(backward.values.shape)
    if shape != other:
        raise UsageError(
            f"warps of {shape} and {other}", wanted="two of one shape", remedy="match one frame against both references"
        )
    if tuple(position.shape) != shape[:1]:
        raise UsageError(f"positions of shape {tuple(position.shape)}", wanted=f"{shape[:1]}", remedy="give each frame its own")
