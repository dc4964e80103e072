"""The commands as a user gives them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli import main
from colorbench.weights.manifest import WeightsEntry, load_manifest


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def one_entry(make_entry: Any, site: Any, body: bytes, monkeypatch: pytest.MonkeyPatch, root: Path) -> WeightsEntry:
    entry: WeightsEntry = make_entry(site.put("/net.pth", body))
    for module in ("fetching", "official"):
        monkeypatch.setattr(f"colorbench.weights.{module}.load_manifest", lambda: {"net": entry})
    return entry


def test_the_listing_names_size_licence_purpose_and_command(root: Path) -> None:
    text, as_json = call("weights"), call("weights", "--json")
    assert text.exit_code == as_json.exit_code == 0
    records = json.loads(as_json.stdout)
    assert len(records) == len(load_manifest())
    for record in records:
        for part in (record["name"], record["licence"], record["purpose"], record["fetch"], "MISSING"):
            assert part in text.stdout
    assert "about 244 MB" in text.stdout
    assert "129 MB" in text.stdout


def test_fetch_prints_where_it_is_and_progress_goes_to_stderr(one_entry: WeightsEntry, root: Path) -> None:
    result = call("weights", "fetch", "net")
    assert result.exit_code == 0, result.output
    assert "HERE" in result.stdout
    assert str(root / "folder/net.pth") in result.stdout
    assert "verified" in result.stderr
    assert "verified" not in result.stdout
    record = json.loads(call("weights", "fetch", "net", "--json", "--quiet").stdout)[0]
    assert (record["state"], record["pinned"]["origin"]) == ("here", "published")
    assert "HERE" in call("weights").stdout


def test_a_failed_fetch_exits_with_1_and_three_parts(one_entry: WeightsEntry, site: Any, other: bytes) -> None:
    site.put("/net.pth", other)
    result = call("weights", "fetch", "net")
    assert result.exit_code == 1
    assert result.stdout == ""
    for part in ("colorbench: net could not be had", "wanted:", "remedy:", "weights add net"):
        assert part in result.stderr


def test_add_verifies_and_copies(one_entry: WeightsEntry, root: Path, tmp_path: Path, body: bytes) -> None:
    source = tmp_path / "mine.pth"
    source.write_bytes(b"not it")
    assert call("weights", "add", "net", source).exit_code == 1
    source.write_bytes(body)
    result = call("weights", "add", "net", source, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)[0]["state"] == "here"
    path = root / "folder/net.pth"
    path.write_bytes(b"torn")
    listing = call("weights").stdout
    assert "DAMAGED" in listing
    assert "colorbench weights fetch net" in listing


@pytest.mark.parametrize("arguments", [["fetch", "nte"], ["fetch"], ["add", "net", "/nowhere"], ["add", "nte", "/nowhere"]])
def test_a_usage_error_exits_with_2(one_entry: WeightsEntry, arguments: list[str]) -> None:
    result = call("weights", *arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", [[], ["fetch"], ["add"]])
def test_every_command_has_help(command: list[str]) -> None:
    assert "Usage" in call("weights", *command, "--help").stdout


def test_the_listing_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import json, sys\nfrom colorbench.weights.official import list_weights\nlist_weights()\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    environment = {**os.environ, "COLORBENCH_CACHE": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    assert not set(json.loads(result.stdout)) & {"torch", "cv2", "numba", "pandas", "requests", "rich", "numpy"}
