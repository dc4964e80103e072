"""Prints the ratios of the benchmarks, which are what counts; times alone say little on a shared machine."""

from __future__ import annotations

from typing import Any


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
