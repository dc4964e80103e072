"""Each repair in a process of its own, as what is imported stays imported."""

from __future__ import annotations

import subprocess
import sys

import pytest


def output_of(code: str) -> str:
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_lpips_can_be_imported_beside_a_cpu_build_of_torch() -> None:
    repair = "from colorbench.system.compat import ensure_torchvision as f; f(); f()"
    code = f"{repair}; import lpips, torchvision; print(torchvision.__name__)"
    assert output_of(code) == "torchvision\n"


def test_mmsegmentation_can_be_imported_and_builds_a_network() -> None:
    code = """
from colorbench.system.compat import ensure_mmseg
ensure_mmseg()
ensure_mmseg()
from mmseg.registry import MODELS
import mmseg.models
network = MODELS.build(dict(type="FastSCNN", norm_cfg=dict(type="BN")))
print(type(network).__name__)
"""
    assert output_of(code).splitlines()[-1] == "FastSCNN"


def test_a_compiled_operator_that_is_not_there_says_so_when_called() -> None:
    try:
        import mmcv._ext  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("mmcv is compiled here")
    code = """
from colorbench.system.compat import ensure_mmseg
from colorbench.errors import ColorbenchError
ensure_mmseg()
from mmcv import _ext
try:
    _ext.deform_conv_forward(1)
except ColorbenchError as error:
    print(error)
"""
    text = output_of(code)
    assert "'deform_conv_forward'" in text
    assert "mmcv-lite" in text
