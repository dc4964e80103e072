from __future__ import annotations

import math

import pytest
from rich.console import Console

from colorbench.statistics import Pooled, Row, Summary
from colorbench.types import Direction, MetricCard
from reports.tables import format_value, make_grid, markdown, terminal


def card(name: str, direction: Direction, decimals: int, *, needs_truth: bool = True) -> MetricCard:
    return MetricCard(
        name=name,
        summary="",
        unit="",
        direction=direction,
        needs_truth=needs_truth,
        per_frame=True,
        signature=(),
        version=1,
        reference="",
        decimals=decimals,
    )


PSNR, CDC = card("psnr", "higher", 2), card("cdc", "lower", 6, needs_truth=False)


def row(
    label: str, kind: str, psnr: float | None, cdc: float | None, *, exemplars: int = 2, reason: str = "", failed: int = 0
) -> Row:
    def pooled(value: float | None) -> Pooled:
        return Pooled(value, "" if value is not None else reason, None, 3)

    return Row(
        label=label,
        method=label,
        variant="default",
        kind=kind,
        exemplars=None if kind == "truth" else (exemplars, exemplars),
        scores={"psnr": pooled(psnr), "cdc": pooled(cdc)},
        frames_per_second=12.34,
        seconds=1.0,
        peak_memory_mib=None,
        failed=failed,
    )


def summary(*rows: Row) -> Summary:
    return Summary(metrics=(PSNR, CDC), rows=rows, signature="protocol:full", short_signature="p:full", signatures={})


ROWS = (
    row("truth", "truth", None, 0.0037, reason="the truth itself"),
    row("gray", "control", 23.7, 0.004, exemplars=0),
    row("flow", "control", 31.2, 0.0035),
    row("a", "exemplar", 30.404, 0.0035),
    row("b", "exemplar", 32.0, 0.0041),
)


def test_markdown_is_as_expected() -> None:
    assert markdown(summary(*ROWS)) == (
        "| method | exemplars | PSNR ↑ | CDC ↓ | frames/s |\n"
        "|---|---:|---:|---:|---:|\n"
        "| truth | – | – | 0.003700 | 12.3 |\n"
        "| gray | 0 | 23.70 | 0.004000 | 12.3 |\n"
        "| flow | 2 | 31.20 | 0.003500 | 12.3 |\n"
        "| a ‡ | 2 | 30.40 | **0.003500** | 12.3 |\n"
        "| b | 2 | **32.00** | 0.004100 | 12.3 |\n"
        "\n"
        "- ‡ a has a lower PSNR than the control flow\n"
        "\n"
        "`p:full`\n"
    )


def test_the_same_summary_gives_the_same_bytes() -> None:
    assert markdown(summary(*ROWS)) == markdown(summary(*ROWS))


def test_controls_and_truth_stand_apart_and_are_never_best() -> None:
    groups = make_grid(summary(*ROWS)).groups
    assert [len(group) for group in groups] == [1, 2, 2]
    assert not any(cell.bold for group in groups[:2] for cells in group for cell in cells)


def test_a_control_with_more_exemplars_does_not_mark_a_method() -> None:
    notes = make_grid(
        summary(row("flow", "control", 31.0, 0.1, exemplars=2), row("a", "automatic", 25.0, 0.1, exemplars=0))
    ).notes
    assert notes == ()


def test_a_missing_value_is_a_dash_with_its_reason_once() -> None:
    text = markdown(
        summary(row("a", "exemplar", 30.0, None, reason="no weights"), row("b", "exemplar", 31.0, None, reason="no weights"))
    )
    assert text.count("no weights") == 1
    assert "- – cdc: no weights" in text


def test_reasons_that_differ_name_their_row() -> None:
    text = markdown(summary(row("a", "exemplar", 30.0, None, reason="x: failed", failed=1), row("b", "exemplar", 31.0, 0.1)))
    assert "cdc of a: x: failed" in text
    assert "a: 1 clip failed" in text


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (math.inf, "∞"), (30.404, "30.40"), (-0.004, "-0.00")])
def test_values_are_printed_with_the_cards_digits(value: float | None, text: str) -> None:
    assert format_value(value, PSNR) == text


def test_the_terminal_shows_the_same_figures() -> None:
    console = Console(width=200, record=True, file=None, force_terminal=False)
    with console.capture() as capture:
        console.print(terminal(summary(*ROWS)))
    for text in ("30.40", "0.003500", "p:full", "a has a lower PSNR"):
        assert text in capture.get()


def test_markup_in_labels_is_text() -> None:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(terminal(summary(row("[red]a[/red]|b", "exemplar", 1.0, 1.0))))
    assert "[red]a[/red]|b" in capture.get()
    assert "\\|b" in markdown(summary(row("a|b", "exemplar", 1.0, 1.0)))
