"""Prints the ratios of the benchmarks, which are what counts; times alone say little on a shared machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from colorbench.runs.provenance import collect


def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    session = getattr(config, "_benchmarksession", None)
    rows = [(bench.name, bench.extra_info) for bench in getattr(session, "benchmarks", []) if "ratio" in bench.extra_info]
    if not rows:
        return
    terminalreporter.write_sep("-", "ratios, measured side by side in this run (median of rounds)")
    for name, info in rows:
        extra = "".join(
            f", {key} {value:.2f}" if isinstance(value, float) else f", {key} {value}"
            for key, value in info.items()
            if key not in ("ratio", "bar")
        )
        terminalreporter.write_line(f"{info['ratio']:8.2f}x  (bar {info['bar']}x)  {name}{extra}")
    machine = collect(seed=0, device="cpu")
    missed = [line for name, info in rows for line in missed_bars(name, info)]
    terminalreporter.write_sep("-", f"{machine['processor']}, {machine['cores']} cores: {len(missed)} bars missed")
    for line in missed:
        terminalreporter.write_line(line)


def missed_bars(name: str, info: Mapping[str, Any]) -> list[str]:
    """A line a bar that a benchmark did not reach: its ratio's, and where there is one that of its time to decoding's."""
    missed = [f"{name}: {info['ratio']:.2f}x, bar {info['bar']}x"] if info["ratio"] < info["bar"] else []
    if info.get("to_decoding", 0.0) > info.get("decoding_bar", float("inf")):
        missed.append(f"{name}: {info['to_decoding']:.2f} times decoding, bar {info['decoding_bar']}")
    return missed
