"""What is kept of a clip and found again: XMem's working memory and long-term memory.

After Cheng and Schwing, XMem: Long-Term Video Object Segmentation with an Atkinson-Shiffrin Memory Model (ECCV 2022, arXiv
2207.07115), sections 3.3 and 3.4. Bounded, whatever the clip's length: at most ``Limits.most`` frames and ``Limits.long_term``
prototypes. How ours differs: both memories lie in one store, prototypes first; only the taken values are read, where theirs
multiplies by a matrix of zeros elsewhere; the largest score is subtracted before exp, so that none vanishes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from colorbench.errors import UsageError

_SCORES = 2**24
"""Scores that are made at a time: 64 MiB in float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The released script's defaults."""

    top_k: int = 30
    """Entries that a position reads."""
    least: int = 5
    """Frames that working memory keeps when it is full: the first one and the latest."""
    most: int = 10
    """Frames at which it is full."""
    prototypes: int = 128
    """That come of the frames between, each time."""
    long_term: int = 10_000
    """Prototypes that are kept at most."""


class Entries(NamedTuple):
    """Positions of remembered frames, one a row."""

    key: Tensor
    """(n, D)."""
    shrinkage: Tensor
    """(n, 1)."""
    selection: Tensor
    """(n, D)."""
    value: Tensor
    """(n, V)."""
    weight: Tensor
    """(n,), the sum of the weights that it was read with."""
    reads: Tensor
    """(n,), frames that could have read it."""

    def at(self, rows: slice | Tensor) -> Entries:
        """Some of them."""
        return Entries(*(column[rows] for column in self))

    def usage(self) -> Tensor:
        """(n,), the weight a frame."""
        return self.weight / self.reads.clamp_min(1.0)


class Memory:
    """Of one clip."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._entries: Entries | None = None
        self._prototypes = 0  # They come first.

    def add(self, key: Tensor, shrinkage: Tensor, selection: Tensor, value: Tensor) -> None:
        """Remembers a frame, and consolidates what working memory holds once it is full.

        Args:
            key: (1, D, h, w).
            shrinkage: (1, 1, h, w).
            selection: (1, D, h, w).
            value: (1, V, h, w).
        """
        positions = key.shape[2] * key.shape[3]
        never = key.new_zeros(positions)
        new = Entries(_rows(key), _rows(shrinkage), _rows(selection), _rows(value), never, never)
        self._entries = new if self._entries is None else _joined(self._entries, new)
        if len(self._entries.key) - self._prototypes >= self.limits.most * positions:
            self._consolidate(self._entries, positions)

    def read(self, key: Tensor, selection: Tensor) -> Tensor:
        """What a frame finds: the mean of values by the softmax of the ``top_k`` largest similarities.

        Args:
            key: (1, D, h, w).
            selection: (1, D, h, w).

        Returns:
            (1, V, h, w).

        Raises:
            UsageError: nothing was added.
        """
        entries = self._entries
        if entries is None:
            raise UsageError("a memory was read before anything was added", wanted="a frame in it", remedy="add one first")
        queries, selections = _rows(key), _rows(selection)
        found = []
        weight = torch.zeros_like(entries.weight)
        rows = max(1, _SCORES // len(weight))
        for start in range(0, len(queries), rows):
            part = slice(start, start + rows)
            scores = similarity(entries, queries[part], selections[part])
            best, which = scores.topk(self.limits.top_k, dim=1)
            shares = best.softmax(dim=1)  # (r, top_k)
            found.append(F.embedding_bag(which, entries.value, per_sample_weights=shares, mode="sum"))
            weight += scores.zero_().scatter_(1, which, shares).sum(dim=0)
        self._entries = entries._replace(weight=entries.weight + weight, reads=entries.reads + 1.0)
        return torch.cat(found).T.reshape(1, -1, *key.shape[-2:])

    def _consolidate(self, entries: Entries, positions: int) -> None:
        """The most used positions of the frames between the first and the latest become prototypes; the others are forgotten.

        A prototype's value and shrinkage are means over all candidates by their similarity to it.
        """
        first = self._prototypes + positions
        latest = len(entries.key) - (self.limits.least - 1) * positions
        old = _most_used(entries.at(slice(self._prototypes)), self.limits.long_term - self.limits.prototypes)
        candidates = entries.at(slice(first, latest))
        chosen = candidates.at(candidates.usage().topk(self.limits.prototypes).indices)
        shares = similarity(candidates, chosen.key, chosen.selection).softmax(dim=1)  # (prototypes, candidates)
        never = torch.zeros_like(chosen.weight)
        new = Entries(chosen.key, shares @ candidates.shrinkage, chosen.selection, shares @ candidates.value, never, never)
        self._entries = _joined(old, new, entries.at(slice(self._prototypes, first)), entries.at(slice(latest, None)))
        self._prototypes = len(old.key) + len(new.key)


def similarity(memory: Entries, query: Tensor, selection: Tensor) -> Tensor:
    """XMem's anisotropic L2: -s_n / sqrt(D) sum_c e_mc (k_nc - q_mc)^2.

    Args:
        memory: keys k and shrinkages s.
        query: (m, D), q.
        selection: (m, D), e.

    Returns:
        (m, n), at most 0.

    >>> one = torch.ones(1, 1)
    >>> similarity(Entries(3 * one, 2 * one, one, one, one, one), one, 0.5 * one).tolist()
    [[-4.0]]
    """
    asked = torch.cat((selection, 2.0 * selection * query), dim=1)
    known = torch.cat((-memory.key.square(), memory.key), dim=1)
    distances = asked @ known.T - (selection * query.square()).sum(dim=1, keepdim=True)
    return distances * (memory.shrinkage.T / math.sqrt(query.shape[1]))


def _most_used(entries: Entries, count: int) -> Entries:
    """All but those that are used as little as the last one to go; several may be."""
    excess = len(entries.key) - count
    if excess <= 0:
        return entries
    usage = entries.usage()
    return entries.at(usage > usage.topk(excess, largest=False).values.max())


def _joined(*parts: Entries) -> Entries:
    return Entries(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _rows(x: Tensor) -> Tensor:
    """(1, C, h, w) -> (hw, C)."""
    return x[0].flatten(1).T.contiguous()
