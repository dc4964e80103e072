"""``colorbench train``: from names and flags to a training."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from colorbench.errors import UsageError
from colorbench.system.foreign import contained
from colorbench.training.trainable import TRAINABLES

if TYPE_CHECKING:
    from colorbench.training.loop import Trained, Watcher


def train_by_name(
    name: str,
    *,
    preset: str | None,
    data: Path | None,
    out: Path | None,
    overrides: Mapping[str, str],
    device: str,
    devices: int,
    workers: int,
    until: int | None,
    watcher: Watcher,
) -> Trained:
    """Trains a registered network, or goes on with it.

    Raises:
        UsageError: an unknown name, preset or key; a wrong value; no data named.
        ColorbenchError: as :func:`colorbench.training.loop.train`.
    """
    from colorbench.training.loop import Place, train

    trainable = TRAINABLES.get(name)
    preset = preset or trainable.card.presets[0]
    if data is None:
        raise UsageError("no training data named", wanted=trainable.card.data, remedy="--data PATH, or COLORBENCH_DATA=PATH")
    label = preset.removesuffix(".toml").rpartition("/")[2]
    with contained(f"trainable network {name!r}", exits_only=True):
        recipe, task = trainable.open(preset=preset, overrides=overrides, data=data)
    command = ["colorbench", "train", name, "--preset", preset, "--data", "DATA"]
    command += [part for key, value in overrides.items() for part in ("--set", f"{key}={value}")]
    if until is not None:
        command += ["--until", str(until)]
    with contained(f"trainable network {name!r}", exits_only=True):
        return train(
            trainable.card.stem.format(name=name, preset=label),
            task,
            recipe,
            out or Path("runs") / f"train-{name}-{label}",
            watcher=watcher,
            place=Place(device=device, devices=devices, workers=workers, until=until),
            command=tuple(command),
        )


def describe_trained(trained: Trained) -> str:
    """A line or two."""
    scores = ", ".join(f"{key} {value:.4f}" for key, value in trained.scores.items())
    return f"{shlex.quote(str(trained.weights))}: {trained.steps} steps in {trained.seconds:.0f} s; {scores}"
