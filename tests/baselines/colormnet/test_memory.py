"""ColorMNet's memory against XMem written out in full, its bounds, and the attention around a position."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.colormnet_networks import memory
from baselines.colormnet_networks.local_attention import WINDOW, LocalAttention
from baselines.colormnet_networks.memory import Limits, Memory
from colorbench.errors import UsageError

ROWS, COLUMNS, KEY, VALUE = 3, 4, 5, 6
POSITIONS = ROWS * COLUMNS
SMALL = Limits(top_k=5, least=2, most=4, prototypes=6, long_term=20)


class WrittenOut:
    """XMem's two memories as lists of positions, and its affinity as a whole matrix."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.working: list[dict[str, Tensor]] = []
        self.long: list[dict[str, Tensor]] = []

    def add(self, key: Tensor, shrinkage: Tensor, selection: Tensor, value: Tensor) -> None:
        named = {"k": key, "s": shrinkage, "e": selection, "v": value}
        for row in range(ROWS):
            for column in range(COLUMNS):
                entry = {name: x[0, :, row, column] for name, x in named.items()}
                self.working.append(entry | {"used": torch.zeros(()), "seen": torch.zeros(())})
        if len(self.working) == self.limits.most * POSITIONS:
            self.consolidate()

    def consolidate(self) -> None:
        room = self.limits.long_term - self.limits.prototypes
        if len(self.long) > room:
            worst = sorted(use(entry) for entry in self.long)[len(self.long) - room - 1]
            self.long = [entry for entry in self.long if use(entry) > worst]
        kept = (self.limits.least - 1) * POSITIONS
        candidates = self.working[POSITIONS:-kept]
        for chosen in sorted(candidates, key=use, reverse=True)[: self.limits.prototypes]:
            shares = torch.stack([score(entry, chosen) for entry in candidates]).exp()
            shares = shares / shares.sum()
            mixed = {
                name: sum(share * entry[name] for share, entry in zip(shares, candidates, strict=True)) for name in ("s", "v")
            }
            self.long.append(chosen | mixed | {"used": torch.zeros(()), "seen": torch.zeros(())})
        self.working = self.working[:POSITIONS] + self.working[-kept:]

    def read(self, key: Tensor, selection: Tensor) -> Tensor:
        entries = self.long + self.working
        result = torch.zeros(1, VALUE, ROWS, COLUMNS, dtype=torch.float64)
        used = torch.zeros(len(entries), dtype=torch.float64)
        for row in range(ROWS):
            for column in range(COLUMNS):
                asked = {"k": key[0, :, row, column], "e": selection[0, :, row, column]}
                scores = torch.stack([score(entry, asked) for entry in entries])
                scores[scores < scores.sort().values[-self.limits.top_k]] = -math.inf
                shares = scores.exp() / scores.exp().sum()
                result[0, :, row, column] = torch.stack([entry["v"] for entry in entries]).T @ shares
                used += shares
        for entry, share in zip(entries, used, strict=True):
            entry["used"], entry["seen"] = entry["used"] + share, entry["seen"] + 1
        return result


def use(entry: dict[str, Tensor]) -> float:
    return float(entry["used"]) / max(float(entry["seen"]), 1.0)


def score(entry: dict[str, Tensor], asked: dict[str, Tensor]) -> Tensor:
    distance = (asked["e"] * (entry["k"] - asked["k"]) ** 2).sum()
    return -entry["s"][0] * distance / math.sqrt(KEY)


