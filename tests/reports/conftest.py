"""A tiny run that is committed, store/: three made-up clips of eight frames, four methods, four metrics. No frames, no torch.

And a run with frames and names as bad as can be, and summaries made by hand, for the writers of tables.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import colorbench
from colorbench.frames.opening import read_image, write_png, write_video
from colorbench.results.reading import Results, read_results
from colorbench.results.statistics import NO_INTERVAL, Interval
from colorbench.results.summary import Pooled, Row, Summary
from colorbench.runs.saved_frames import put_in_place, read_note, remove
from colorbench.runs.store import Store, frames_path, unit_key
from colorbench.types import Direction, MetricCard, RgbFrame

STORE = Path(__file__).parent / "store"
CLIP = "<script>alert(1)<,script> $x^2_{&%#} " + "long " * 20
LABELS = ("gray", "../../<b>$\\frac{1}", "\u6f22\u5b57|" + "y" * 300)
HOSTILE = ("<script>alert(1)</script>", "../../etc", r"\input{x} $a_b$ & 100% #1 ~^", "=1+1", "a|b\n\x1b[31m[red]*c*", "x" * 300)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A copy of the tiny run that a test may change."""
    return Path(shutil.copytree(STORE, tmp_path / "store"))


@pytest.fixture
def write_run() -> Callable[[Results, Path], Results]:
    """Writes results as a run folder, and reads it back."""

    def write(results: Results, folder: Path) -> Results:
        run = Store(folder)
        identity = {"protocol": asdict(results.protocol), "dataset": results.dataset, "seed": results.seed}
        contents: dict[str, dict[str, object]] = {
            "methods": {method.label: _without(asdict(method), "label") for method in results.methods},
            "metrics": {card.name: {"card": asdict(card), "identity": "0"} for card in results.metrics},
            "clips": {clip.name: _without(asdict(clip), "name") for clip in results.clips},
        }
        run.declare(identity, contents)
        identities = {method.label: method.identity for method in results.methods}
        digests = {clip.name: clip.digest for clip in results.clips}
        for record in results.records:
            key = unit_key(
                label=record.label,
                method=identities[record.label],
                clip=digests[record.clip],
                protocol=results.protocol,
                seed=results.seed,
            )
            scored = tuple((card.name, "0") for card in results.metrics) if record.status == "done" else ()
            origin = run.save_provenance(results.provenance.get(record.provenance, {}))
            run.save(replace(record, key=key, metrics=scored, provenance=origin))
        return read_results(folder)

    return write


@pytest.fixture(scope="session")
def framed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of nine frames of 48x32 with saved frames: a clip of pictures with a hostile name, and a gray film without truth."""
    root = tmp_path_factory.mktemp("framed")
    rng = np.random.default_rng(3)
    coarse = rng.integers(30, 226, (9, 16, 3), np.uint8)
    picture = np.kron(coarse, np.ones((4, 4, 1), np.uint8))
    frames = [np.ascontiguousarray(picture[:32, shift : shift + 48]) for shift in range(9)]
    for index, frame in enumerate(frames):
        write_png(root / "clips" / CLIP / f"{index:05d}.png", frame)
    films = (np.repeat(frame[..., :1], 3, axis=-1) for frame in frames)
    write_video(root / "clips" / "film.mkv", films, fps=Fraction(24000, 1001))
    colorbench.run(
        [f"{label}={method}" for label, method in zip(LABELS, ("gray", "exemplar-hold", "flow"), strict=True)],
        dataset="folder",
        data_root=root / "clips",
        protocol="full",
        metrics=["psnr", "cdc"],
        save_frames="png",
        out=root / "run",
    )
    return root / "run"


@pytest.fixture
def save_as_video() -> Callable[[Results, str, str], list[RgbFrame]]:
    """Makes of a unit's saved pictures the video that --save-frames video would have saved."""

    def save(results: Results, label: str, clip: str) -> list[RgbFrame]:
        folder = frames_path(results.folder, label=label, clip=clip, video=False)
        note = read_note(folder)
        assert note is not None
        frames = [read_image(path) for path in sorted(folder.iterdir())]
        write_video(results.folder / "made.mkv", iter(frames), fps=Fraction(25))
        unit = {name: value for name, value in asdict(note).items() if name != "files"}
        put_in_place(results.folder / "made.mkv", frames_path(results.folder, label=label, clip=clip, video=True), unit=unit)
        remove(folder)
        return frames

    return save


def _without(fields: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in fields.items() if key != name}


def card(name: str, direction: Direction, decimals: int) -> MetricCard:
    return MetricCard(
        name=name,
        summary="",
        unit="",
        direction=direction,
        needs_truth=direction == "higher",
        per_frame=True,
        signature=(),
        version=1,
        reference="",
        decimals=decimals,
    )


def row(
    label: str,
    kind: str,
    psnr: float | None,
    cdc: float | None,
    *,
    method: str = "",
    variant: str = "default",
    exemplars: int = 2,
    reason: str = "",
    failed: int = 0,
    missing: int = 0,
    clips: int = 14,
) -> Row:
    def pooled(value: float | None, spread: float) -> Pooled:
        interval = NO_INTERVAL if value is None else Interval(value - spread, value + spread)
        return Pooled(value, "" if value is not None else reason, None, clips, interval)

    return Row(
        label=label,
        method=method or label,
        variant=variant,
        kind=kind,
        exemplars=None if kind == "truth" else (exemplars, exemplars),
        scores={"psnr": pooled(psnr, 1.0), "cdc": pooled(cdc, 0.0002)},
        frames_per_second=None if kind == "truth" else 12.34,
        seconds=1.0,
        peak_memory_mib=None,
        failed=failed,
        missing=missing,
    )


ROWS = (
    row("truth", "truth", None, 0.0037, reason="the truth itself"),
    row("gray", "control", 23.7, 0.004, exemplars=0),
    row("flow", "control", 31.2, 0.0035),
    row("a", "exemplar", 30.404, 0.0035),
    row("b", "exemplar", 32.0, 0.0041),
    row("c", "automatic", 25.5, 0.0052, exemplars=0),
)
P_VALUES = {"psnr": {"a": 0.03, "c": 0.0002}, "cdc": {"b": 0.4, "c": 0.01}}


def summary(*rows: Row, p_values: dict[str, dict[str, float]] | None = None, signature: str = "protocol:full") -> Summary:
    return Summary(
        metrics=(card("psnr", "higher", 2), card("cdc", "lower", 6)),
        rows=rows or ROWS,
        signature=signature,
        short_signature="p:full",
        signatures={},
        p_values=(P_VALUES if not rows else {}) if p_values is None else p_values,
    )


@pytest.fixture
def make_row() -> Callable[..., Row]:
    """``make_row(label, kind, psnr, cdc, ...)``."""
    return row


@pytest.fixture
def make_summary() -> Callable[..., Summary]:
    """``make_summary(*rows, p_values=..., signature=...)``; six rows of all kinds where none is given."""
    return summary


@pytest.fixture
def hostile() -> Summary:
    """Methods whose names are markup, paths, formulas and LaTeX."""
    return summary(*(row(name, "exemplar", 30.0 + index, None, reason=f"{name} failed") for index, name in enumerate(HOSTILE)))
