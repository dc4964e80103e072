from __future__ import annotations

from typing import Any

import pytest

from colorbench.config import make_spec
from colorbench.errors import UsageError
from colorbench.runs.engines import local
from colorbench.runs.engines.local import worker_count


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "thread_count", lambda: 8)
    monkeypatch.delenv("COLORBENCH_WORKERS", raising=False)


@pytest.mark.parametrize(
    ("options", "gpus", "count"),
    [
        ({}, 0, 8),
        ({"threads": 3}, 0, 2),
        ({"threads": 16}, 0, 1),
        ({}, 2, 2),
        ({"workers": 5}, 2, 5),
        ({"workers": "5"}, 0, 5),
    ],
)
def test_auto_is_what_the_machine_has(options: dict[str, Any], gpus: int, count: int) -> None:
    assert worker_count(make_spec({"methods": "gray", **options}), gpus=gpus) == count


def test_the_environment_decides_what_auto_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORBENCH_WORKERS", "3")
    assert worker_count(make_spec({"methods": "gray"}), gpus=0) == 3
    assert worker_count(make_spec({"methods": "gray", "workers": 2}), gpus=0) == 2
    monkeypatch.setenv("COLORBENCH_WORKERS", "many")
    with pytest.raises(UsageError, match="COLORBENCH_WORKERS = 'many'"):
        worker_count(make_spec({"methods": "gray"}), gpus=0)
