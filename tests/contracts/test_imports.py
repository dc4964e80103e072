"""Imports point one way, and the light commands stay light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from colorbench.provenance import imports_of

ROOT = Path(__file__).resolve().parents[2]

# Each module may import those before it. Folders stand for all modules in them; those in one folder may import each other.
ORDER = """
errors records types compiled triton_kernels files manifest weights_file color nets truncation png images yuv
frame_source pictures video video_writer read_ahead frames shots exemplars protocol demo dataset datasets
method gray_picture metric metrics compat registry provenance footage shot_clip determinism carrying filling
median luminance truth_memo scoring remote store run_folder keeping planned_method plan unit ledger engines
runner training timecode likeness inspection results statistics summary compare gate_baseline gate
gate_command ablation ablation_table config api listing progress watching pins web_page verification weights
network_method answers downloads fetching download_progress bundle
""".split()  # noqa: SIM905 - a list of names reads better as prose

ALLOWED_PACKAGES = {
    "colorbench": {"colorbench"},
    "baselines": {"colorbench", "baselines"},
    "bistnet": {"colorbench", "bistnet"},
    "reports": {"colorbench", "reports"},
    "cli": {"colorbench", "bistnet", "reports"},
}

# compat repairs imports for whoever needs it; __init__ is the lazy public face.
ANYWHERE = {"compat", ""}


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


def layer(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


@pytest.mark.parametrize("path", [path for path in sources() if module_name(path) != "colorbench"], ids=module_name)
def test_modules_of_the_harness_import_backwards_only(path: Path) -> None:
    name = module_name(path)
    if not name.startswith("colorbench"):
        pytest.skip("not in the harness")
    own = layer(name)
    assert own in ORDER, f"give {own} its place in ORDER"
    for imported in project_imports(path):
        other = layer(imported)
        if other in ANYWHERE or other == own:
            continue
        assert ORDER.index(other) < ORDER.index(own), f"{name} imports {imported}, which comes after it"


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
