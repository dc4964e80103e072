"""colorbench: how good is this video colorization method, and can the number be trusted?

    import colorbench
    result = colorbench.run(methods=["flow", "gray"], dataset="demo", out="runs/x")
    result.table        # one row a method, one column a metric
    result.frames       # every score of every frame

``import colorbench`` loads no torch; ``run`` and ``score`` do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colorbench.version import __version__

__all__ = ["ColorbenchError", "Result", "__version__", "run", "score"]

if TYPE_CHECKING:
    from colorbench.api import Result, run, score
    from colorbench.errors import ColorbenchError


def __getattr__(name: str) -> Any:
    import importlib

    if name in ("Result", "run", "score"):
        return getattr(importlib.import_module("colorbench.api"), name)
    if name == "ColorbenchError":
        return importlib.import_module("colorbench.errors").ColorbenchError
    raise AttributeError(f"module 'colorbench' has no attribute {name!r}")
