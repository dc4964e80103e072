"""The frozen encoder that checkpoints leave out because it is fetched: VGG16."""

from __future__ import annotations

from torch import nn

from bistnet.network.settings import FeatureSettings
from bistnet.shipped import find_vgg16
from colorbench.errors import WeightsError
from colorbench.nets.encoders import Vgg16
from colorbench.nets.vgg16_weights import load_vgg16
from colorbench.weights.tensors import tensors_digest


def is_fetched(features: FeatureSettings) -> bool:
    """Whether the encoder of these settings lies in a file of its own, which no checkpoint repeats."""
    return features.encoder == "vgg16"


def load_encoder(features: FeatureSettings) -> Vgg16:
    """The fetched encoder of settings, from this machine.

    Raises:
        WeightsError: it is not here, or can't be read.
    """
    path = find_vgg16()
    if path is None:
        raise WeightsError(
            f"no weights of the encoder {features.encoder!r} on this machine",
            wanted="VGG16's convolutions, as torchvision names them",
            remedy="colorbench weights fetch vgg16",
        )
    return load_vgg16(path)


def identity(encoder: nn.Module) -> str:
    """SHA-256 of all its tensors, names and shapes included: one for the same weights, whatever file they were in."""
    return tensors_digest({name: tensor.detach().cpu().float().numpy() for name, tensor in encoder.state_dict().items()})
