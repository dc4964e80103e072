from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from colorbench.runs import provenance
from colorbench.runs.provenance import collect, measured, source_digest


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {"main": "def f():\n    from fakeproject import part\n", "part": "X = 1\n", "other": "Y = 1\n"}.items():
        folder = tmp_path / "fakeproject"
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").write_text("")
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(provenance, "PROJECT_PACKAGES", ("fakeproject",))
    return tmp_path / "fakeproject"


def fresh_digest() -> str:
    for cached in (provenance.imports_of, provenance._module_path, provenance._placeless_sha256):
        cached.cache_clear()
    for name in [name for name in sys.modules if name.startswith("fakeproject")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    return source_digest("fakeproject.main")


def test_the_source_digest_changes_with_what_is_imported_and_with_nothing_else(project: Path) -> None:
    before = fresh_digest()
    (project / "other.py").write_text("Y = 2\n")
    assert fresh_digest() == before
    (project / "part.py").write_text("X = 2\n")
    assert fresh_digest() != before


def test_what_is_imported_for_type_checkers_alone_does_not_count(project: Path) -> None:
    (project / "part.py").write_text("if TYPE_CHECKING:\n    from fakeproject import other\n")
    before = fresh_digest()
    (project / "other.py").write_text("Y = 2\n")
    assert fresh_digest() == before
    assert "fakeproject.other" in provenance.imports_of(project / "part.py")


def test_where_a_file_lies_is_no_part_of_the_digest(project: Path) -> None:
    before = fresh_digest()
    (project / "room").mkdir()
    (project / "room" / "__init__.py").write_text('"""A room."""\n')
    (project / "part.py").rename(project / "room" / "part.py")
    (project / "main.py").write_text("def f():\n    from fakeproject.room import part\n")
    assert fresh_digest() == before
    (project / "room" / "part.py").write_text("X = 2\n")
    assert fresh_digest() != before


def test_another_name_from_a_module_changes_the_digest(project: Path) -> None:
    (project / "main.py").write_text("from fakeproject.part import X\n")
    before = fresh_digest()
    (project / "main.py").write_text("from fakeproject.part import Y as X\n")
    assert fresh_digest() != before


def test_the_progress_bar_and_the_workers_are_not_part_of_a_result() -> None:
    assert "colorbench.runs.progress" not in provenance._closure(("colorbench.scoring.clip_scores", "colorbench.clips.footage"))
    assert "colorbench.runs.engines.processes" not in provenance._closure(
        ("colorbench.scoring.clip_scores", "colorbench.clips.footage")
    )
    assert "colorbench.frames.opening" in provenance._closure(("colorbench.clips.footage",))


def test_provenance_is_json_and_names_code_packages_and_hardware() -> None:
    record = json.loads(json.dumps(collect(seed=3, device="cpu")))
    assert record["seed"] == 3
    assert record["packages"]["torch"]
    assert record["processor"]
    assert record["cores"] >= 1


PEAKS = """
import json
import numpy as np
from colorbench.runs.provenance import measured
with measured("cpu") as big:
    np.ones(40_000_000).sum()
with measured("cpu") as small:
    pass
print(json.dumps([big.peak_memory_mib, small.peak_memory_mib, big.seconds]))
"""


def test_cost_has_the_peak_of_the_block_not_of_the_process() -> None:
    # A process of its own: here the allocator may hold more free memory than the block takes.
    done = subprocess.run([sys.executable, "-c", PEAKS], check=True, capture_output=True, text=True)
    big, small, seconds = json.loads(done.stdout)
    if big is None or small is None:
        pytest.skip("the system does not tell peak memory")
    assert big > small + 200
    assert seconds > 0


@pytest.mark.parametrize(("peak", "told"), [(2178.8, False), (420.0, True)])
def test_a_peak_that_the_system_did_not_set_back_is_not_told(monkeypatch: pytest.MonkeyPatch, peak: float, told: bool) -> None:
    monkeypatch.setattr(provenance, "_status_mib", {"VmHWM": peak, "VmRSS": 400.0}.get)
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: 1)
    with measured("cpu") as cost:
        pass
    assert (cost.peak_memory_mib == peak) if told else (cost.peak_memory_mib is None)
