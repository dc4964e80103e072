"""What dropped-in code raises ends neither a run nor a listing, sys.exit(0) least of all."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import colorbench
from colorbench import listing, registry
from colorbench.errors import ColorbenchError, ForeignError, UsageError
from colorbench.method import GrayClip
from colorbench.registry import METRICS, Entry, Registry
from colorbench.system.foreign import contained
from colorbench.types import Exemplar, MethodCard, RgbFrame, Variant

ENDINGS = [SystemExit(0), SystemExit("bye"), asyncio.CancelledError(), BaseException("bare"), RuntimeError("plain")]


@pytest.mark.parametrize("error", ENDINGS, ids=repr)
def test_whatever_is_raised_becomes_an_error_that_names_whose_it_is(error: BaseException) -> None:
    with pytest.raises(ForeignError, match=f"method 'mine' raised {type(error).__name__}") as found, contained("method 'mine'"):
        raise error
    assert found.value.__cause__ is error
    assert found.value.exit_code == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UsageError("wrong")], ids=repr)
def test_the_users_own_interrupt_and_our_errors_pass(error: BaseException) -> None:
    with pytest.raises(type(error)) as found, contained("it"):
        raise error
    assert found.value is error


def test_plain_exceptions_may_be_left_to_others() -> None:
    with pytest.raises(RuntimeError), contained("it", exits_only=True):
        raise RuntimeError
    with pytest.raises(ForeignError), contained("it", exits_only=True):
        sys.exit(0)


class Leaving:
    """A method that ends the program in the step that is named."""

    def __init__(self, step: str, code: object) -> None:
        self.card = MethodCard(name="leaving", kind="control", summary="", variants=(Variant(name="default"),))
        self.step, self.code = step, code

    def _at(self, step: str) -> None:
        if step == self.step:
            sys.exit(self.code)  # type: ignore[arg-type]

    def unavailable(self, variant: str) -> str:
        self._at("unavailable")
        return ""

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:
        self._at("fingerprint")
        return ""

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> Leaving:
        self._at("load")
        return self

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        self._at("colorize")
        for index in range(len(clip)):
            if index == 3:
                self._at("frame")
            yield clip.merge(index, np.zeros((clip.height, clip.width, 2), np.float32))


@pytest.fixture
def run(make_clips: Callable[..., Path], tmp_path: Path) -> Callable[..., Any]:
    root = make_clips(one=8)

    def go(*methods: str, metrics: Sequence[str] = ("psnr",)) -> Any:
        return colorbench.run(
            list(methods), dataset="folder", data_root=root, protocol="full", metrics=metrics, out=tmp_path / "run"
        )

    return go


def offer(monkeypatch: pytest.MonkeyPatch, kind: Registry[Any], name: str, item: Any) -> None:
    monkeypatch.setitem(kind.entries, name, Entry(name=name, module=__name__, item=item))


@pytest.mark.parametrize("step", ["load", "colorize", "frame"])
@pytest.mark.parametrize("code", [0, "bye"])
def test_a_method_that_exits_fails_its_unit_and_no_other(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, step: str, code: object
) -> None:
    offer(monkeypatch, registry.METHODS, "leaving", Leaving(step, code))
    result = run("leaving", "gray")
    assert not result.complete
    assert [(record.label, record.error) for record in result.outcome.failures] == [("leaving", f"SystemExit: {code}")]
    assert result.table.psnr["gray"] > 0


@pytest.mark.parametrize("step", ["unavailable", "fingerprint"])
def test_a_method_that_exits_in_the_plan_is_an_error(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    offer(monkeypatch, registry.METHODS, "leaving", Leaving(step, 0))
    with pytest.raises(ForeignError, match="method 'leaving' raised SystemExit: 0"):
        run("leaving")


def test_a_metric_that_exits_in_its_thread_fails_the_unit(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    psnr = METRICS.get("psnr")

    class Exiting:
        card = psnr.card

        def unavailable(self) -> str:
            return ""

        def open(self, *, device: str) -> Exiting:
            return self

        def score_frame(self, pair: object) -> float:
            sys.exit(0)

    offer(monkeypatch, registry.METRICS, "psnr", Exiting())
    result = run("gray")
    assert [record.error for record in result.outcome.failures] == ["SystemExit: 0"]


def test_a_dataset_that_exits_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Exiting:
        card = registry.DATASETS.get("folder").card

        def missing(self, root: Path | None) -> str:
            sys.exit(0)

        def clips(self, root: Path | None, *, split: str | None = None) -> tuple[()]:
            return ()

    offer(monkeypatch, registry.DATASETS, "mine", Exiting())
    with pytest.raises(ColorbenchError, match="dataset 'mine' raised SystemExit"):
        colorbench.run(["gray"], dataset="mine", data_root=tmp_path, out=tmp_path / "run")
    monkeypatch.setenv("COLORBENCH_DATA", str(tmp_path))
    records = {record["name"]: record["error"] for record in listing.list_datasets()}
    assert records["mine"].startswith("dataset 'mine' raised SystemExit")
    assert records["davis"] == ""


def test_a_method_that_exits_when_asked_whether_it_can_run_is_listed_with_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, registry.METHODS, "leaving", Leaving("unavailable", 0))
    records = {record["name"]: record["error"] for record in listing.list_methods()}
    assert records["leaving"] == "method 'leaving' raised SystemExit: 0"
    assert records["gray"] == ""


@pytest.mark.parametrize("line", ["import sys; sys.exit(0)", "raise BaseException('bare')", "METHODS = 3", "METHODS = (3,)"])
def test_a_file_that_exits_at_its_import_is_listed_as_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    package = tmp_path / "dropped_in"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "bad_one.py").write_text(line)
    (package / "good.py").write_text("import types\nMETHODS = (types.SimpleNamespace(card=types.SimpleNamespace(name='good')),)")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("dropped_in")]:
        monkeypatch.delitem(sys.modules, name)
    found: Registry[Any] = Registry("method", package="dropped_in", attribute="METHODS", group="colorbench.none")
    assert found.names() == ("good",)
    assert found.entries["bad-one"].error
    with pytest.raises(ColorbenchError, match="can't be used"):
        found.get("bad-one")
