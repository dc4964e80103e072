"""Imports point one way, and the light commands stay light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from colorbench.runs.provenance import imports_of

ROOT = Path(__file__).resolve().parents[2]

# The rooms of the harness, from the ground up: each may import those before it, and those beside it in a line where no circle
# comes of it. A room is a module or a folder of colorbench/.
ROOMS = """
errors types records version
files
color compat compiled registry method metric dataset
frames
nets demo
clips datasets
weights flow
scoring metrics
runs
results
training
film inspection
config api listing watching
"""
FLOORS = {room: floor for floor, rooms in enumerate(ROOMS.split("\n")) for room in rooms.split()}

ALLOWED_PACKAGES = {
    "colorbench": {"colorbench"},
    "baselines": {"colorbench", "baselines"},
    "bistnet": {"colorbench", "bistnet"},
    "reports": {"colorbench", "reports"},
    "cli": {"colorbench", "bistnet", "reports"},
}


def sources() -> list[Path]:
    packages = ("colorbench", "baselines", "bistnet", "reports")
    return [ROOT / "cli.py", *(path for package in packages for path in sorted((ROOT / package).rglob("*.py")))]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def project_imports(path: Path) -> set[str]:
    known = {module_name(source) for source in sources()}
    return {name for name in imports_of(path) if name in known}


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_packages_import_only_what_their_layer_allows(path: Path) -> None:
    package = module_name(path).split(".")[0]
    used = {name.split(".")[0] for name in project_imports(path)}
    assert used <= ALLOWED_PACKAGES[package] | {package}


MOVING = {
    "colorbench.weights.manifest": "weights",
    "colorbench.weights.pins": "weights",
    "colorbench.weights.web_page": "weights",
    "colorbench.weights.verification": "weights",
    "colorbench.weights.answers": "weights",
    "colorbench.weights.downloads": "weights",
    "colorbench.weights.fetching": "weights",
    "colorbench.weights.download_progress": "weights",
    "colorbench.weights.trained_file": "weights",
    "colorbench.weights.backbones": "weights",
    "colorbench.weights.network_method": "weights",
    "colorbench.flow.carrying": "flow",
    "colorbench.flow.filling": "flow",
    "colorbench.flow.optical_flow": "flow",
    "colorbench.scoring.truth_memo": "scoring",
    "colorbench.scoring.median": "scoring",
    "colorbench.scoring.luminance": "scoring",
    "colorbench.scoring.triton_kernels": "scoring",
    "colorbench.scoring.fused": "scoring",
    "colorbench.scoring.gpu_pass": "scoring",
    "colorbench.scoring.frame_checks": "scoring",
    "colorbench.runs.engines.bench": "runs",
    "colorbench.runs.engines.cluster": "runs",
    "colorbench.runs.engines.contract": "runs",
    "colorbench.runs.engines.in_process": "runs",
    "colorbench.runs.engines.local": "runs",
    "colorbench.runs.engines.node": "runs",
    "colorbench.runs.engines.processes": "runs",
    "colorbench.runs.engines.worker": "runs",
    "colorbench.runs.plan": "runs",
    "colorbench.runs.planned_method": "runs",
    "colorbench.runs.unit": "runs",
    "colorbench.runs.runner": "runs",
    "colorbench.runs.ledger": "runs",
    "colorbench.runs.store": "runs",
    "colorbench.runs.run_folder": "runs",
    "colorbench.runs.remote": "runs",
    "colorbench.runs.keeping": "runs",
    "colorbench.runs.provenance": "runs",
    "colorbench.runs.determinism": "runs",
    "colorbench.runs.progress": "runs",
    "colorbench.results.summary": "results",
    "colorbench.results.statistics": "results",
    "colorbench.results.compare": "results",
    "colorbench.results.gate": "results",
    "colorbench.results.gate_baseline": "results",
    "colorbench.results.gate_command": "results",
    "colorbench.results.ablation": "results",
    "colorbench.results.ablation_table": "results",
    "colorbench.results.bundle": "results",
}


def room(name: str) -> str:
    return MOVING.get(name, name.split(".")[1] if "." in name else "")


@pytest.mark.parametrize("path", [path for path in sources() if module_name(path).startswith("colorbench.")], ids=module_name)
def test_rooms_of_the_harness_import_downwards_only(path: Path) -> None:
    name = module_name(path)
    assert room(name) in FLOORS, f"give {room(name)} its place in ROOMS"
    for imported in project_imports(path) - {"colorbench"}:
        assert FLOORS[room(imported)] <= FLOORS[room(name)], f"{name} imports {imported}, which lies above it"


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
