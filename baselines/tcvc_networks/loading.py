"""The authors' file to a network: read without running what is in it, loaded strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from baselines.tcvc_networks.flownet2 import FlowNet2
from baselines.tcvc_networks.flows import EstimatedFlow
from baselines.tcvc_networks.network import Tcvc
from colorbench.flow.optical_flow import make_estimator
from colorbench.nets.checkpoints import load_strict, read_state

FlowName = Literal["flownet2", "raft", "dis"]


def build_released() -> Tcvc:
    """The released network with random weights."""
    return Tcvc(FlowNet2())


def load_released(path: Path, *, flow: FlowName = "flownet2", device: str = "cpu") -> Tcvc:
    """The released network, in evaluation.

    Args:
        path: ``80000_G.pth``, one state dict of all its networks, FlowNet2 among them.
        flow: "flownet2" is the file's own; "raft" and "dis" take its place after the file was loaded whole.
        device: where RAFT runs.

    Raises:
        WeightsError: the file can't be read, or doesn't hold exactly what the network has; or RAFT's weights are missing.
    """
    network = build_released()
    load_strict(network, read_state(path), source=path)
    if flow != "flownet2":
        network.flow = EstimatedFlow(make_estimator(flow, device=device))
    return network.eval()
