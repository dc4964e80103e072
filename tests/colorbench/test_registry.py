from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from colorbench.errors import ColorbenchError, UnknownNameError
from colorbench.method import Method
from colorbench.registry import Registry

METHOD = """
from colorbench.types import MethodCard, Variant

class Sepia:
    card = MethodCard(name={name!r}, kind="automatic", summary="brown", variants=(Variant(name="default"),))

METHODS = (Sepia(),)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "dropin"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] in ("dropin", "elsewhere")]:
        del sys.modules[name]


def registry() -> Registry[Method]:
    return Registry("method", package="dropin", attribute="METHODS", group="colorbench.test_methods")


def test_a_dropped_file_is_registered(package: Path) -> None:
    (package / "sepia.py").write_text(METHOD.format(name="sepia"))
    assert registry().names() == ("sepia",)
    assert registry().get("sepia").card.summary == "brown"
    assert registry().module_of("sepia") == "dropin.sepia"


def test_a_file_with_a_syntax_error_is_listed_as_broken_and_hides_nothing(package: Path) -> None:
    (package / "sepia.py").write_text(METHOD.format(name="sepia"))
    (package / "bad_one.py").write_text("def colorize(:\n")
    found = registry()
    assert found.names() == ("sepia",)
    assert "SyntaxError" in found.entries["bad-one"].error
    with pytest.raises(ColorbenchError, match="SyntaxError"):
        found.get("bad-one")


def test_a_file_that_raises_on_import_is_listed_as_broken(package: Path) -> None:
    (package / "bad.py").write_text("raise OSError('no disk')\n")
    assert registry().entries["bad"].error == "OSError: no disk"


def test_a_second_method_of_one_name_is_broken_not_silently_taken(package: Path) -> None:
    (package / "a.py").write_text(METHOD.format(name="sepia"))
    (package / "b.py").write_text(METHOD.format(name="sepia"))
    found = registry()
    assert found.module_of("sepia") == "dropin.a"
    assert "already offered by dropin.a" in found.entries["sepia (dropin.b)"].error


def test_a_file_without_methods_is_not_registered(package: Path) -> None:
    (package / "parts.py").write_text("WIDTH = 3\n")
    assert registry().entries == {}


def test_an_unknown_name_suggests_the_nearest(package: Path) -> None:
    (package / "sepia.py").write_text(METHOD.format(name="sepia"))
    with pytest.raises(UnknownNameError, match="did you mean 'sepia'"):
        registry().get("sepai")


def test_an_installed_package_is_found_by_its_entry_point(package: Path) -> None:
    root = package.parent
    (root / "elsewhere.py").write_text(METHOD.format(name="outside"))
    info = root / "elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[colorbench.test_methods]\noutside = elsewhere\n")
    assert registry().names() == ("outside",)
