"""The examples of the "add a ..." pages are complete files that work."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from colorbench.registry import Registry

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "fromdocs"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.startswith("fromdocs")]:
        del sys.modules[name]


@pytest.mark.parametrize(("kind", "name"), [("method", "tint"), ("metric", "mae"), ("dataset", "ours")])
def test_the_example_file_registers(package: Path, kind: str, name: str) -> None:
    example = re.search(r"```python\n(.*?)```", (ROOT / f"docs/add-a-{kind}.md").read_text(), re.DOTALL)
    assert example
    (package / "example.py").write_text(example[1])
    registry: Registry[object] = Registry(kind, package="fromdocs", attribute=f"{kind.upper()}S", group="colorbench.none")
    assert registry.entries[name].error == ""


def test_the_example_method_colors(package: Path) -> None:
    example = re.search(r"```python\n(.*?)```", (ROOT / "docs/add-a-method.md").read_text(), re.DOTALL)
    assert example
    (package / "example.py").write_text(example[1])
    import fromdocs.example  # type: ignore[import-not-found]

    class Clip:
        height, width = 4, 6

        def __len__(self) -> int:
            return 3

        def merge(self, index: int, ab: np.ndarray) -> np.ndarray:
            return ab

    colorizer = fromdocs.example.Tint().load(variant="default", device="cpu", settings={"b": "20"})
    frames = list(colorizer.colorize(Clip(), ()))
    assert len(frames) == 3
    assert frames[0][0, 0].tolist() == [0, 20]
