"""One cell of a grid with one seed: trained, drawn and scored. What is done already is not done again.

The scores go into the grid's evaluation, a run folder of the harness in which each training is a row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bistnet.experts.kept import KeptExperts
from bistnet.inference import Colorizer
from bistnet.loading import load_trained
from bistnet.network.fusion import spans
from bistnet.training.task import BistnetTask, TrainingSettings
from colorbench.clips.footage import Footage
from colorbench.clips.protocol import load_protocol
from colorbench.errors import ColorbenchError
from colorbench.frames.images import write_png
from colorbench.results.ablation import GRAY, TRUTH, GridFolder, label_of
from colorbench.runs.runner import execute
from colorbench.runs.store import safe_name
from colorbench.training.loop import LOG_EVERY, Place, Trained, Watcher, train
from colorbench.training.recipe import Recipe
from colorbench.types import Clip, MethodSpec, RunSpec

PROTOCOL = "bistnet"
METRICS = ("psnr", "ssim", "cdc", "colorfulness")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """All that one process needs to know."""

    cell: str
    recipe: Recipe
    settings: TrainingSettings
    folder: Path
    """The grid's."""
    data: Path
    device: str
    """cpu or cuda."""
    workers: int
    pictures: bool
    """Whether frames are drawn for the strips."""
    command: tuple[str, ...]
    """For the card of the weights."""

    @property
    def label(self) -> str:
        return label_of(self.cell, self.recipe.seed)


def run_trial(trial: Trial, watcher: Watcher) -> None:
    """Trains, draws and scores.

    Raises:
        ColorbenchError: as the loop and the harness raise; a clip that could not be scored.
    """
    weights = train_trial(trial, watcher).weights
    root, names = trial.data / next(iter(trial.settings.clips), ""), trial.settings.validation
    references, folder = trial.settings.triplets.references, GridFolder(trial.folder)
    if trial.pictures:
        clips = [Clip(name=name, dataset=root.name, source=root / name) for name in names]
        draw(trial.cell, weights, clips, folder.pictures, references=references, device=trial.device)
    variant = ("single", "double")[references - 1]
    settings = (("checkpoint", str(weights)),)
    outcome = execute(
        RunSpec(
            methods=(MethodSpec(label=trial.label, name="bistnet-own", variant=variant, settings=settings),),
            dataset="folder",
            protocol=PROTOCOL,
            out=folder.evaluation,
            data_root=root,
            metrics=METRICS,
            clips=names,
            device=trial.device,
        )
    )
    for failure in outcome.failures:
        raise ColorbenchError(f"{trial.label} on {failure.clip}: {failure.error}")


def train_trial(trial: Trial, watcher: Watcher, *, log_every: int = LOG_EVERY) -> Trained:
    """The training alone, in the grid's folder. The loop scores nothing, as the harness does it afterwards."""
    folder = GridFolder(trial.folder)
    task = BistnetTask(trial.settings, trial.data, seed=trial.recipe.seed)
    task.corpus.held_out = ()
    if task.experts is not None and trial.device == "cpu":
        task.experts = KeptExperts(task.experts, folder.maps)
    return train(
        trial.cell,
        task,
        trial.recipe,
        folder.training(trial.label),
        watcher=watcher,
        place=Place(device=trial.device, workers=trial.workers),
        command=trial.command,
        log_every=log_every,
    )


def draw(cell: str, weights: Path, clips: Sequence[Clip], folder: Path, *, references: int, device: str) -> None:
    """Colors the middle one of each clip's scored frames, which is about the farthest from both references.

    Args:
        cell: names the picture.
        weights: a checkpoint.
        clips: which.
        folder: gets CLIP/CELL.png, and the gray and the true frame beside it.
        references: at most this many of the protocol's.
        device: cpu or cuda.
    """
    loaded = load_trained(weights)
    colorizer = Colorizer(loaded.network, experts=loaded.experts, device=device)
    rules = load_protocol(PROTOCOL, overrides={})
    with ThreadPoolExecutor(1) as executor:
        for clip in clips:
            footage = Footage(clip, rules, executor=executor)
            exemplars = footage.exemplars(references)
            index = footage.scored[len(footage.scored) // 2]
            places = [exemplar.index for exemplar in exemplars if exemplar.index is not None]
            whole = next(span for span in spans(places, len(footage)) if span.start <= index < span.stop)
            piece = dataclasses.replace(whole, start=index, stop=index + 1, positions=(whole.positions[index - whole.start],))
            references_rgb = [exemplar.rgb for exemplar in exemplars]
            frames = colorizer.stream([piece], luminance=footage.luminance, reference=references_rgb.__getitem__)
            gray = np.zeros((footage.height, footage.width, 2), np.float32)
            pictures = {
                cell: footage.merge(index, next(frames).ab()),
                GRAY: footage.merge(index, gray),
                TRUTH: footage.rgb(index),
            }
            for name, picture in pictures.items():
                write_png(folder / safe_name(clip.name) / f"{name}.png", picture)
            footage.close()
