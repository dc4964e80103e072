"""What a gate says, to people and to machines: table, JSON, JUnit XML, GitHub's annotations and job summary."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click

from colorbench.files.atomic import replacing_file, storage_errors
from colorbench.results.gate import Comparison, GateReport
from colorbench.results.gate_command import undecided
from colorbench.runs.store import to_json
from reports.pictures.labels import shown
from reports.tables.gate_table import change_text, headline, make_gate_grid, tolerance_text, verdict_notes
from reports.tables.markdown import escaped, markdown
from reports.tables.terminal_table import print_grid

_LONGEST_MESSAGE = 4000
"""Letters; GitHub cuts an annotation somewhat later."""
_LEVELS = {"worse": "error", "incomparable": "error", "missing": "error", "no baseline": "error", "inconclusive": "warning"}


def print_gate(report: GateReport, *, junit: Path | None, summary: Path | None, github: bool, as_json: bool) -> None:
    """Prints a report and writes its files.

    The table or the JSON goes to stdout, the verdict and GitHub's annotations to stderr, where the runner reads them too.

    Args:
        report: of a gate.
        junit: a file for JUnit XML.
        summary: a file for the job summary.
        github: annotations, and the job summary added to the file that $GITHUB_STEP_SUMMARY names.
        as_json: JSON instead of the table.

    Raises:
        UndecidedError: a file can't be written.
    """
    from rich.console import Console

    with undecided():
        if junit:
            _write(junit, junit_xml(report))
        if summary:
            _write(summary, job_summary(report))
        if github and (path := os.environ.get("GITHUB_STEP_SUMMARY")):
            with storage_errors(Path(path)), Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(job_summary(report))
        if as_json:
            click.echo(to_json(gate_record(report), indent=1))
        else:
            print_grid(make_gate_grid(report))
            for note in verdict_notes(report.comparisons):
                Console(highlight=False).print(note, markup=False, soft_wrap=True)
    aside = Console(stderr=True, highlight=False, soft_wrap=True)
    for line in github_annotations(report) if github else ():
        aside.file.write(line + "\n")
    aside.print(headline(report), markup=False)


def gate_record(report: GateReport) -> dict[str, Any]:
    """A report as JSON values, unrounded, with every clip's change."""
    return {**asdict(report), "exit_code": report.exit_code}


def junit_xml(report: GateReport) -> str:
    """A suite a method and a case a metric. Worse is a failure; what could not be decided is an error."""
    root = ElementTree.Element("testsuites", name="colorbench gate")
    suites: dict[str, ElementTree.Element] = {}
    for found in report.comparisons:
        if found.label not in suites:
            suites[found.label] = ElementTree.SubElement(root, "testsuite", name=_xml_name(found.label))
        case = ElementTree.SubElement(
            suites[found.label],
            "testcase",
            classname=f"colorbench.results.gate.{_xml_name(found.label)}",
            name=_xml_name(found.metric),
        )
        if found.verdict != "pass":
            kind = "failure" if found.verdict == "worse" else "error"
            problem = ElementTree.SubElement(case, kind, type=found.verdict, message=_xml_text(found.reason))
            problem.text = _xml_text(_details(found))
    if not report.comparisons:
        suite = ElementTree.SubElement(root, "testsuite", name="baseline")
        case = ElementTree.SubElement(suite, "testcase", classname="colorbench.results.gate", name="baseline")
        ElementTree.SubElement(case, "error", type=report.verdict, message=_xml_text("; ".join(report.notes)))
    for element in (*root, root):
        for counted, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            element.set(counted, str(len(list(element.iter(tag)))))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def github_annotations(report: GateReport) -> Iterator[str]:
    """GitHub's workflow commands, one a method, since a step shows ten of a kind at most."""
    by_label: dict[str, list[Comparison]] = {}
    for found in report.comparisons:
        if found.verdict != "pass":
            by_label.setdefault(found.label, []).append(found)
    for label, comparisons in by_label.items():
        levels = {_LEVELS[found.verdict] for found in comparisons}
        verdicts = dict.fromkeys(found.verdict for found in comparisons)
        message = "\n".join(shown(_details(found), _LONGEST_MESSAGE) for found in comparisons)
        title = f"colorbench gate: {shown(label)}: {', '.join(verdicts)}"
        yield _command("error" if "error" in levels else "warning", title, message)
    if not report.comparisons:
        yield _command(_LEVELS[report.verdict], f"colorbench gate: {report.verdict}", "; ".join(report.notes))


def job_summary(report: GateReport) -> str:
    """Markdown: the verdict, what is not a pass, and all comparisons folded away."""
    notes = verdict_notes(report.comparisons) if report.comparisons else report.notes
    lines = [f"## {escaped(headline(report))}", "", *(f"- {escaped(note)}" for note in notes), *([""] if notes else [])]
    if report.comparisons:
        lines += ["<details><summary>All comparisons</summary>", "", markdown(make_gate_grid(report)), "</details>", ""]
    return "\n".join([*lines, ""])


def _details(found: Comparison) -> str:
    """One comparison in one line."""
    text = f"{shown(found.metric)}: {found.verdict}, {found.reason}"
    if found.difference is None or found.baseline is None or found.now is None:
        return text
    digits, change = found.decimals, change_text(found.difference.mean, found.decimals)
    means = f"baseline {found.baseline:.{digits}f}, run {found.now:.{digits}f}"
    return f"{text} ({means}, change {change}, tolerance {tolerance_text(found)})"


def _command(level: str, title: str, message: str) -> str:
    """A workflow command with its text encoded as GitHub's toolkit does.

    >>> _command("error", "a:b", "50% worse")
    '::error title=a%3Ab::50%25 worse'
    """
    data = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    own = title.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A").replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={own}::{data}"


def _xml_name(name: str) -> str:
    return shown(name)


def _xml_text(text: str) -> str:
    """Without what XML 1.0 can't hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", text)


def _write(path: Path, text: str) -> None:
    with replacing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
