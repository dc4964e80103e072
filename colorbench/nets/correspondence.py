"""Which position of a reference a position of the frame looks like, and the colors it gets from there (eq. 1 and 2).

    C = softmax over the reference's positions of cosine(F_x, F_r) / temperature        (1)
    w = C r                                                                             (2)

How ours differs. The paper prints no temperature: without one the softmax over thousands of cosines in [-1, 1] is almost uniform
and the warp is the mean color; 0.01 is what DeepExemplar trains with, which the paper builds on. The paper warps RGB; whatever is
passed as values is warped here, and the network passes a* and b*.

The HW x HW matrix of (1) is never stored. On a CPU it is made in chunks of rows that fit a cache; training makes each chunk
again on the way back. On a GPU the fused attention kernel does (1) and (2). See docs/design/correspondence.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

from colorbench.errors import UnknownNameError, UsageError
from colorbench.nets.scores import exact_best, first_largest, row_slices, scores_of

Mode = Literal["soft", "hard"]

LOWEST_TEMPERATURE = 1e-30
"""Under this, one over it leaves float32's range."""

FUSED = (SDPBackend.EFFICIENT_ATTENTION,)
"""The GPU kernel for float32; naming it alone makes torch fail where it would otherwise store the whole matrix."""

_CUTOFF = -60.0
"""Logits this far under their row's largest count as this far: e^-60 is nothing beside 1, and smaller results would be denormal
numbers, which some processors multiply a hundred times slower."""


@dataclass(frozen=True, slots=True)
class Match:
    """What was found for each position of a frame, in one reference."""

    values: Tensor
    """(N, C, h, w), the reference's values carried to the frame."""
    similarity: Tensor
    """(N, 1, h, w), the largest cosine over the reference's positions, in [-1, 1]."""
    index: Tensor | None = None
    """(N, h, w) int64, the reference's position of the largest cosine, in row-major order; None where it was not asked for."""


def correspond(
    query: Tensor, key: Tensor, values: Tensor, *, temperature: float = 0.01, mode: Mode = "soft", indexed: bool = False
) -> Match:
    """Warps a reference's values to frames.

    Computed in float32 whatever the inputs are, autocast or not, and in float64 where the query is. Differentiable in all three
    tensors where the mode is soft, in the values alone where it is hard.

    Args:
        query: (N, D, h, w), the frames' embedding, unit norm over D.
        key: (N, D, h', w') or (1, D, h', w'), the reference's; one for each frame, or one for all. Its size may differ.
        values: (N, C, h', w') or (1, C, h', w'), what is carried, of the key's batch and size.
        temperature: what cosines are divided by before the softmax; at 1e-10 only exact ties share. Not used by "hard".
        mode: "soft" is eq. 1; "hard" takes the position of the largest cosine (exactly: what float64 would choose), of several
            that are equal the first in row-major order.
        indexed: True: with the index of the largest cosine, which passes no gradient.

    Raises:
        UsageError: shapes that do not fit each other, nothing to match, or a temperature that is not above 0.

    >>> key = torch.eye(2).reshape(1, 2, 1, 2)
    >>> match = correspond(key.flip(-1), key, torch.tensor([10.0, 20.0]).reshape(1, 1, 1, 2))
    >>> match.values.flatten().tolist(), match.similarity.flatten().tolist()
    ([20.0, 10.0], [1.0, 1.0])
    """
    _check(query, key, values, temperature, mode)
    dtype = torch.float64 if query.dtype == torch.float64 else torch.float32
    count, _, height, width = query.shape
    with torch.autocast(query.device.type, enabled=False), _full_precision(query.device):
        q, k, v = (x.to(dtype).flatten(2) for x in (query, key, values))  # (N, D, n), (N or 1, D, m), (N or 1, C, m)
        pairs = [_match(q[i], k[i % len(k)], v[i % len(v)], temperature, mode, indexed=indexed) for i in range(count)]
    found = torch.stack([values for values, _, _ in pairs])  # (N, C, n)
    similarity = torch.stack([largest for _, largest, _ in pairs])  # (N, n)
    index = [places for _, _, places in pairs if places is not None]
    return Match(
        values=found.reshape(count, -1, height, width),
        similarity=similarity.reshape(count, 1, height, width),
        index=torch.stack(index).reshape(count, height, width) if index else None,
    )


