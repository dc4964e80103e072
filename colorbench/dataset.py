"""The Dataset protocol and where datasets are looked for.

A file in ``datasets/`` (or a module named by an entry point of the group ``colorbench.datasets``) offers ``DATASETS``, a tuple of
objects with a ``card``, a ``missing`` and a ``clips``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from colorbench.errors import DatasetError
from colorbench.types import Clip, DatasetCard

DATA_VARIABLE = "COLORBENCH_DATA"


class Dataset(Protocol):
    """A registered dataset. Importing its module must be cheap."""

    card: DatasetCard

    def missing(self, root: Path | None) -> str:
        """What is not there under ``root``, in words; empty if the dataset is complete."""
        ...

    def clips(self, root: Path | None, *, split: str | None = None) -> tuple[Clip, ...]:
        """The clips in natural order of their names.

        Raises:
            DatasetError: something of the split is missing, or the layout is not what the card says.
        """
        ...


def find_root(dataset: Dataset, data_root: Path | None) -> Path | None:
    """The first of ``data_root``, ``$COLORBENCH_DATA/<name>`` and ``$COLORBENCH_DATA`` that holds the dataset.

    None for an embedded dataset.

    Raises:
        DatasetError: it is in none of these places.
    """
    if not dataset.card.needs_root:
        return None
    tried: list[str] = []
    for place in candidate_roots(dataset.card.name, data_root):
        reason = dataset.missing(place)
        if not reason:
            return place
        tried.append(f"{place}: {reason}")
    card = dataset.card
    raise DatasetError(
        f"dataset {card.name!r} was not found" + "".join(f"\n    {line}" for line in tried),
        wanted=card.layout,
        remedy=f"name its folder with --data-root PATH or {DATA_VARIABLE}=PATH"
        + (f"; to get it: {card.obtain}" if card.obtain else ""),
    )


def candidate_roots(name: str, data_root: Path | None) -> tuple[Path, ...]:
    """Where to look, in order; an explicit folder is the only candidate."""
    if data_root is not None:
        return (data_root,)
    variable = os.environ.get(DATA_VARIABLE)
    return (Path(variable) / name, Path(variable)) if variable else ()
