"""Imports point one way, and the light commands stay light."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from colorbench.runs.provenance import imports_of

ROOT = Path(__file__).resolve().parents[2]

# The rooms of the harness, from the ground up: each may import those before it, and those beside it in a line where no circle
# comes of it. A room is a module or a folder of colorbench/.
ROOMS = """
errors types records version
files system
color registry method metric dataset
frames
nets demo
clips datasets
weights flow
scoring metrics
runs
results
training
film inspection
config api listing watching commands
"""
FLOORS = {room: floor for floor, rooms in enumerate(ROOMS.split("\n")) for room in rooms.split()}

ALLOWED_PACKAGES = {
    "colorbench": {"colorbench"},
    "baselines": {"colorbench", "baselines"},
    "bistnet": {"colorbench", "bistnet"},
    "reports": {"colorbench", "reports"},
    "cli": {"colorbench", "bistnet", "reports"},
}


@cache
def sources() -> list[Path]:
    packages = ("colorbench", "baselines", "bistnet", "reports")
    return [ROOT / "cli.py", *(path for package in packages for path in sorted((ROOT / package).rglob("*.py")))]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def known_modules() -> frozenset[str]:
    return frozenset(module_name(source) for source in sources())


def project_imports(path: Path) -> frozenset[str]:
    return imports_of(path) & known_modules()


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_packages_import_only_what_their_layer_allows(path: Path) -> None:
    package = module_name(path).split(".")[0]
    used = {name.split(".")[0] for name in project_imports(path)}
    assert used <= ALLOWED_PACKAGES[package] | {package}


def room(name: str) -> str:
    """The folder or module of a package that a module lies in; of a package's own face, nothing."""
    return name.split(".")[1] if "." in name else ""


@pytest.mark.parametrize("path", [path for path in sources() if module_name(path).startswith("colorbench.")], ids=module_name)
def test_rooms_of_the_harness_import_downwards_only(path: Path) -> None:
    name = module_name(path)
    assert room(name) in FLOORS, f"give {room(name)} its place in ROOMS"
    for imported in project_imports(path) - {"colorbench"}:
        assert FLOORS[room(imported)] <= FLOORS[room(name)], f"{name} imports {imported}, which lies above it"


def test_no_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter({module_name(path): project_imports(path) - {module_name(path)} for path in sources()}).prepare()


@pytest.mark.parametrize("package", ["colorbench", "bistnet", "reports"])
def test_no_rooms_import_each_other_in_a_circle(package: str) -> None:
    arrows: dict[str, set[str]] = {}
    for path in (path for path in sources() if module_name(path).startswith(f"{package}.")):
        own = room(module_name(path))
        inside = {room(name) for name in project_imports(path) if name.startswith(f"{package}.")}
        arrows.setdefault(own, set()).update(inside - {own})
    TopologicalSorter(arrows).prepare()


def test_every_room_says_what_it_is_for() -> None:
    for path in sources():
        if path.name == "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_bytes())), path


def test_reports_compute_no_metric() -> None:
    for path in (ROOT / "reports").rglob("*.py"):
        assert not any(name.startswith("colorbench.metrics") for name in project_imports(path))


def loaded_by(statement: str) -> set[str]:
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    return set(json.loads(result.stdout.splitlines()[-1]))


def test_importing_colorbench_loads_no_torch() -> None:
    assert not loaded_by("import colorbench") & {"torch", "cv2", "numba", "pandas"}


@pytest.mark.parametrize("listing", ["list_methods", "list_protocols", "list_datasets"])
def test_listings_load_nothing_heavy(listing: str) -> None:
    assert not loaded_by(f"from colorbench.listing import *; {listing}()") & {"torch", "cv2", "numba", "pandas", "skimage"}


def test_listing_metrics_loads_no_torch() -> None:
    assert not loaded_by("from colorbench.listing import *; list_metrics()") & {"torch", "cv2", "pandas"}