def _match(
    q: Tensor, k: Tensor, v: Tensor, temperature: float, mode: Mode, *, indexed: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """(D, n), (D, m), (C, m) -> (C, n), (n,) and, where it is asked for, (n,)."""
    if mode == "hard":
        best, similarity = exact_best(q.detach(), k.detach())
        return v.index_select(1, best), similarity, best if indexed else None
    training = torch.is_grad_enabled() and any(x.requires_grad for x in (q, k, v))
    if not (training or q.is_cuda):
        return _streamed(q, k, v, temperature, indexed=indexed)
    index = exact_best(q.detach(), k.detach())[0] if indexed else None
    if q.is_cuda:
        return _fused(q, k, v, temperature), _similarity(q, k, training=training), index
    parts = [
        checkpoint(_attend, q[:, rows], k, v, temperature, use_reentrant=False, preserve_rng_state=False)
        for rows in row_slices(q, k)
    ]
    return torch.cat([values for values, _ in parts], dim=1), torch.cat([largest for _, largest in parts]), index


def _attend(q: Tensor, k: Tensor, v: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Eq. 1 and 2 for some rows: (D, r), (D, m), (C, m) -> (C, r) and (r,). Out of place, so that it can be differentiated."""
    scores = scores_of(q, k)  # (r, m)
    top = scores.amax(dim=1, keepdim=True)  # (r, 1)
    weights = torch.softmax(((scores - top.detach()) / temperature).clamp(min=_CUTOFF), dim=1)
    return v @ weights.T, top[:, 0]


def _streamed(q: Tensor, k: Tensor, v: Tensor, temperature: float, *, indexed: bool) -> tuple[Tensor, Tensor, Tensor | None]:
    """The same for all rows, chunk by chunk in one buffer; the index is the largest score's in the tensors' own type."""
    slices = list(row_slices(q, k))
    buffer = q.new_empty(slices[0].stop, k.shape[1])
    # A last channel of ones collects the sums of the weights in the same product.
    extended = torch.cat((v, v.new_ones(1, v.shape[1])))  # (C + 1, m)
    sums = q.new_empty(len(extended), q.shape[1])  # (C + 1, n)
    similarity = q.new_empty(q.shape[1])
    index = torch.empty(q.shape[1], dtype=torch.int64) if indexed else None
    for rows in slices:
        scores = scores_of(q[:, rows], k, out=buffer[: rows.stop - rows.start])
        top = scores.amax(dim=1, keepdim=True)  # (r, 1)
        similarity[rows] = top[:, 0]
        if index is not None:
            index[rows] = first_largest(scores)
        # The largest is subtracted before the division, which it would otherwise round: at 1e-10 logits reach 1e10.
        weights = scores.sub_(top).mul_(1.0 / temperature).clamp_(min=_CUTOFF).exp_()
        torch.mm(extended, weights.T, out=sums[:, rows])
    return sums[:-1].div_(sums[-1]), similarity, index


def _fused(q: Tensor, k: Tensor, v: Tensor, temperature: float) -> Tensor:
    """Eq. 1 and 2 in one GPU kernel: (D, n), (D, m), (C, m) -> (C, n).

    Rows are padded by zeros to 16 bytes: with two or three channels of values the kernel is not taken.
    """

    def rows(x: Tensor) -> Tensor:
        return F.pad(x.T, (0, -len(x) % 4)).contiguous()[None, None]  # (1, 1, positions, channels + padding)

    with sdpa_kernel(list(FUSED)):
        found = F.scaled_dot_product_attention(rows(q), rows(k), rows(v), scale=1.0 / temperature)  # (1, 1, n, C + padding)
    return found[0, 0, :, : len(v)].T


def _similarity(q: Tensor, k: Tensor, *, training: bool) -> Tensor:
    """Row maxima of the cosines, which the fused kernel does not return: (D, n), (D, m) -> (n,)."""

    def top(q: Tensor, k: Tensor) -> Tensor:
        return scores_of(q, k).amax(dim=1)

    if training:
        parts = [checkpoint(top, q[:, rows], k, use_reentrant=False, preserve_rng_state=False) for rows in row_slices(q, k)]
    else:
        parts = [top(q[:, rows], k) for rows in row_slices(q, k)]
    return torch.cat(parts)


@contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """Turns TF32 off for products on a GPU: its 10 bits are not enough for cosines that are divided by 0.01."""
    if device.type != "cuda" or not torch.backends.cuda.matmul.allow_tf32:
        yield
        return
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = True


def _check(query: Tensor, key: Tensor, values: Tensor, temperature: float, mode: Mode) -> None:
    if mode not in get_args(Mode):
        raise UnknownNameError("mode of correspondence", mode, get_args(Mode))
    if not (math.isfinite(temperature) and temperature >= LOWEST_TEMPERATURE):
        raise UsageError(
            f"temperature {temperature}", wanted=f"at least {LOWEST_TEMPERATURE:g}", remedy="for the limit at 0, take mode 'hard'"
        )
    shapes = f"query {tuple(query.shape)}, key {tuple(key.shape)}, values {tuple(values.shape)}"
    if any(x.dim() != 4 or not x.numel() for x in (query, key, values)):
        raise UsageError(shapes, wanted="four axes each, none empty", remedy="add the axes that are missing")
    if query.shape[1] != key.shape[1] or key.shape[2:] != values.shape[2:]:
        raise UsageError(
            shapes,
            wanted="as many channels in query and key, as many positions in key and values",
            remedy="embed both with one network, and average the values down to the embedding's size",
        )
    if len(key) != len(values) or len(key) not in (1, len(query)):
        raise UsageError(
            shapes, wanted=f"one reference, or {len(query)}", remedy="give one for all frames, or one for each of them"
        )
