"""The wiring: shapes, batches, gradients, and that each ablation changes what its name says."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bistnet.network.graph import BiSTNet, Embedded, Reference, input_channels
from bistnet.network.settings import Settings, load_settings, with_overrides
from bistnet.network.single import with_one_reference
from colorbench.errors import UsageError
from colorbench.nets.encoders import Vgg16

NO_EXPERTS = {"experts.semantic": "none", "experts.edges": "none"}
TINY: dict[str, Any] = {
    "features.width": 4,
    "features.embedding": 8,
    "features.positions": 0,
    "features.patches": 0.0,
    "match.stride": 4,
    "match.mode": "soft",
    "match.radius": 0,
    "fusion.aligned": 0,
    "refinement.detail": False,
    "refinement.width": 4,
    "refinement.levels": 2,
}
FINE: dict[str, Any] = {"match.stride": 8, "match.radius": 1, "features.positions": 2, "features.patches": 0.3}


def tiny_settings(overrides: dict[str, Any] | None = None) -> Settings:
    return with_overrides(load_settings("compact"), {**TINY, **(overrides or {})})


def tiny_network(overrides: dict[str, Any] | None = None, *, seed: int = 0) -> BiSTNet:
    """Random, with heads large enough that every input shows in the output."""
    torch.manual_seed(seed)
    network = BiSTNet(tiny_settings(overrides)).eval()
    for name, parameter in network.named_parameters():
        if ".head." in name:
            nn.init.normal_(parameter, std=0.2)
    return network


def frames(count: int = 1, *, height: int = 40, width: int = 56, seed: int = 0) -> Tensor:
    """(N, 1, H, W) L*."""
    return torch.rand(count, 1, height, width, generator=torch.Generator().manual_seed(seed)) * 100


def expert_maps(network: BiSTNet, l_star: Tensor, *, seed: int = 9) -> Tensor | None:
    count, _, height, width = l_star.shape
    channels = network.settings.experts.channels
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, channels, height, width, generator=generator) if channels else None


def reference(network: BiSTNet, *, height: int = 40, width: int = 56, seed: int = 1) -> Reference:
    """A random picture, encoded."""
    chroma = torch.rand(1, 2, height, width, generator=torch.Generator().manual_seed(seed + 50)) * 120 - 60
    return network.encode_reference(frames(height=height, width=width, seed=seed), chroma)


def run(network: BiSTNet, l_star: Tensor, *, position: float = 0.25, single: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    backward = None if single else reference(network, seed=2)
    positions = torch.full((len(l_star),), position)
    with torch.no_grad():
        outputs: tuple[Tensor, Tensor, Tensor] = network(
            l_star, reference(network), backward, positions, expert_maps(network, l_star)
        )
    return outputs


def trainable(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


@pytest.mark.parametrize("size", [(1, 1), (7, 70), (31, 33), (40, 56), (65, 17)])
@pytest.mark.parametrize("overrides", [{}, {"match.stride": 8}, {"refinement.scales": 1}], ids=str)
def test_any_size_comes_back_at_three_scales(size: tuple[int, int], overrides: dict[str, Any]) -> None:
    network = tiny_network(overrides)
    height, width = size
    outputs = run(network, frames(2, height=height, width=width))
    for scale, out in zip((4, 2, 1), outputs, strict=True):
        assert tuple(out.shape) == (2, 2, -(-height // scale), -(-width // scale))
        assert out.isfinite().all()
        assert out.abs().max() <= 128


@pytest.mark.parametrize("size", [(1, 1), (9, 30), (41, 77)])
def test_a_reference_has_no_positions_in_its_padding(size: tuple[int, int]) -> None:
    network = tiny_network()
    encoded = reference(network, height=size[0], width=size[1])
    cells = (-(-size[0] // 4), -(-size[1] // 4))
    assert tuple(encoded.embedded.coarse.shape) == (1, 8, *cells)
    assert tuple(encoded.values.shape) == (1, 2, *cells)
    torch.testing.assert_close(encoded.embedded.coarse.norm(dim=1), torch.ones(1, *cells))


def test_a_references_chroma_is_averaged_down() -> None:
    ab = torch.rand(1, 2, 40, 56) * 100
    encoded = tiny_network().encode_reference(frames(), ab)
    torch.testing.assert_close(encoded.values, ab.reshape(1, 2, 10, 4, 14, 4).mean(dim=(3, 5)))


def test_a_batch_is_its_frames_one_by_one() -> None:
    network = tiny_network().double()
    l_star = frames(3).double()
    maps = expert_maps(network, l_star)
    assert maps is not None
    first, second = (_doubled(network, seed) for seed in (1, 2))
    positions = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    with torch.no_grad():
        together = network(l_star, first, second, positions, maps.double())
        for i in range(3):
            alone = network(l_star[i : i + 1], first, second, positions[i : i + 1], maps[i : i + 1].double())
            for a, b in zip(together, alone, strict=True):
                torch.testing.assert_close(a[i : i + 1], b, rtol=1e-9, atol=1e-8)


def test_each_frame_of_a_batch_may_have_its_own_references() -> None:
    network = tiny_network().double()
    l_star = frames(2).double()
    maps = expert_maps(network, l_star)
    assert maps is not None
    pairs = [(_doubled(network, seed), _doubled(network, seed + 5)) for seed in (1, 2)]
    first, second = (_stacked([pair[side] for pair in pairs]) for side in (0, 1))
    positions = torch.tensor([0.2, 0.7], dtype=torch.float64)
    with torch.no_grad():
        together = network(l_star, first, second, positions, maps.double())[2]
        for i, (f, b) in enumerate(pairs):
            alone = network(l_star[i : i + 1], f, b, positions[i : i + 1], maps[i : i + 1].double())[2]
            torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-9, atol=1e-8)


def _doubled(network: BiSTNet, seed: int) -> Reference:
    ab = torch.rand(1, 2, 40, 56, generator=torch.Generator().manual_seed(seed)).double() * 120 - 60
    with torch.no_grad():
        return network.encode_reference(frames(seed=seed).double(), ab)


def _stacked(references: list[Reference]) -> Reference:
    def together(maps: list[Tensor | None]) -> Tensor | None:
        found = [part for part in maps if part is not None]
        return torch.cat(found) if found else None

    coarse = torch.cat([r.embedded.coarse for r in references])
    embedded = Embedded(coarse, together([r.embedded.fine for r in references]))
    return Reference(embedded, torch.cat([r.values for r in references]), together([r.fine_values for r in references]))


@pytest.mark.parametrize(
    "overrides", [{}, {"match.stride": 8}, FINE, {"refinement.scales": 1}, {"fusion.references": 1}], ids=str
)
def test_every_trainable_parameter_gets_a_gradient(overrides: dict[str, Any]) -> None:
    network = tiny_network(overrides).train()
    single = network.settings.fusion.references == 1
    l_star = frames(2)
    backward = None if single else reference(network, seed=2)
    outputs = network(l_star, reference(network), backward, torch.tensor([0.2, 0.9]), expert_maps(network, l_star))
    sum(out.square().mean() for out in outputs).backward()
    without = [name for name, p in network.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert without == []


def test_a_frozen_encoder_gets_none() -> None:
    network = tiny_network({**NO_EXPERTS, "features.encoder": "vgg19", "features.width": 0}).train()
    outputs = network(frames(), reference(network), None, torch.zeros(1))
    sum(out.square().mean() for out in outputs).backward()
    assert all(p.grad is None and not p.requires_grad for p in network.encoder.parameters())
    assert all(p.grad is not None and p.grad.any() for p in network.embedding.parameters())


def test_hard_correspondence_passes_no_gradient_to_the_embedding_by_its_warp() -> None:
    network = tiny_network({"match.mode": "hard", "refinement.similarity": False})
    l_star = frames()
    outputs = network(l_star, reference(network), None, torch.zeros(1), expert_maps(network, l_star))
    sum(out.square().mean() for out in outputs).backward()
    assert all(p.grad is None or not p.grad.any() for p in network.embedding.parameters())
    assert any(p.grad is not None and p.grad.any() for p in network.refinement.parameters())


def test_a_hard_match_over_all_learns_by_its_own_soft_color_map() -> None:
    network = tiny_network({**FINE, "match.mode": "hard"})
    l_star = frames()
    args = l_star, reference(network), reference(network, seed=2), torch.tensor([0.5]), expert_maps(network, l_star)
    assert network.color(*args).coarse_map is None
    found = network.color(*args, coarse=True).coarse_map
    assert found is not None
    assert found.shape == (1, 2, 40, 56)
    found.square().mean().backward()  # type: ignore[no-untyped-call]
    for part in (network.encoder, network.embedding, network.position):
        assert part is not None
        assert all(p.grad is not None and p.grad.any() for p in part.parameters())


def test_what_was_found_lighter_than_the_frame_weighs_less() -> None:
    """Halfway between a reference like the frame and one that is 30 lighter, whose features are the same."""
    network = tiny_network({"fusion.form": "confidence", "fusion.doubt": 0.5, "refinement.similarity": False})
    l_star = frames(height=48, width=64) * 0.6
    colors = torch.zeros(1, 2, 48, 64)
    like, lighter = network.encode_reference(l_star, colors + 20.0), network.encode_reference(l_star, colors - 20.0)
    lighter.values[:, 2] += 30.0
    assert like.values.shape == (1, 3, 12, 16)
    with torch.no_grad():
        found = network.color(l_star, like, lighter, torch.tensor([0.5]), expert_maps(network, l_star)).color_map
    torch.testing.assert_close(found, torch.full_like(found, 20.0), rtol=0, atol=0.1)


def test_the_difference_of_luminance_is_an_input_and_a_frozen_encoder_is_vgg16() -> None:
    """The frame's own picture as its reference, matched hard: no difference anywhere; another picture: some."""
    small = {**NO_EXPERTS, "features.encoder": "vgg16", "features.width": 0, "match.mode": "hard", "refinement.luminance": True}
    network = tiny_network(small)
    assert isinstance(network.encoder, Vgg16)
    seen: list[Tensor] = []
    network.refinement.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    l_star = frames(height=48, width=64)
    own = network.encode_reference(l_star, torch.zeros(1, 2, 48, 64))
    with torch.no_grad():
        network(l_star, own, reference(network, height=48, width=64), torch.tensor([0.5]))
    first, second = seen[0][:, -2], seen[0][:, -1]
    torch.testing.assert_close(first, torch.zeros_like(first), rtol=0, atol=1e-5)
    assert second.abs().mean() > 0.01


