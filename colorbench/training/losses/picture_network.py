"""The network that the perceptual and the contextual term look with: VGG19, or VGG16, which an ordinary package carries."""

from __future__ import annotations

from pathlib import Path

from colorbench.errors import WeightsError
from colorbench.nets.encoders import Vgg16, Vgg19
from colorbench.nets.vgg16_weights import load_vgg16
from colorbench.nets.vgg19_weights import load_vgg19
from colorbench.weights.backbones import Missing, find_backbone

FETCHED = "vgg16"


def load_picture_network(vgg: str) -> Vgg19 | Vgg16 | None:
    """The frozen network of a training's setting ``vgg``.

    Args:
        vgg: a file of VGG19's weights, see :func:`colorbench.nets.vgg19_weights.load_vgg19`; or "vgg16", which
            ``colorbench weights fetch vgg16`` brings; or nothing.

    Raises:
        WeightsError: the file can't be read or is not VGG19's; VGG16 is not on this machine.
    """
    if vgg != FETCHED:
        return load_vgg19(Path(vgg)) if vgg else None
    found = find_backbone("vgg16-397923af.pth")
    if isinstance(found, Missing):
        raise WeightsError(found.reason, wanted="VGG16's convolutions", remedy=found.command)
    return load_vgg16(found)
