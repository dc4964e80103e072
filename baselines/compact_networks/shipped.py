"""Compact variants, as every method has one: their weights in the package, and how they are trained. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorbench.training.trainable import OpenTask, Preset, TrainableCard
from colorbench.types import MethodCard
from colorbench.weights.network_method import Way

if TYPE_CHECKING:
    from colorbench.method import Colorizer

_BASELINES = Path(__file__).parents[1]
FOLDER = _BASELINES / "weights"


def compact_file(method: str) -> Path:
    """Where a method's weights lie once they are shipped."""
    return FOLDER / f"{method}-compact.safetensors"


def compact_way(method: str, load: Callable[[Path, str], Colorizer], *, beside: Callable[[], str] | None = None) -> Way:
    """How a compact variant runs.

    Args:
        method: its name.
        load: the file and the device to a Colorizer; imports torch.
        beside: what else decides its colors.
    """

    def missing() -> str:
        path = compact_file(method)
        return "" if path.is_file() else f"no {path.name} in the package: train it with colorbench train {method}"

    def identity(settings: object) -> str:  # noqa: ARG001 - compact networks have none
        from colorbench.files.digest import file_digest

        return file_digest(compact_file(method)) + (f" {beside()}" if beside else "")

    return Way(missing=missing, identity=identity, load=lambda device, settings: load(compact_file(method), device))  # noqa: ARG005


def compact_trainable(card: MethodCard, task: Callable[[], tuple[type[Any], OpenTask]]) -> Preset:
    """``colorbench train NAME``: the recipe compact.toml of the method's folder under recipes/."""
    return Preset(
        TrainableCard(
            name=card.name,
            summary=card.summary,
            presets=("compact",),
            data="a root with davis/ and bsds500/, or what the task's clips and photographs name",
        ),
        _BASELINES / "recipes" / card.name,
        task,
    )