def frame(draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    def noise(channels: int) -> Tensor:
        return torch.randn(1, channels, ROWS, COLUMNS, generator=draw, dtype=torch.float64)

    return noise(KEY), 1.0 + noise(1).square(), torch.sigmoid(noise(KEY)), noise(VALUE)


def test_what_is_read_is_xmem_s_written_out() -> None:
    """14 frames remembered, each read twice after it: consolidated six times, prototypes given up twice."""
    draw = torch.Generator().manual_seed(0)
    ours, theirs = Memory(SMALL), WrittenOut(SMALL)
    sizes = set()
    for _ in range(14):
        new = frame(draw)
        ours.add(*new)
        theirs.add(*new)
        for _ in range(2):
            key, _, selection, _ = frame(draw)
            found = ours.read(key, selection)
            torch.testing.assert_close(found, theirs.read(key, selection), rtol=0, atol=1e-12)
            assert found.std() > 0.1
        sizes.add((len(theirs.long), len(theirs.working)))
    assert sizes >= {(0, 12), (0, 36), (6, 24), (12, 24)}
    assert max(long for long, _ in sizes) == 20
    assert max(working for _, working in sizes) == 36


def test_reading_in_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for scores in (2**24, 1):
        monkeypatch.setattr(memory, "_SCORES", scores)
        draw = torch.Generator().manual_seed(1)
        kept = Memory(SMALL)
        for _ in range(9):
            kept.add(*frame(draw))
            key, _, selection, _ = frame(draw)
            results.append(kept.read(key, selection))
    for one, other in zip(results[:9], results[9:], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-13)


def test_what_is_kept_has_a_bound_and_the_first_frame_is_never_forgotten() -> None:
    draw = torch.Generator().manual_seed(2)
    kept = Memory(SMALL)
    first = frame(draw)
    kept.add(*first)
    for _ in range(60):
        kept.add(*frame(draw))
        kept.read(*frame(draw)[::2])
        assert kept._entries is not None
        assert len(kept._entries.key) < SMALL.most * POSITIONS + SMALL.long_term
    # Asked for where it is itself, under a selection that lets nothing else near.
    key, _, selection, value = first
    torch.testing.assert_close(kept.read(key, torch.full_like(selection, 1e3)), value, rtol=0, atol=1e-9)


def test_scores_whose_exponentials_all_vanish_still_share() -> None:
    kept = Memory(Limits(top_k=2))
    far = torch.full((1, 1, 1, 2), 100.0)
    kept.add(far, torch.ones(1, 1, 1, 2), torch.ones(1, 1, 1, 2), torch.tensor([2.0, 4.0]).reshape(1, 1, 1, 2))
    assert kept.read(-far, torch.ones(1, 1, 1, 2)).flatten().tolist() == [3.0, 3.0]


def test_an_empty_memory_is_not_read() -> None:
    with pytest.raises(UsageError, match="before anything was added"):
        Memory().read(torch.zeros(1, 2, 1, 1), torch.zeros(1, 2, 1, 1))


def attended(network: LocalAttention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Position by position, over the places of its window that lie in the frame."""
    height, width, reach = *query.shape[-2:], WINDOW // 2
    table = network.relative_emb_k.weight[:, :, 0, 0]
    found = torch.zeros_like(value)
    for y in range(height):
        for x in range(width):
            asked = query[0, :, y, x]
            bias = (table @ asked + network.relative_emb_k.get_parameter("bias")).reshape(WINDOW, WINDOW)
            rows, columns = (range(max(0, i - reach), min(size, i + reach + 1)) for i, size in ((y, height), (x, width)))
            window = (slice(rows.start, rows.stop), slice(columns.start, columns.stop))
            near = bias[rows.start - y + reach :, columns.start - x + reach :][: len(rows), : len(columns)]
            scores = torch.einsum("d,dyx->yx", asked, key[0][:, *window]) / math.sqrt(len(asked)) + near
            shares = scores.exp() / scores.exp().sum()
            found[0, :, y, x] = torch.einsum("yx,vyx->v", shares, value[0][:, *window])
    spread = F.conv2d(found, network.dw_conv[0].get_parameter("weight"), padding=2, groups=value.shape[1])
    mixed = torch.einsum("ov,nvyx->noyx", network.projection.weight, spread)
    return mixed + network.projection.bias[None, :, None, None]


@pytest.mark.parametrize("size", [(18, 17), (3, 20), (16, 1)])
def test_attention_looks_around_each_position_and_never_outside_the_frame(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = LocalAttention(4, 6).double()
    query, key = torch.randn(2, 1, 4, *size, dtype=torch.float64)
    value = 5.0 + torch.randn(1, 6, *size, dtype=torch.float64)
    with torch.no_grad():
        found = network(query, key, value)
        torch.testing.assert_close(found, attended(network, query, key, value), rtol=0, atol=1e-12)
