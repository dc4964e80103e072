from __future__ import annotations

from pathlib import Path

import pytest

from colorbench.config import make_spec, parse_method, parse_pairs
from colorbench.errors import UsageError


def test_only_methods_are_needed() -> None:
    spec = make_spec({"methods": "gray"})
    assert (spec.dataset, spec.protocol, spec.out, spec.device) == ("demo", "bistnet", Path("runs/demo"), "auto")


@pytest.mark.parametrize(("given", "workers"), [(None, "auto"), ("auto", "auto"), ("4", 4), (4, 4)])
def test_workers_are_a_number_or_auto(given: object, workers: object) -> None:
    assert make_spec({"methods": "gray", "workers": given}).workers == workers


def test_methods_have_labels_variants_and_settings() -> None:
    spec = make_spec({"methods": "one=flow:single, mine=precomputed", "set": {"mine.folder": "a b"}})
    assert [(m.label, m.name, m.variant) for m in spec.methods] == [("one", "flow", "single"), ("mine", "precomputed", None)]
    assert spec.methods[1].settings == (("folder", "a b"),)


def test_a_label_may_hold_a_dot() -> None:
    spec = make_spec({"methods": "v1.2=precomputed", "set": {"v1.2.folder": "x"}})
    assert spec.methods[0].settings == (("folder", "x"),)


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('methods = ["gray", "flow"]\nseed = 3\nprotocol = "full"\n[override]\nmax_frames = 9\n')
    spec = make_spec({"protocol": "bistnet", "seed": None}, config=path)
    assert [method.name for method in spec.methods] == ["gray", "flow"]
    assert (spec.protocol, spec.seed, spec.overrides) == ("bistnet", 3, (("max_frames", "9"),))


def test_all_takes_every_method_that_needs_no_setting() -> None:
    names = [method.name for method in make_spec({"methods": "all"}).methods]
    assert {"gray", "flow"} <= set(names)
    assert "precomputed" not in names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('method = "gray"\n', "did you mean 'methods'"),
        ('methods = "gray"\ndevice = "gpu"\n', "auto, cpu, cuda"),
        ('methods = "gray"\nseed = "x"\n', "whole number"),
        ('methods = "gray"\nworkers = "many"\n', "a whole number from 1 to 65536, or auto"),
        ('methods = "gray"\nworkers = 0\n', "workers = 0"),
        ('methods = "gray"\nthreads = 0\n', "threads = 0"),
        ('methods = "gray"\nthreads = "auto"\n', "threads = 'auto'"),
        ('methods = "gray"\nengine = "dask"\n', "local, ray"),
        ('methods = "gray"\naddress = "ray://head:10001"\n', "add --engine ray"),
        ('methods = "gray"\nset = 3\n', "a table"),
        ("methods = [3]\n", "text"),
        ('methods = "gray"\nclips = 5\n', "clips = 5"),
        ("methods = true\n", "methods = True"),
        ('methods = "gray"\nmetrics = {psnr = 1}\n', "a list of names"),
        ('methods = "gray"\nout = 5\n', "out = 5"),
        ('methods = "gray"\ndataset = ["demo"]\n', "dataset = ['demo']"),
        ('methods = "gray"\nprotocol = 3\n', "put protocol in quotes"),
        ('methods = "gray"\nseed = -1\n', "seed = -1"),
        ('methods = "gray"\nseed = nan\n', "seed = nan"),
        ('methods = "gray"\nthreads = 99999999999\n', "threads = 99999999999"),
        ('methods = "gray"\nworkers = 99999999999\n', "workers = 99999999999"),
        ("methods = [\n", "valid TOML"),
        ("seed = 1\n", "no method named"),
    ],
)
def test_a_wrong_file_is_refused_with_a_remedy(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        make_spec({}, config=path)
    assert message in str(error.value)


def test_a_setting_for_no_method_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'mine'"):
        make_spec({"methods": "mine=precomputed", "set": {"mien.folder": "x"}})


@pytest.mark.parametrize("text", ["", "=gray", "gray:", "a=", ":x"])
def test_a_malformed_method_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"LABEL=\]NAME"):
        parse_method(text)


def test_a_pair_without_sign_is_refused() -> None:
    with pytest.raises(UsageError, match="KEY=VALUE"):
        parse_pairs(["folder"], flag="--set")
