"""Where a number comes from: code, packages, hardware, command; and what it cost."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeGuard

PROJECT_PACKAGES = ("colorbench", "baselines", "bistnet", "reports")

_PACKAGES = (
    "colorbench",
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "opencv-python",
    "av",
    "numba",
    "lpips",
    "scikit-image",
    "mmsegmentation",
)
_PEAK_SLACK_MIB = 64.0
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "CUDA_VISIBLE_DEVICES")


def source_digest(*modules: str) -> str:
    """SHA-256 over the source of these modules and of all project modules that they import, directly or not.

    So a change of code invalidates the results that it can have touched and no others. Where a file lies is no part of it: names
    and order of modules do not count, and of an import of the project only the names that it binds do. Imports are read from the
    source, wherever in it they stand, but not those under ``if TYPE_CHECKING``, which never run. A module outside the project's
    packages counts by its own file only.
    """
    sources = sorted(filter(None, (_placeless_sha256(path) for path in _closure(modules).values())))
    return hashlib.sha256("\n".join(sources).encode()).hexdigest()


def _closure(modules: tuple[str, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    todo = list(modules)
    while todo:
        name = todo.pop()
        path = _module_path(name)
        if name in found or path is None:
            continue
        found[name] = path
        todo.extend(imported for imported in imports_of(path, for_types=False) if imported.split(".")[0] in PROJECT_PACKAGES)
    return found


@lru_cache(maxsize=512)
def imports_of(path: Path, *, for_types: bool = True) -> frozenset[str]:
    """Dotted names that a source file imports; ``from a import b`` counts as both ``a`` and ``a.b``.

    Args:
        path: of the file.
        for_types: with those under ``if TYPE_CHECKING``.
    """
    names: set[str] = set()
    todo: list[ast.AST] = [ast.parse(path.read_bytes())]
    while todo:
        node = todo.pop()
        typing_only = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        if for_types or not typing_only:
            todo.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


@lru_cache(maxsize=512)
def _module_path(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


@lru_cache(maxsize=512)
def _placeless_sha256(path: Path) -> str:
    """Hash of a source without blank lines, its imports of the project replaced by the names that they bind; "" for no code."""
    text = path.read_bytes()
    lines = text.splitlines()
    tree = ast.parse(text)
    if all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in tree.body):
        return ""
    bound: list[str] = []
    for node in ast.walk(tree):
        if _names_project(node):
            bound.extend(f"{alias.name} {alias.asname}" for alias in node.names)
            lines[node.lineno - 1 : node.end_lineno] = [b""] * ((node.end_lineno or node.lineno) - node.lineno + 1)
    kept = [line for line in lines if line.strip()]
    return hashlib.sha256(b"\n".join([*kept, *(name.encode() for name in sorted(bound))])).hexdigest()


def _names_project(node: ast.AST) -> TypeGuard[ast.ImportFrom]:
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PROJECT_PACKAGES


def collect(*, seed: int, device: str, torch_threads: int | None = None, command: Sequence[str] | None = None) -> dict[str, Any]:
    """What a result's file says about its making. JSON values only.

    Args:
        seed: of whatever was drawn.
        device: cpu or cuda.
        torch_threads: of torch, where they are set.
        command: that was given; default: this process's own.
    """
    commit, dirty = _git_state()
    return {
        "commit": commit,
        "dirty": dirty,
        "command": list(sys.argv if command is None else command),
        "seed": seed,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_mib": _memory_mib(),
        "device": _device_name(device),
        "threads": {
            **({} if torch_threads is None else {"torch": torch_threads}),
            **{name: os.environ[name] for name in _THREAD_VARIABLES if name in os.environ},
        },
        "packages": {name: _version(name) for name in _PACKAGES},
    }


@dataclass(slots=True)
class Cost:
    """What a unit took. Filled when the block of :func:`measured` ends."""

    seconds: float = 0.0
    peak_memory_mib: float | None = None
    """Peak resident memory of the process during the unit; None where the system does not tell."""
    peak_vram_mib: float | None = None


@contextmanager
def measured(device: str) -> Iterator[Cost]:
    """Measures time and peak memory of a block."""
    cost = Cost()
    resettable = _reset_peak()
    cuda = sys.modules["torch"].cuda if device == "cuda" else None
    if cuda is not None:
        cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - start
        cost.peak_memory_mib = _status_mib("VmHWM") if resettable else None
        if cuda is not None:
            cost.peak_vram_mib = cuda.max_memory_allocated() / 2**20


def _git_state() -> tuple[str | None, bool | None]:
    """Commit and dirty flag of the checkout that colorbench runs from; None for an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None, None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit, bool(_git(root, "status", "--porcelain"))
    except (OSError, subprocess.SubprocessError):
        return None, None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.strip()  # noqa: S603


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_mib() -> int | None:
    try:
        return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20)
    except (ValueError, OSError, AttributeError):
        return None


def _device_name(device: str) -> str:
    if device != "cuda":
        return device
    import torch

    if not torch.cuda.is_available():
        return device
    return f"cuda: {torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"


def _reset_peak() -> bool:
    """Sets the kernel's record of peak memory back to what is used now.

    Returns:
        Whether it did. Some systems take the request and do nothing, so the record is read again: it may then stand above
        the memory in use by what other threads freed in between, and by no more.
    """
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    peak, used = _status_mib("VmHWM"), _status_mib("VmRSS")
    return peak is not None and used is not None and peak <= used + _PEAK_SLACK_MIB


def _status_mib(field: str) -> float | None:
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(field + ":"):
            return round(int(line.split()[1]) / 1024, 1)
    return None
