"""The weights in the package: each with its card, small, loadable, and better than the controls that need no training."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import colorbench
from bistnet.experts import build_expert
from bistnet.loading import load_trained
from colorbench.weights.trained_file import read_card

FOLDER = Path(__file__).resolve().parents[2] / "bistnet" / "weights"
FILES = sorted(FOLDER.rglob("*.safetensors"))
MAIN_SCORES = {
    "compact-edges": "ods",
    "compact-semantics": "miou",
    "compact": "psnr",
    "compact-single": "psnr",
    "compact-blend": "psnr",
    "vgg16": "psnr",
}


def test_the_networks_and_both_experts_are_there() -> None:
    assert {"compact", "compact-single", "compact-blend", "compact-edges", "compact-semantics"} <= {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_small_and_says_how_it_came_about(path: Path) -> None:
    assert path.stat().st_size < 3.5e6
    card = read_card(path)
    assert card["command"][:2] == ["colorbench", "train"]
    assert not any(part.startswith("/") or "=/" in part for part in card["command"])
    assert card["data"]
    assert card["commit"]
    assert card["steps"] > 0
    assert card["seconds"] > 0
    assert isinstance(card["seed"], int)
    assert math.isfinite(card["scores"][MAIN_SCORES[path.stem]])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_page_of_cards_has_its_row(path: Path) -> None:
    card = read_card(path)
    rows = [line for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines() if f"`{path.stem}`" in line]
    assert len(rows) == 1
    score = card["scores"][MAIN_SCORES[path.stem]]
    assert (f"{score:.2f}" if MAIN_SCORES[path.stem] == "psnr" else f"{score:.3f}") in rows[0]
    assert f"{card['steps']}" in rows[0]


def test_edges_are_seen_where_the_luminance_steps() -> None:
    expert = build_expert("compact-edges", checkpoint=FOLDER / "experts" / "compact-edges.safetensors")
    l_star = torch.full((1, 1, 96, 96), 30.0)
    l_star[..., 48:] = 70.0
    edges = expert(l_star)[0, 0]
    assert edges[16:-16, 46:50].amax(dim=1).mean() > 4 * edges[16:-16, 8:32].mean()


def test_sky_is_above_road_in_a_street_of_flat_grays() -> None:
    """Bright above, dark below with a horizon: what every CamVid frame teaches first."""
    expert = build_expert("compact-semantics", checkpoint=FOLDER / "experts" / "compact-semantics.safetensors")
    rng = np.random.default_rng(0)
    l_star = np.full((1, 1, 360, 480), 92.0, np.float32)
    l_star[..., 200:, :] = 35.0
    l_star += rng.normal(scale=1.0, size=l_star.shape).astype(np.float32)
    maps = expert(torch.from_numpy(l_star.clip(0, 100)))[0]
    sky, road = maps[0], maps[3]
    assert sky[:120].mean() > 3 * sky[260:].mean()
    assert road[260:].mean() > 3 * road[:120].mean()


@pytest.mark.parametrize("name", ["compact"])
def test_a_network_loads_with_the_experts_it_was_trained_with(name: str) -> None:
    loaded = load_trained(FOLDER / f"{name}.safetensors", preset=name)
    assert loaded.trained
    assert loaded.experts is not None


def test_it_colors_a_demo_clip_better_than_the_controls(tmp_path: Path) -> None:
    result = colorbench.run(
        ["bistnet", "exemplar-hold", "gray"],
        dataset="demo",
        clips=["cat-handheld"],
        overrides={"max_frames": "20"},
        metrics=["psnr"],
        out=tmp_path / "run",
        device="cpu",
    )
    psnr = result.table.psnr
    assert psnr["bistnet"] > psnr["gray"] + 2
    assert psnr["bistnet"] > psnr["exemplar-hold"] + 2