@pytest.mark.parametrize("match", [{}, {"match.mode": "hard"}, FINE], ids=str)
def test_a_frame_that_is_its_reference_moved_gets_the_reference_s_sharp_colors(match: dict[str, Any]) -> None:
    """Colors of single pixels, which no map at 1/4 has; the frame is the reference, moved by a pixel."""
    match = {**match, "features.positions": 4}
    network = tiny_network({**NO_EXPERTS, **match, "fusion.aligned": 2, "refinement.detail": True})
    l_star = 50 + 15 * F.interpolate(
        torch.randn(1, 1, 12, 16, generator=torch.Generator().manual_seed(5)), (48, 64), mode="bicubic"
    )
    ab = torch.rand(1, 2, 48, 64, generator=torch.Generator().manual_seed(3)) * 80 - 40
    reference = network.encode_reference(l_star, ab)
    frame = l_star.roll(1, dims=3)
    with torch.no_grad():
        found = network.color(frame, reference, None, torch.zeros(1)).color_map
        plain = tiny_network({**NO_EXPERTS, **match}).color(frame, reference, None, torch.zeros(1)).color_map
    truth = ab.roll(1, dims=3)
    inside = (..., slice(8, -8), slice(8, -8))
    assert (found[inside] - truth[inside]).abs().mean() < 0.5 * (plain[inside] - truth[inside]).abs().mean()


