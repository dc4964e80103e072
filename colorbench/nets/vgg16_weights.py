"""VGG16's convolutions, as torchvision names them, from a file of safetensors or of ``torch.save``."""

from __future__ import annotations

from pathlib import Path

from colorbench.nets.checkpoints import load_strict, read_state
from colorbench.nets.encoders import Vgg16


def load_vgg16(path: Path) -> Vgg16:
    """VGG16 with the weights of a file.

    Args:
        path: torchvision's layout (``features.0.weight``); dense layers (``classifier``) are left out.

    Raises:
        WeightsError: the file can't be read, or does not hold exactly VGG16's convolutions; it names what is missing, unexpected
            or of another shape.
    """
    state = {key: value for key, value in read_state(path).items() if not key.startswith("classifier.")}
    network = Vgg16()
    load_strict(network, state, source=path)
    return network.eval()
