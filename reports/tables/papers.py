"""The figures that papers print, as published.toml has them. Takes no package, so that listings stay quick."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any


@lru_cache(maxsize=1)
def paper_tables() -> dict[str, Any]:
    """published.toml: a paper's name to its table."""
    return tomllib.loads(files("reports.tables").joinpath("published.toml").read_text(encoding="utf-8"))


def figures_of(method: str) -> list[dict[str, Any]]:
    """What papers print of a method: "source", "name" of the row, "figures" as printed, "variants" that are the paper's own.

    >>> figures_of("bistnet")[0]["figures"]["psnr"]
    '30.40'
    """
    return [
        {"source": table["source"], **{key: row[key] for key in ("name", "figures", "variants")}}
        for table in paper_tables().values()
        for row in table["rows"]
        if method in row["methods"]
    ]