def test_alignment_needs_places_at_a_quarter() -> None:
    with pytest.raises(UsageError, match=r"fusion.aligned = 2 with a match at 1/8 alone"):
        tiny_settings({"match.stride": 8, "fusion.aligned": 2})


def test_a_guided_color_map_follows_luminance_where_a_bilinear_one_does_not() -> None:
    """Chroma that is a function of luminance, matched with itself: luminance brings back what the small map has not."""
    draw = torch.Generator().manual_seed(4)
    l_star = 50 + 20 * F.interpolate(torch.randn(1, 1, 16, 24, generator=draw), (48, 72), mode="bilinear")
    ab = torch.cat((l_star - 50.0, 50.0 - l_star), dim=1)
    errors = []
    for way in ("bilinear", "guided"):
        network = tiny_network({**NO_EXPERTS, "match.mode": "hard", "fusion.enlarged": way})
        with torch.no_grad():
            found = network.color(l_star, network.encode_reference(l_star, ab), None, torch.zeros(1)).color_map
        errors.append(float((found - ab).abs().mean()))
    assert errors[1] < 0.7 * errors[0]


def test_equal_seeds_make_equal_networks_and_outputs() -> None:
    first, second = tiny_network(), tiny_network()
    for a, b in zip(run(first, frames()), run(second, frames()), strict=True):
        assert torch.equal(a, b)


