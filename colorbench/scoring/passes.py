"""Which pass over the pixels runs where."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

import numpy as np

from colorbench.metric import FusedPass
from colorbench.scoring.fused import CpuPass
from colorbench.scoring.ssim_window import WINDOW


def open_pass(device: str) -> FusedPass:
    """The pass that runs where a method runs, if kernels can be compiled for that device; else the CPU's, with the same results.

    Args:
        device: as torch names it.

    Warns:
        UserWarning: Triton is there and can't compile.
    """
    if device.startswith("cuda") and find_spec("triton") is not None:
        from colorbench.scoring.gpu_pass import GpuPass

        black = np.zeros((WINDOW, WINDOW, 3), np.uint8)
        try:
            found = GpuPass(device)
            found.pairs([(black, black)])
        except Exception as error:  # noqa: BLE001 - Triton needs a C compiler, headers, a driver it knows, and fails as each of them does
            warnings.warn(f"PSNR, SSIM and CDC are computed on the CPU, as Triton does not work: {error}", stacklevel=2)
        else:
            return found
    return CpuPass()
