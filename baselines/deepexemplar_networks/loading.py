"""The authors' files to a network: read without running what is in them, loaded strictly."""

from __future__ import annotations

from pathlib import Path

from baselines.deepexemplar_networks.colorvidnet import from_released
from baselines.deepexemplar_networks.recurrence import DeepExemplar
from colorbench.nets.checkpoints import load_strict, read_state
from colorbench.nets.encoders import Vgg19


def load_released(*, warp: Path, color: Path, vgg: Path) -> DeepExemplar:
    """The released network.

    Args:
        warp: ``nonlocal_net_iter_76000.pth``, 43 entries.
        color: ``colornet_iter_76000.pth``, 65 entries.
        vgg: ``vgg19_conv.pth``, 32 entries.

    Raises:
        WeightsError: a file can't be read, or doesn't hold exactly what its network has.
    """
    network = DeepExemplar(Vgg19())
    load_strict(network.encoder, read_state(vgg), source=vgg)
    load_strict(network.warp, read_state(warp), source=warp)
    load_strict(network.color, from_released(read_state(color)), source=color)
    return network.eval()