def test_a_frame_does_not_depend_on_the_frames_before_it() -> None:
    network = tiny_network()
    before = run(network, frames())[2]
    run(network, frames(seed=7))
    assert torch.equal(run(network, frames())[2], before)


def test_one_reference_is_the_same_reference_twice() -> None:
    network = tiny_network()
    first = reference(network)
    l_star = frames()
    maps = expert_maps(network, l_star)
    with torch.no_grad():
        alone = network(l_star, first, None, torch.tensor([0.3]), maps)
        twice = network(l_star, first, first, torch.tensor([0.3]), maps)
    for a, b in zip(alone, twice, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-3)


def test_the_nearer_reference_weighs_more() -> None:
    network = tiny_network({"refinement.similarity": False, "refinement.warped": False})
    l_star = frames()
    with torch.no_grad():
        maps = expert_maps(network, l_star)
        at_start = run(network, l_star, position=0.0)[2]
        forward_alone = network(l_star, reference(network), None, torch.zeros(1), maps)[2]
        at_end = run(network, l_star, position=1.0)[2]
        backward_alone = network(l_star, reference(network, seed=2), None, torch.zeros(1), maps)[2]
    torch.testing.assert_close(at_start, forward_alone, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(at_end, backward_alone, rtol=1e-4, atol=1e-3)


def test_as_printed_swaps_the_weights_of_the_references() -> None:
    printed = run(tiny_network({"fusion.form": "as-printed"}), frames(), position=0.2)[2]
    torch.testing.assert_close(printed, run(tiny_network(), frames(), position=0.8)[2], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("form", "same"), [("average", True), ("linear", False), ("as-printed", False), ("confidence", False)])
def test_without_the_fusion_block_the_position_plays_no_part(form: str, same: bool) -> None:
    network = tiny_network({"fusion.form": form})
    early, late = (run(network, frames(), position=position)[2] for position in (0.1, 0.9))
    assert torch.equal(early, late) == same


def test_hard_and_soft_correspondence_differ() -> None:
    assert not torch.allclose(run(tiny_network({"match.mode": "hard"}), frames())[2], run(tiny_network(), frames())[2])


def test_an_untrained_network_gives_a_reference_its_own_colors() -> None:
    torch.manual_seed(0)
    network = BiSTNet(tiny_settings({**NO_EXPERTS, "match.mode": "hard"})).eval()
    rows, columns = torch.meshgrid(torch.linspace(-50, 50, 64), torch.linspace(-60, 60, 96), indexing="ij")
    ab = torch.stack((rows, columns))[None]
    l_star = frames(height=64, width=96)
    with torch.no_grad():
        colored = network(l_star, network.encode_reference(l_star, ab), None, torch.zeros(1))[2]
    assert (colored - ab).abs().mean() < 2


@pytest.mark.parametrize(
    ("overrides", "channels"),
    [
        ({}, 1 + 2 + 2 + 4 + 11 + 1),
        ({"experts.semantic": "none"}, 10),
        ({"experts.edges": "none"}, 20),
        (NO_EXPERTS, 9),
        ({"refinement.similarity": False}, 19),
        ({"refinement.warped": False}, 17),
        ({"fusion.references": 1}, 18),
        ({"fusion.form": "average"}, 21),
        ({"refinement.scales": 1}, 21),
    ],
    ids=str,
)
def test_each_ablation_changes_the_inputs_as_named(overrides: dict[str, Any], channels: int) -> None:
    network = tiny_network(overrides)
    assert input_channels(network.settings) == channels
    finest = network.refinement.net if overrides == {"refinement.scales": 1} else network.refinement.coarse
    assert finest.stem.in_channels == channels  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "row",
    [
        {"fusion.form": "average"},
        {"experts.semantic": "none"},
        {"experts.edges": "none"},
        NO_EXPERTS,
        {"refinement.scales": 1},
        {"fusion.references": 1},
        {"match.mode": "hard"},
        {"fusion.form": "as-printed"},
    ],
    ids=str,
)
@pytest.mark.parametrize("preset", ["paper", "compact"])
def test_every_row_of_table_2_has_nearly_the_presets_parameters(preset: str, row: dict[str, Any]) -> None:
    settings = load_settings(preset)
    with torch.device("meta"):
        whole, ablated = trainable(BiSTNet(settings)), trainable(BiSTNet(with_overrides(settings, row)))
    assert ablated == pytest.approx(whole, rel=0.05)


