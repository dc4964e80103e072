"""A grid over a preset: each cell's network and losses differ as its row says, all else is equal, typos are refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from bistnet.ablation.conditions import Condition, make_conditions
from bistnet.ablation.grid import Grid, read_grid
from bistnet.network.graph import BiSTNet, input_channels
from bistnet.network.refinement import MultiScaleRefinement, SingleScaleRefinement
from colorbench.errors import UnknownNameError, UsageError

TABLE = read_grid("table2")
ALL = [cell.name for cell in TABLE.cells]


def conditions(preset: str = "compact", **overrides: str) -> dict[str, Condition]:
    found = make_conditions(TABLE, ALL, preset=preset, overrides=overrides)
    return {condition.cell.name: condition for condition in found}


@pytest.fixture(scope="module")
def compact() -> dict[str, Condition]:
    return conditions()


@pytest.fixture
def grid(tmp_path: Path):  # type: ignore[no-untyped-def]
    def grid_(text: str) -> Grid:
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        return read_grid(tmp_path / "mine.toml")

    return grid_


def test_every_cell_has_the_full_models_recipe_and_data(compact: dict[str, Condition]) -> None:
    full = compact["full"]
    for condition in compact.values():
        assert condition.recipe == full.recipe
        bare = dataclasses.replace(condition.settings, overrides=(), losses=full.settings.losses, triplets=full.settings.triplets)
        assert bare == dataclasses.replace(full.settings, overrides=())
        assert dataclasses.replace(condition.settings.triplets, references=2) == full.settings.triplets


def test_networks_differ_as_their_rows_say(compact: dict[str, Condition]) -> None:
    networks = {name: condition.network for name, condition in compact.items()}
    full = networks["full"]
    assert (full.fusion.form, full.fusion.references, full.match.mode, full.refinement.scales) == ("linear", 2, "soft", 3)
    assert networks["no-btfb"].fusion.form == "average"
    assert networks["as-printed"].fusion.form == "as-printed"
    assert networks["hard"].match.mode == "hard"
    channels = {name: input_channels(network) for name, network in networks.items()}
    # 11 classes and one edge map.
    assert channels["full"] - channels["no-semantic"] == 11
    assert channels["full"] - channels["no-edges"] == 1
    assert channels["full"] - channels["no-masks"] == 12
    # A similarity map and a warp of two channels for each reference.
    assert channels["full"] - channels["single"] == 3
    for name, network in networks.items():
        changed = name in ("no-btfb", "as-printed", "hard", "no-semantic", "no-edges", "no-masks", "no-msrb", "single")
        assert (dataclasses.replace(network, preset="") != dataclasses.replace(full, preset="")) == changed


def test_losses_differ_as_their_rows_say(compact: dict[str, Condition]) -> None:
    losses = {name: condition.settings.losses for name, condition in compact.items()}
    full = losses["full"]
    assert min(full.edge, full.hem) > 0
    assert losses["no-edge-loss"] == dataclasses.replace(full, edge=0.0)
    assert losses["no-hem-loss"] == dataclasses.replace(full, hem=0.0)
    assert losses["no-losses"] == dataclasses.replace(full, edge=0.0, hem=0.0)
    assert all(losses[name] == full for name in ALL if "loss" not in name)


@pytest.mark.parametrize("preset", ["compact", "paper"])
def test_without_msrb_one_u_net_has_the_parameters_of_three(preset: str) -> None:
    overrides = {"vgg": "vgg19_conv.pth"} if preset == "paper" else {}
    found = conditions(preset, **overrides)
    full, without = found["full"], found["no-msrb"]
    with torch.device("meta"):
        three, one = BiSTNet(full.network), BiSTNet(without.network)
    assert isinstance(three.refinement, MultiScaleRefinement)
    assert isinstance(one.refinement, SingleScaleRefinement)
    counts = [sum(p.numel() for p in network.refinement.parameters()) for network in (three, one)]
    assert counts[1] == pytest.approx(counts[0], rel=0.03)
    assert without.parameters == pytest.approx(full.parameters, rel=0.03)


def test_parameters_are_the_trained_ones(compact: dict[str, Condition]) -> None:
    network = BiSTNet(compact["full"].network)
    assert compact["full"].parameters == sum(p.numel() for p in network.parameters())
    paper = conditions("paper", vgg="vgg19_conv.pth")["full"]
    with torch.device("meta"):
        frozen = sum(p.numel() for p in BiSTNet(paper.network).encoder.parameters())
        whole = sum(p.numel() for p in BiSTNet(paper.network).parameters())
    assert frozen > 0
    assert paper.parameters == whole - frozen


def test_the_encoder_begins_with_the_same_weights_in_every_cell() -> None:
    """It is drawn first, so what a cell changes behind it does not reach it."""
    found = conditions(**{"features.width": "4", "refinement.width": "4", "refinement.depth": "1"})
    states = []
    for name in ("full", "no-msrb", "no-masks", "single"):
        torch.manual_seed(0)
        network = BiSTNet(found[name].network)
        states.append({**network.encoder.state_dict(), **network.embedding.state_dict()})
    for state in states[1:]:
        assert all(torch.equal(state[key], states[0][key]) for key in states[0])


def test_samples_have_as_many_references_as_the_network_takes(compact: dict[str, Condition]) -> None:
    assert compact["single"].settings.triplets.references == 1
    assert compact["full"].settings.triplets.references == 2


def test_overrides_reach_every_cell_whatever_they_are_of() -> None:
    found = conditions(**{"features.width": "8", "learning_rate": "0.5", "losses.edge": "2", "overrides": '["match.radius=1"]'})
    for name, condition in found.items():
        assert condition.network.features.width == 8
        assert condition.network.match.radius == 1
        assert condition.recipe.learning_rate == 0.5
        assert condition.settings.losses.edge == (0.0 if name in ("no-edge-loss", "no-losses") else 2.0)
    assert found["no-btfb"].settings.overrides == ("match.radius=1", "features.width=8", "fusion.form=average")


def test_cells_that_the_preset_or_a_flag_made_equal_are_refused() -> None:
    with pytest.raises(UsageError, match="'no-edge-loss' and 'full' have equal settings") as raised:
        make_conditions(TABLE, ["no-edge-loss", "full"], preset="compact", overrides={"losses.edge": "0"})
    assert "--cells" in raised.value.remedy
    make_conditions(TABLE, ["no-btfb", "full"], preset="compact", overrides={"losses.edge": "0"})


LEVEL = "[factors.f]\na = {{}}\nb = {{ {} }}"


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ('"fusion.from" = "average"', "unknown key in level 'b' of factor 'f': 'fusion.from', did you mean 'fusion.form'"),
        ('"losses.edeg" = 0.0', "did you mean 'losses.edge'"),
        ('"learning_rat" = 0.0', "did you mean 'learning_rate'"),
        ('"fusion.form" = "averag"', "cell 'b': fusion.form = 'averag'"),
        ('"losses.edge" = "none"', "cell 'b': losses.edge = 'none'"),
        ('"match.radius" = 9', "cell 'b': match.radius = 9"),
        ("steps = 100", "changes steps"),
        ('validation = ["blackswan"]', "changes validation"),
        ('"fusion.form" = "linear"', "the cells 'a' and 'b' have equal settings"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_level_is_said(grid, level: str, message: str) -> None:  # type: ignore[no-untyped-def]
    mine = grid(LEVEL.format(level))
    with pytest.raises(UsageError) as raised:
        make_conditions(mine, ["a", "b"], preset="compact", overrides={})
    assert message in str(raised.value)
    assert raised.value.wanted


@pytest.mark.parametrize(
    ("preset", "overrides", "message"),
    [
        ("compakt", {}, "did you mean 'compact'"),
        ("compact", {"fusion.from": "average"}, "did you mean 'fusion.form'"),
        ("compact", {"steps": "3"}, "--budget for steps"),
        ("compact", {"seed": "3"}, "--seeds for seeds"),
    ],
    ids=str,
)
def test_what_is_wrong_with_the_command_is_said(preset: str, overrides: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        make_conditions(TABLE, ["full"], preset=preset, overrides=overrides)
    assert message in str(raised.value)


def test_unknown_cells_are_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'no-masks'"):
        make_conditions(TABLE, ["no-mask"], preset="compact", overrides={})
