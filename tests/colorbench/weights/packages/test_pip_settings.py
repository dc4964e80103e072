"""pip's configuration, as pip reads it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from colorbench.errors import UsageError
from colorbench.weights.packages.pip_settings import pip_settings


@pytest.fixture(autouse=True)
def nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file of this test alone."""
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("platformdirs.site_config_dir", lambda *_, **__: str(tmp_path / "site"))
    monkeypatch.setattr("sys.prefix", str(tmp_path / "prefix"))
    path = tmp_path / "pip.conf"
    path.write_text("")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(path))
    return path


def test_without_configuration_it_is_the_index_that_pip_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    settings = pip_settings()
    assert (settings.links, settings.indexes) == ((), (PYPI_SIMPLE_ENDPOINT,))


def test_files_are_read_the_commands_section_is_stronger_and_the_environment_strongest(
    nothing_configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_configured.write_text(
        "[global]\nindex-url = http://global/simple\nextra_index_url =\n  http://one/simple\n  http://two/simple\ncert = /a.pem\n"
        "[install]\nindex-url = http://install/simple\nproxy = http://proxy:1\n[list]\nindex-url = http://no/simple\n"
    )
    settings = pip_settings()
    assert settings.indexes == ("http://install/simple", "http://one/simple", "http://two/simple")
    assert settings.connection.certificates == "/a.pem"
    assert settings.connection.proxy == "http://proxy:1"
    monkeypatch.setenv("PIP_INDEX_URL", "http://environment/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://three/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels /more")
    settings = pip_settings()
    assert settings.indexes == ("http://environment/simple", "http://three/simple")
    assert settings.links == ("/wheels", "/more")


def test_the_environments_own_file_is_stronger_than_the_machines(tmp_path: Path, nothing_configured: Path) -> None:
    for folder, host in (("site", "machine"), ("prefix", "venv")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "pip.conf").write_text(f"[global]\nindex-url = http://{host}/simple\n")
    assert pip_settings().indexes == ("http://venv/simple",)
    nothing_configured.write_text("[global]\nindex-url = http://named/simple\n")
    assert pip_settings().indexes == ("http://named/simple",)


def test_what_the_command_names_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://extra/simple")
    settings = pip_settings(index_url="http://mine/simple", find_links=["/mine"])
    assert settings.links == ("/mine", "/wheels")
    assert settings.indexes == ("http://mine/simple", "http://extra/simple")


def test_no_index_means_none_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "true")
    assert pip_settings().indexes == ()
    assert pip_settings(index_url="http://mine/simple").indexes == ("http://mine/simple",)


def test_a_file_that_pip_could_not_read_is_named(nothing_configured: Path) -> None:
    nothing_configured.write_text("index-url = http://a\n")
    with pytest.raises(UsageError, match=r"pip\.conf can't be read"):
        pip_settings()