def test_presets_keep_their_parameter_budgets() -> None:
    with torch.device("meta"):
        compact = BiSTNet(load_settings("compact"))
        paper = BiSTNet(load_settings("paper"))
    assert trainable(compact) <= 3_000_000
    assert trainable(paper.refinement) == pytest.approx(98.4e6, rel=0.005)
    assert not any(p.requires_grad for p in paper.encoder.parameters())


@pytest.mark.slow
def test_the_paper_preset_colors_a_frame() -> None:
    torch.manual_seed(0)
    network = BiSTNet(load_settings("paper")).eval()
    l_star = frames(height=50, width=70)
    with torch.no_grad():
        first = network.encode_reference(l_star, torch.rand(1, 2, 50, 70))
        outputs = network(l_star, first, None, torch.zeros(1), torch.rand(1, 20, 50, 70))
    assert [tuple(out.shape) for out in outputs] == [(1, 2, 13, 18), (1, 2, 25, 35), (1, 2, 50, 70)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"l_star": torch.zeros(40, 56)}, r"luminance has shape \(40, 56\)"),
        ({"l_star": torch.zeros(1, 3, 40, 56)}, r"wanted: \(N, 1, H, W\)"),
        ({"position": torch.zeros(2)}, r"position has shape \(2,\)"),
        ({"experts": None}, "no expert maps, but the settings use semantic 'compact-semantics'"),
        ({"experts": torch.zeros(1, 11, 40, 56)}, r"expert maps has shape \(1, 11, 40, 56\)\n  wanted: \(1, 12, 40, 56\)"),
        ({"experts": torch.zeros(1, 12, 20, 28)}, r"expert maps has shape \(1, 12, 20, 28\)"),
    ],
)
def test_wrong_inputs_are_refused(change: dict[str, Any], message: str) -> None:
    network = tiny_network()
    arguments = {"l_star": frames(), "position": torch.zeros(1), "experts": torch.zeros(1, 12, 40, 56), **change}
    with pytest.raises(UsageError, match=message):
        network(arguments["l_star"], reference(network), None, arguments["position"], arguments["experts"])


def test_experts_are_refused_where_none_are_used() -> None:
    network = tiny_network(NO_EXPERTS)
    with pytest.raises(UsageError, match=r"wanted: \(1, 0, 40, 56\)"):
        network(frames(), reference(network), None, torch.zeros(1), torch.zeros(1, 12, 40, 56))


