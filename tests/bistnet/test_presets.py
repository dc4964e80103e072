"""Settings are data: presets load, wrong keys and values are refused with what to do."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from bistnet.experts import NAMES
from bistnet.network.settings import (
    CLASSES,
    ExpertSettings,
    Settings,
    load_settings,
    preset_names,
    settings_from_dict,
    with_overrides,
)
from colorbench.errors import UnknownNameError, UsageError


def test_the_presets_are_the_three_of_the_package() -> None:
    assert preset_names() == ["compact", "paper", "vgg16"]


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_survives_the_way_through_a_dict(name: str) -> None:
    settings = load_settings(name)
    assert settings.preset == name
    assert settings_from_dict(dataclasses.asdict(settings)) == settings


def test_the_paper_preset_says_what_the_paper_says() -> None:
    settings = load_settings("paper")
    assert settings.features.encoder == "vgg19"
    assert (settings.match.stride, settings.match.mode, settings.match.temperature) == (4, "soft", 0.01)
    assert (settings.fusion.form, settings.fusion.references) == ("linear", 2)
    assert (settings.experts.semantic, settings.experts.edges) == ("protoseg-19", "hed")
    assert (settings.refinement.scales, settings.refinement.reuse_second, settings.refinement.residual) == (3, False, False)


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_settings("compact").match.stride = 4  # type: ignore[misc]


def test_a_file_of_ones_own_is_a_preset_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[features]\nencoder = "vgg19"\n[match]\n[fusion]\n[experts]\n[refinement]\nbody = "plain"\nwidth = 8\n')
    settings = load_settings(path)
    assert settings.preset == "mine"
    assert settings.refinement.width == 8
    assert settings.match.temperature == 0.01


def test_expert_names_are_those_of_the_experts() -> None:
    hints = get_type_hints(ExpertSettings)
    named = {*get_args(hints["semantic"]), *get_args(hints["edges"])} - {"none"}
    assert named == set(NAMES)
    assert set(CLASSES) <= named


@pytest.mark.parametrize(("name", "near"), [("papper", "paper"), ("compct", "compact")])
def test_an_unknown_preset_suggests_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean '{near}'"):
        load_settings(name)


def test_an_unknown_key_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown key in \[match\]: 'temprature', did you mean 'temperature'"):
        settings_from_dict({**dataclasses.asdict(load_settings("paper")), "match": {"temprature": 1.0}})
    with pytest.raises(UnknownNameError, match="unknown key in the settings: 'fussion', did you mean 'fusion'"):
        settings_from_dict({**dataclasses.asdict(load_settings("paper")), "fussion": {}})


def test_an_unknown_override_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"'fusion\.from', did you mean 'fusion\.form'"):
        with_overrides(load_settings("paper"), {"fusion.from": "average"})


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"fusion.form": "mean"}, r"fusion\.form = 'mean'\n  wanted: one of 'linear'"),
        ({"match.stride": 6}, r"match\.stride = 6"),
        ({"match.stride": True}, r"match\.stride = True"),
        ({"match.temperature": "hot"}, r"match\.temperature = 'hot'\n  wanted: a number"),
        ({"match.temperature": 0.0}, r"match\.temperature = 0\.0\n  wanted: above 0"),
        ({"match.temperature": float("nan")}, r"match\.temperature = nan"),
        ({"refinement.width": 8.5}, r"refinement\.width = 8\.5\n  wanted: a whole number"),
        ({"refinement.width": 10**9}, r"wanted: 2 to 1024"),
        ({"refinement.residual": 1}, r"refinement\.residual = 1\n  wanted: true or false"),
        ({"refinement.width": 63}, "an even width"),
        ({"refinement.patch": 2}, "its skeleton is fixed"),
        ({"refinement.scales": 1, "refinement.reuse_second": True}, "wanted: three scales"),
        ({"features.width": 3}, r"features\.width = 3\n  wanted: 0"),
        ({"features.encoder": "compact"}, r"features\.width = 0\n  wanted: 1 to 1024"),
        ({"experts.classes": 150}, r"experts\.classes = 150 with protoseg-19\n  wanted: 19"),
        ({"experts.edges": "hedd"}, r"wanted: one of 'none', 'compact-edges', 'hed'"),
    ],
)
def test_a_wrong_value_is_refused_in_three_parts(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        with_overrides(load_settings("paper"), overrides)
    assert caught.value.wanted
    assert caught.value.remedy


def test_a_missing_value_is_named() -> None:
    table = dataclasses.asdict(load_settings("paper"))
    del table["refinement"]["width"]
    with pytest.raises(UsageError, match=r"no refinement\.width"):
        settings_from_dict(table)
    del table["refinement"]
    with pytest.raises(UsageError, match="no refinement"):
        settings_from_dict(table)


def test_a_value_where_a_table_belongs_is_refused() -> None:
    with pytest.raises(UsageError, match="match = 3"):
        settings_from_dict({**dataclasses.asdict(load_settings("paper")), "match": 3})


def test_broken_toml_and_missing_files_are_said(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    with pytest.raises(UsageError, match="No such file"):
        load_settings(path)
    path.write_text("[match\n")
    with pytest.raises(UsageError, match="wanted: valid TOML"):
        load_settings(path)


def test_overrides_mark_the_preset_once() -> None:
    settings = load_settings("paper")
    once = with_overrides(settings, {"experts.edges": "none"})
    twice = with_overrides(once, {"fusion.form": "average"})
    assert (once.preset, twice.preset) == ("paper*", "paper*")
    assert with_overrides(settings, {"experts.edges": "hed"}) == settings


@pytest.mark.parametrize(
    ("semantic", "edges", "channels"),
    [("protoseg-19", "hed", 20), ("none", "hed", 1), ("protoseg-19", "none", 19), ("none", "none", 0)],
)
def test_expert_channels_are_classes_and_edges(semantic: str, edges: str, channels: int) -> None:
    settings: Settings = with_overrides(load_settings("paper"), {"experts.semantic": semantic, "experts.edges": edges})
    assert settings.experts.channels == channels
