"""Cosines of a frame's positions with a reference's, a few rows at a time, and the exact largest of each row.

All tensors are (D, positions), as embeddings lie in memory; nothing of them is copied.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

PART = 32
"""Channels that are added up in one go. Sums of sums: a third of the rounding error of one long sum, for a sixth more time."""

_CHUNK = {"cpu": 2**21}
"""Scores held at once, by device type. 8 MiB on a CPU: with less, threads that other work holds up are waited for more often
than the cache gains."""
_CHUNK_ELSEWHERE = 2**25
_WINNERS = 8192
"""Pairs whose products are computed at once."""
_REFINED_COLUMNS = 2048


def row_slices(q: Tensor, k: Tensor) -> Iterator[slice]:
    """Rows of (n, m) scores in chunks of one size, the last one maybe smaller.

    >>> list(row_slices(torch.empty(4, 100), torch.empty(4, 2**15)))
    [slice(0, 64, None), slice(64, 100, None)]
    """
    n, m = q.shape[1], k.shape[1]
    rows = max(_CHUNK.get(q.device.type, _CHUNK_ELSEWHERE) // m, 16)
    return (slice(start, min(start + rows, n)) for start in range(0, n, rows))


def scores_of(q: Tensor, k: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inner products of all columns of q with all of k.

    Args:
        q: (D, r).
        k: (D, m).
        out: (r, m), written to; None makes a new tensor, which can be differentiated.

    Returns:
        (r, m).
    """
    parts = [slice(start, start + PART) for start in range(0, len(q), PART)]
    if out is None:
        scores = q[parts[0]].T @ k[parts[0]]
        for part in parts[1:]:
            scores = torch.addmm(scores, q[part].T, k[part])
        return scores
    torch.mm(q[parts[0]].T, k[parts[0]], out=out)
    for part in parts[1:]:
        out.addmm_(q[part].T, k[part])
    return out


def exact_best(q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    """The column of k with the largest inner product with each column of q, as exact arithmetic finds it.

    Found in the tensors' own type first. Where the runner-up is nearer to the winner than rounding could have moved them, the
    candidates are computed again in float64; of those equal to float64's rounding the first is taken. That is one row in fifty
    to one in ten on real frames, with a few candidates each; large areas of one value, such as a letterbox, have more.

    Args:
        q: (D, n).
        k: (D, m), m at least 1.

    Returns:
        Indices (n,) int64 and the inner products (n,), of q's type, summed in float64.
    """
    slices = list(row_slices(q, k))
    buffer = q.new_empty(slices[0].stop, k.shape[1])
    index = torch.empty(q.shape[1], dtype=torch.int64, device=q.device)
    scale = _largest_norm(q) * _largest_norm(k)
    doubt, tie = (scale * _rounding(len(q), dtype) for dtype in (q.dtype, torch.float64))
    for rows in slices:
        scores = torch.mm(q[:, rows].T, k, out=buffer[: rows.stop - rows.start])  # (r, m)
        column = first_largest(scores)[:, None]  # (r, 1)
        top = scores.gather(1, column)
        runner_up = scores.scatter_(1, column, -torch.inf).amax(dim=1, keepdim=True)
        again = (runner_up >= top - doubt).nonzero()[:, 0]
        if len(again):
            near = scores.scatter_(1, column, top).index_select(0, again) >= top[again] - doubt
            column[again, 0] = _refined(q[:, rows][:, again].double(), k, near.any(dim=0).nonzero()[:, 0], tie=tie)
        index[rows] = column[:, 0]
    largest = [
        (q[:, start : start + _WINNERS] * k.index_select(1, index[start : start + _WINNERS])).sum(dim=0, dtype=torch.float64)
        for start in range(0, len(index), _WINNERS)
    ]
    return index, torch.cat(largest).to(q.dtype)


def _refined(q: Tensor, k: Tensor, columns: Tensor, *, tie: float) -> Tensor:
    """The indices in float64, for a few rows, among some columns: (D, r), (D, m), (s,) -> (r,)."""
    best = q.new_full((q.shape[1],), -torch.inf)
    index = torch.zeros(q.shape[1], dtype=torch.int64, device=q.device)
    for part in columns.split(_REFINED_COLUMNS):  # type: ignore[no-untyped-call]
        scores = q.T @ k.index_select(1, part).double()  # (r, columns)
        top = scores.amax(dim=1)
        first = (scores >= top[:, None] - tie).to(torch.uint8).argmax(dim=1)
        index = torch.where(top > best + tie, part[first], index)
        best = torch.maximum(best, top)
    return index


def first_largest(scores: Tensor) -> Tensor:
    """(r, m) -> (r,). On a CPU by NumPy, whose argmax is vectorized: one thread of it takes a quarter of the time of torch's."""
    return scores.argmax(dim=1) if scores.is_cuda else torch.from_numpy(scores.numpy().argmax(axis=1))


def _rounding(channels: int, dtype: torch.dtype) -> float:
    """How far rounding can move two sums of so many products towards each other: each by half of that, times both norms."""
    return (channels + 1) * torch.finfo(dtype).eps


def _largest_norm(x: Tensor) -> float:
    return float(x.square().sum(dim=0).amax().sqrt())
