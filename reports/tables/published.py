"""Figures that papers print (published.toml), laid beside measured ones, and whether the two may be subtracted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from colorbench.errors import UnknownNameError
from colorbench.results.summary import Row, Summary
from colorbench.types import MetricCard
from reports.pictures.labels import shown
from reports.tables.cells import DASH, Cell, Column, Laid
from reports.tables.papers import paper_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """One line of a paper's table."""

    name: str
    methods: tuple[str, ...]
    """Registered methods that it is about."""
    variants: tuple[str, ...]
    """Of these methods, the ones that are the paper's own network."""
    figures: Mapping[str, str]
    """Metric to figure, with the digits that are printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A paper's table."""

    source: str
    stated: Mapping[str, tuple[str, ...]]
    """Signature fields that the paper states, with the values that mean the same."""
    unstated: str
    rows: tuple[PublishedRow, ...]

    def row_of(self, row: Row) -> PublishedRow | None:
        """The line about a measured row's method."""
        return next((known for known in self.rows if row.method in known.methods), None)

    def why_not(self, summary: Summary) -> str:
        """Why measured figures may not be subtracted from published ones: the signature fields that differ. Empty if they may."""
        fields = dict(part.partition(":")[::2] for part in summary.signature.split("|"))
        differing = [
            f"{key} {fields.get(key, 'unknown')} (the paper: {values[0]})"
            for key, values in self.stated.items()
            if fields.get(key) not in values
        ]
        return ", ".join(differing)

    def laid(self, card: MetricCard, summary: Summary) -> list[Laid]:
        """The columns to the right of a metric: the paper's figure and, where a row may have one, the difference."""
        if not any(card.name in row.figures for row in self.rows):
            return []
        paper = Column(f"{card.name}-paper", "paper", of=card.name)

        def figure(row: Row) -> Cell:
            known = self.row_of(row)
            text = known.figures.get(card.name) if known else None
            return Cell(text, float(text)) if text else Cell(DASH)

        def difference(row: Row) -> Cell:
            measured, published = row.scores[card.name].value, figure(row).value
            if measured is None or published is None or not self._is_own(row):
                return Cell(DASH)
            return Cell(f"{measured - published:+.{card.decimals}f}", measured - published)

        if self.why_not(summary) or not any(self._is_own(row) for row in summary.rows):
            return [(paper, figure)]
        return [(paper, figure), (Column(f"{card.name}-difference", "minus paper", of=card.name, short="Δ"), difference)]

    def not_run(self, summary: Summary, columns: Sequence[Column]) -> list[tuple[tuple[Cell, ...], ...]]:
        """A group of the paper's rows of which no method was run; none if all were."""
        seen = [self.row_of(row) for row in summary.rows]
        rows = []
        for row in self.rows:
            if row not in seen:
                texts = {"method": row.name} | {f"{name}-paper": text for name, text in row.figures.items()}
                rows.append(tuple(_cell(texts.get(column.key), column) for column in columns))
        return [tuple(rows)] if rows else []

    def notes(self, summary: Summary) -> list[str]:
        """Where the figures come from, and why there is no difference or what it does not cover."""
        notes = [f"paper: as printed in {self.source}; its methods that were not run have no other figure"]
        if differing := self.why_not(summary):
            notes.append(f"{DASH} no difference from the paper's figures, the signatures differ: {differing}")
        elif any(self._is_own(row) for row in summary.rows):
            notes.append(f"minus paper: the paper does not state {self.unstated}")
        others = [shown(row.label) for row in summary.rows if self.row_of(row) and not self._is_own(row)]
        if others:
            notes.append(f"not the paper's own network: {', '.join(others)}")
        return notes

    def _is_own(self, row: Row) -> bool:
        known = self.row_of(row)
        return known is not None and row.variant in known.variants


def load_published(name: str = "bistnet") -> Published:
    """A paper's table by its name in published.toml.

    Raises:
        UnknownNameError: no such paper.

    >>> load_published().rows[-1].figures["psnr"]
    '30.40'
    """
    tables = paper_tables()
    if name not in tables:
        raise UnknownNameError("published table", name, tables)
    table = tables[name]
    return Published(
        source=table["source"],
        stated={key: tuple(values) for key, values in table["stated"].items()},
        unstated=table["unstated"],
        rows=tuple(
            PublishedRow(name=row["name"], methods=tuple(row["methods"]), variants=tuple(row["variants"]), figures=row["figures"])
            for row in table["rows"]
        ),
    )


def _cell(text: str | None, column: Column) -> Cell:
    if text is None:
        return Cell(DASH)
    return Cell(text, None if column.key == "method" else float(text))
