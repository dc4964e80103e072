"""What is left of a run: the table in the terminal, and results beside the units.

table.md      the table with its notes and signature
results.json  the same with every clip's scores, unrounded
clips.csv     a row a method, clip and metric
frames.csv    a row a method, clip, metric and scored frame
psnr-cdc.*    the plot, and its data
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from colorbench.files.atomic import replacing_file
from colorbench.runs.remote import Mirror
from colorbench.runs.store import to_json
from reports.figures import write_figures
from reports.tables.grid import make_grid
from reports.tables.markdown import markdown
from reports.tables.terminal_table import print_grid

if TYPE_CHECKING:
    from pathlib import Path

    from colorbench.api import Result
    from colorbench.results.reading import Results
    from colorbench.results.summary import Summary


def print_result(result: Result, *, as_json: bool) -> None:
    """Writes the files of a run and prints its table, or its JSON, to stdout."""
    from rich.console import Console

    spec = result.outcome.plan.spec
    folder, record, grid = spec.out, run_record(result.results, result.summary), make_grid(result.summary)
    texts = {
        "table.md": markdown(grid),
        "results.json": to_json(record, indent=1) + "\n",
        "clips.csv": result.clips.to_csv(index=False),
        "frames.csv": result.frames.to_csv(index=False),
    }
    mirror = Mirror(spec.remote, folder) if spec.remote else None
    for name, text in texts.items():
        _write(folder / name, text)
        if mirror is not None:
            mirror.push(folder / name, (folder / name).read_bytes())
    write_figures(result.summary, folder, result.results)
    if as_json:
        click.echo(to_json(record, indent=1))
        return
    print_grid(grid)
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"written to {spec.remote or folder}/table.md", markup=False)


def run_record(results: Results, summary: Summary) -> dict[str, Any]:
    """A run as JSON values: rows with pooled scores and reasons, signatures, failures, what is missing, clips."""
    return {
        "signature": summary.signature,
        "signatures": summary.signatures,
        "complete": results.complete,
        "rows": [
            {
                "label": row.label,
                "method": row.method,
                "variant": row.variant,
                "kind": row.kind,
                "exemplars": row.exemplars,
                "scores": {
                    name: {
                        "value": score.value,
                        "reason": score.reason,
                        "other_pooling": score.other,
                        "clips": score.clips,
                        "interval": (score.interval.low, score.interval.high),
                        "at_ceiling": score.at_ceiling,
                        "p_against_best": summary.p_values.get(name, {}).get(row.label),
                    }
                    for name, score in row.scores.items()
                },
                "frames_per_second": row.frames_per_second,
                "seconds": row.seconds,
                "peak_memory_mib": row.peak_memory_mib,
                "failed": row.failed,
                "missing": row.missing,
            }
            for row in summary.rows
        ],
        "failures": [{"label": record.label, "clip": record.clip, "error": record.error} for record in results.failures],
        "missing": [{"label": label, "clip": clip} for label, clip in results.missing],
        "clips": [
            {
                "label": record.label,
                "clip": record.clip,
                "status": record.status,
                "scores": {score.metric: score.value for score in record.scores},
                "truth": {score.metric: score.value for score in record.truth},
                "luminance_error": record.luminance_error,
                "notes": record.notes,
                "seconds": record.seconds,
                "peak_memory_mib": record.peak_memory_mib,
                "provenance": record.provenance,
            }
            for record in results.records
        ],
    }


def _write(path: Path, text: str) -> None:
    with replacing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
