"""Pages of a run with frames and hostile names, and of one without frames. Only the first figure is drawn, as that takes long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import reports.page
from colorbench.results.reading import read_results
from reports.figures import drawings
from reports.page import write_page

STORE = Path(__file__).parents[1] / "store"


@pytest.fixture(scope="session", autouse=True)
def _one_figure() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reports.page, "drawings", lambda results: drawings(results)[:1])
        yield


@pytest.fixture(scope="session")
def site(framed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """index.html of a run with hostile names and saved frames, three of each clip spread evenly."""
    return write_page(read_results(framed), tmp_path_factory.mktemp("site"), frames=3)


@pytest.fixture(scope="session")
def bare_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """index.html of the committed run, which has no frames."""
    return write_page(read_results(STORE), tmp_path_factory.mktemp("bare"))
