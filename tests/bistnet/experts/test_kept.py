"""Experts with a memory: computed once, the same bytes whoever asks, a damaged file made again."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from bistnet.experts.expert import FrozenExpert, MixedExperts
from bistnet.experts.kept import KeptExperts


class Counted(nn.Module):
    """Sigmoids of the luminance; counts the frames that it is asked for."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(-0.1, 0.1, channels)[None, :, None, None])
        self.asked = 0

    def forward(self, l_star: Tensor) -> Tensor:
        self.asked += len(l_star)
        return torch.sigmoid(self.scale * (l_star - 50.0))


def mixed() -> tuple[MixedExperts, list[Counted]]:
    networks = [Counted(3), Counted(1)]
    names = ("semantic", "edges")
    experts = [
        FrozenExpert(network, name=name, kind="edge", channels=len(network.scale[0]), trained=True)
        for network, name in zip(networks, names, strict=True)
    ]
    return MixedExperts(experts), networks


def frames(count: int, seed: int = 0) -> Tensor:
    return 100.0 * torch.rand((count, 1, 40, 56), generator=torch.Generator().manual_seed(seed))


def test_maps_are_those_of_the_experts_to_half_a_level(tmp_path: Path) -> None:
    plain, _ = mixed()
    kept = KeptExperts(mixed()[0], tmp_path)
    l_star = frames(3)
    found = kept(l_star)
    assert found.shape == (3, 4, 40, 56)
    assert (found - plain(l_star)).abs().max() <= 0.5 / 255 + 1e-6
    assert (found * 255 - (found * 255).round()).abs().max() < 1e-4
    assert kept.identity == plain.identity
    assert kept.channels == 4


def test_a_frame_is_computed_once_and_read_as_the_same_bytes(tmp_path: Path) -> None:
    first, networks = mixed()
    l_star = frames(3)
    made = KeptExperts(first, tmp_path)(l_star)
    assert [network.asked for network in networks] == [3, 3]
    second, networks = mixed()
    read = KeptExperts(second, tmp_path)(torch.cat((l_star[1:], frames(1, seed=9))))
    assert [network.asked for network in networks] == [1, 1]
    assert torch.equal(read[:2], made[1:])


def test_an_expert_alone_shares_what_both_together_have_left(tmp_path: Path) -> None:
    both, _ = mixed()
    made = KeptExperts(both, tmp_path)(frames(2))
    other, networks = mixed()
    edges = [expert for expert in other.experts if isinstance(expert, FrozenExpert)][1:]
    assert torch.equal(KeptExperts(MixedExperts(edges), tmp_path)(frames(2)), made[:, 3:])
    assert networks[1].asked == 0


def test_frames_of_mixed_precision_are_other_frames(tmp_path: Path) -> None:
    experts, networks = mixed()
    kept = KeptExperts(experts, tmp_path)
    half = frames(1).to(torch.bfloat16)
    made = kept(half)
    assert made.dtype == torch.float32
    assert torch.equal(kept(half), made)
    kept(half.float())
    assert [network.asked for network in networks] == [2, 2]


def test_damaged_files_are_made_again(tmp_path: Path) -> None:
    experts, networks = mixed()
    kept = KeptExperts(experts, tmp_path)
    made = kept(frames(1))
    cut, changed = sorted(tmp_path.rglob("*.map"))
    cut.write_bytes(cut.read_bytes()[:20])
    changed.write_bytes(b"no maps")
    assert torch.equal(kept(frames(1)), made)
    assert sum(network.asked for network in networks) == 4