def test_a_network_of_one_reference_refuses_a_second() -> None:
    network = tiny_network({"fusion.references": 1})
    second = reference(network)
    with pytest.raises(UsageError, match=r"fusion\.references = 1"):
        network(frames(), second, second, torch.zeros(1), torch.zeros(1, 12, 40, 56))


def test_a_reference_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(UsageError, match=r"chroma has shape \(1, 2, 20, 28\)"):
        tiny_network().encode_reference(frames(), torch.zeros(1, 2, 20, 28))


def test_a_fine_match_keeps_batches_and_references_apart() -> None:
    network = tiny_network(FINE).double()
    l_star = frames(2).double()
    maps = expert_maps(network, l_star)
    assert maps is not None
    pairs = [(_doubled(network, seed), _doubled(network, seed + 5)) for seed in (1, 2)]
    first, second = (_stacked([pair[side] for pair in pairs]) for side in (0, 1))
    positions = torch.tensor([0.2, 0.7], dtype=torch.float64)
    with torch.no_grad():
        together = network(l_star, first, second, positions, maps.double())[2]
        for i, (f, b) in enumerate(pairs):
            alone = network(l_star[i : i + 1], f, b, positions[i : i + 1], maps[i : i + 1].double())[2]
            torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-5, atol=1e-4)  # windows are matched in float32


def test_repeated_references_stand_for_frames_in_a_row() -> None:
    network = tiny_network(FINE)
    both = _stacked([reference(network, seed=1), reference(network, seed=2)])
    repeated = both.repeated(3)
    l_star, position = frames(6), torch.linspace(0, 1, 6)
    maps = expert_maps(network, l_star)
    with torch.no_grad():
        together = network(l_star, repeated, None, position, maps)[2]
        for n in range(6):
            alone = reference(network, seed=1 + n // 3)
            one = network(l_star[n : n + 1], alone, None, position[n : n + 1], None if maps is None else maps[n : n + 1])[2]
            torch.testing.assert_close(together[n : n + 1], one, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (9, 30), (41, 77)])
def test_a_fine_reference_has_no_positions_in_its_padding(size: tuple[int, int]) -> None:
    encoded = reference(tiny_network(FINE), height=size[0], width=size[1])
    assert encoded.embedded.coarse.shape[-2:] == (-(-size[0] // 8), -(-size[1] // 8))
    assert encoded.embedded.fine is not None
    assert encoded.fine_values is not None
    assert encoded.embedded.fine.shape[-2:] == encoded.fine_values.shape[-2:] == (-(-size[0] // 4), -(-size[1] // 4))


def test_the_color_map_is_what_the_refinement_begins_with() -> None:
    """One color in, and heads that add nothing: one color at every scale."""
    network = tiny_network(FINE)
    for name, parameter in network.named_parameters():
        if ".head." in name:
            nn.init.zeros_(parameter)
    l_star, chroma = frames(2), torch.tensor([30.0, -20.0]).reshape(1, 2, 1, 1)
    first, second = (network.encode_reference(frames(seed=seed), chroma.expand(1, 2, 40, 56)) for seed in (1, 2))
    with torch.no_grad():
        colored = network.color(l_star, first, second, torch.tensor([0.2, 0.9]), expert_maps(network, l_star))
    for maps in (colored.color_map, *colored.scales):
        torch.testing.assert_close(maps, chroma.expand_as(maps), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    "overrides",
    [{}, FINE, {"refinement.similarity": False}, {"refinement.warped": False, "refinement.scales": 1}, {**NO_EXPERTS}],
)
def test_a_network_of_one_reference_does_what_that_of_two_does_with_the_first_alone(overrides: dict[str, Any]) -> None:
    both = tiny_network(overrides)
    single = with_one_reference(both).eval()
    assert single.settings.fusion.references == 1
    l_star, position = frames(2), torch.tensor([0.2, 0.9])
    maps = expert_maps(both, l_star)
    with torch.no_grad():
        wanted = both(l_star, reference(both), None, position, maps)
        found = single(l_star, reference(single), None, position, maps)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-3)
    assert sum(p.numel() for p in single.parameters()) < sum(p.numel() for p in both.parameters())
