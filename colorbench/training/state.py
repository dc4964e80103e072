"""A training's folder: what it is of, the state from which it goes on, its log. Everything is written whole or not at all.

training.json   recipe, task and format; another training is refused
state.pt        weights, averages, optimizer, step: read with weights_only
log.csv         a row of loss terms now and then
validation.csv  a row of scores a validation
validation/     pictures, a folder a validation
weights/        NAME.safetensors, what the last validation scored
lock            held while a process trains here
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from colorbench.errors import StoreError
from colorbench.files.atomic import replacing_file
from colorbench.files.locks import claimed
from colorbench.training.recipe import Recipe

FORMAT = 1

_FREE = ("recipe.validate_every", "recipe.save_every")
"""What may change when a training goes on."""


class TrainingFolder:
    """The folder of one training."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.weights = path / "weights"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other processes from training here while the block lasts.

        Raises:
            StoreError: another one does, or the folder can't be written.
        """
        with claimed(self.path / "lock") as ours:
            if not ours:
                raise StoreError(
                    f"another process trains in {self.path}",
                    wanted="one at a time",
                    remedy="wait until it ends, or choose another --out",
                )
            yield

    def declare(self, name: str, recipe: Recipe, task: Mapping[str, object]) -> None:
        """Writes or checks training.json.

        Raises:
            StoreError: the folder holds another training, or can't be written.
        """
        file = self.path / "training.json"
        identity = json.loads(json.dumps({"format": FORMAT, "name": name, "recipe": asdict(recipe), "task": dict(task)}))
        if file.exists():
            known = self._read_identity(file)
            different = _differences(known, identity)
            if different:
                raise StoreError(
                    f"{self.path} holds another training: {', '.join(different[:6])} differ",
                    wanted="the command that began it",
                    remedy="give that command again to go on, or choose another --out",
                )
        with replacing_file(file) as temporary:
            temporary.write_text(json.dumps(identity, indent=1, sort_keys=True), encoding="utf-8")

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Replaces state.pt."""
        with replacing_file(self.path / "state.pt") as temporary:
            torch.save(dict(state), temporary)

    def load_state(self) -> dict[str, Any] | None:
        """The last state, or None before the first.

        Raises:
            StoreError: it is damaged.
        """
        file = self.path / "state.pt"
        if not file.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        # Cut or foreign bytes make torch's reader fail in any way.
        except Exception as error:
            raise StoreError(
                f"{file} can't be read: {(str(error).splitlines() or [''])[0]}",
                wanted="the state that this command wrote",
                remedy="remove the file to begin anew",
            ) from error
        return state

    def append(self, file: str, row: Mapping[str, float]) -> None:
        """Adds a row to a CSV file; new columns go to the right of those that are there."""
        rows = self.rows(file)
        self._write_rows(file, [*rows, {key: f"{value:.6g}" if key != "step" else f"{value:.0f}" for key, value in row.items()}])

    def rows(self, file: str) -> list[dict[str, str]]:
        """The rows of a CSV file; none where it is missing."""
        try:
            with (self.path / file).open(encoding="utf-8", newline="") as stream:
                return list(csv.DictReader(stream))
        except FileNotFoundError:
            return []

    def rewind(self, step: int) -> None:
        """Forgets rows of later steps: they are made again."""
        for file in ("log.csv", "validation.csv"):
            rows = self.rows(file)
            kept = [row for row in rows if int(row["step"]) <= step]
            if len(kept) < len(rows):
                self._write_rows(file, kept)

    def _write_rows(self, file: str, rows: Sequence[Mapping[str, str]]) -> None:
        columns = list(dict.fromkeys(key for row in rows for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        with replacing_file(self.path / file) as temporary:
            temporary.write_text(text.getvalue(), encoding="utf-8")

    def _read_identity(self, file: Path) -> dict[str, Any]:
        try:
            known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{file} can't be read: {error}", wanted="what a training wrote", remedy="choose another --out"
            ) from error
        return known


def _differences(known: Any, wanted: Any, where: str = "") -> list[str]:
    """Dotted keys at which two JSON values differ."""
    if isinstance(known, dict) and isinstance(wanted, dict):
        keys = dict.fromkeys([*known, *wanted])
        return [found for key in keys for found in _differences(known.get(key), wanted.get(key), f"{where}.{key}".lstrip("."))]
    if known == wanted or where in _FREE:
        return []
    return [f"{where} ({known!r}, not {wanted!r})" if len(repr(known)) < 40 else where]
