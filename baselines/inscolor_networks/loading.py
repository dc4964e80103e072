"""The authors' files to networks: read without running what is in them, loaded strictly.

The authors load with ``strict=False``, and the fusion's file has ``module.`` before every name: where it is not removed, as in
their code without DataParallel, random weights stay and the result is gray.
"""

from __future__ import annotations

from pathlib import Path

from baselines.inscolor_networks.coloring import Networks
from baselines.inscolor_networks.colornet import ColorNet
from baselines.inscolor_networks.fusion import FusionNet
from colorbench.nets.checkpoints import load_strict, read_state


def load_released(*, instances: Path, fusion: Path, alone: Path) -> Networks:
    """The released networks.

    Args:
        instances: ``latest_net_G.pth``, 107 entries.
        fusion: ``latest_net_GF.pth``, 275 entries.
        alone: ``latest_net_GComp.pth``, 107 entries.

    Raises:
        WeightsError: a file can't be read, or doesn't hold exactly what its network has.
    """
    networks = Networks(ColorNet(), FusionNet(), ColorNet())
    for network, path in ((networks.instances, instances), (networks.fusion, fusion), (networks.alone, alone)):
        load_strict(network, read_state(path), source=path)
        network.eval()
    return networks
