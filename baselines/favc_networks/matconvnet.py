"""VGG19's weights from the file that FAVC reads, ``imagenet-vgg-verydeep-19.mat`` of MatConvNet."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from colorbench.errors import WeightsError


def read_vgg19(path: Path) -> dict[str, Tensor]:
    """The convolutions, as :class:`colorbench.nets.encoders.Vgg19` names and takes them; fully connected layers are left out.

    The file's kernels are (height, width, in, out) and take RGB in [0, 255] minus its means; ours are (out, in, height, width)
    and take BGR. FAVC leaves height and width as they are; some ports swap them.

    Args:
        path: a MATLAB 5 file with a cell array ``layers`` of structs that have ``name`` and ``weights``.

    Raises:
        WeightsError: it can't be read so.
    """
    from scipy.io import loadmat

    state: dict[str, Tensor] = {}
    try:
        for layer in loadmat(path, variable_names=["layers"])["layers"].ravel():
            record = layer[0, 0]
            name = str(record["name"].item()) if record["name"].size else ""
            if name.startswith("conv"):
                kernel, bias = (torch.tensor(array) for array in record["weights"].ravel()[:2])
                kernel = kernel.permute(3, 2, 0, 1)
                state[f"{name}.weight"] = (kernel.flip(1) if name == "conv1_1" else kernel).contiguous()
                state[f"{name}.bias"] = bias.ravel()
    # Cut or foreign bytes make SciPy's reader fail in any way.
    except Exception as error:
        raise WeightsError(
            f"{path} can't be read as VGG19 of MatConvNet: {type(error).__name__} {error}",
            wanted="imagenet-vgg-verydeep-19.mat",
            remedy="it may be cut short: get it again",
        ) from error
    return state
