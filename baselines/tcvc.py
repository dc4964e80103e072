"""TCVC (Liu et al., Temporally Consistent Video Colorization, 2021), written from its published facts.

Anchor frames are colored by an image network; its features are carried to the frames between them, from both sides.
docs/design/tcvc-deepremaster.md says what was compared with the authors' code and what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorbench.errors import UsageError
from colorbench.types import MethodCard, Setting, Variant

if TYPE_CHECKING:
    from baselines.tcvc_networks.coloring import ReleasedColorizer, Working
    from baselines.tcvc_networks.loading import FlowName

WEIGHTS = "tcvc"
"""In the manifest of weights."""

FILE = "80000_G.pth"
"""All networks in one state dict, FlowNet2 and the image network among them: the entry ``tcvc-pretrained`` is not needed."""

FLOWS: tuple[FlowName, ...] = ("flownet2", "raft", "dis")

LONGEST = 199
"""Most frames between two anchors; 33.5 MB of features each at the released width and size."""


@dataclass(frozen=True, slots=True)
class TcvcMethod:
    """The registered method."""

    card: MethodCard

    def unavailable(self, variant: str) -> str:  # noqa: ARG002
        """See Method."""
        from colorbench.weights import weights_missing

        return weights_missing(WEIGHTS)

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:
        """See Method. The file, and whose flow it is.

        Raises:
            UsageError: a setting means nothing.
        """
        from colorbench.digest import file_digest
        from colorbench.weights import require_weights

        parse_working(settings)
        weights = "no weights" if self.unavailable(variant) else file_digest(require_weights(WEIGHTS, FILE))
        return f"{weights} flow {_flow_identity(parse_flow(settings))}"

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> ReleasedColorizer:  # noqa: ARG002
        """See Method.

        Raises:
            UsageError: a setting means nothing.
            WeightsError: its weights, or those of the flow, are not on this machine, damaged or others.
        """
        from baselines.tcvc_networks.coloring import ReleasedColorizer
        from baselines.tcvc_networks.loading import load_released
        from colorbench.weights import require_weights

        working, flow = parse_working(settings), parse_flow(settings)
        network = load_released(require_weights(WEIGHTS, FILE), flow=flow, device=device)
        return ReleasedColorizer(network, working=working, device=device)


def parse_working(settings: Mapping[str, str]) -> Working:
    """Settings as text to Working.

    Raises:
        UsageError: a value that is none.
    """
    from baselines.tcvc_networks.coloring import Working

    text = settings["intervals"]
    intervals = [int(part) if part.isascii() and part.isdigit() else -1 for part in text.split(",")]
    if not all(0 <= interval <= LONGEST for interval in intervals):
        raise UsageError(
            f"intervals = {text!r}",
            wanted=f"numbers of frames between anchors, 0 to {LONGEST}, such as 17 or 17,19",
            remedy="change intervals",
        )
    return Working(intervals=tuple(intervals))


def parse_flow(settings: Mapping[str, str]) -> FlowName:
    """The setting ``flow``.

    Raises:
        UsageError: there is no such flow.
    """
    for name in FLOWS:
        if name == settings["flow"]:
            return name
    raise UsageError(f"flow = {settings['flow']!r}", wanted=f"one of {', '.join(FLOWS)}", remedy="change flow")


def _flow_identity(flow: FlowName) -> str:
    """What a flow's numbers depend on beside the code and the file of weights."""
    if flow == "dis":
        import cv2

        return f"dis {cv2.__version__}"
    if flow == "raft":
        from pathlib import Path

        from colorbench.digest import file_digest
        from colorbench.metrics.backbones import find_backbone
        from colorbench.training.optical_flow import RAFT_FILES

        found = (find_backbone(name) for name in RAFT_FILES.values())
        return f"raft {next((file_digest(path) for path in found if isinstance(path, Path)), 'no weights')}"
    return flow


METHODS = (
    TcvcMethod(
        MethodCard(
            name="tcvc",
            kind="automatic",
            summary="TCVC, features of frames colored by themselves carried to those between, from both sides",
            variants=(
                Variant(
                    name="official",
                    summary="the authors' weights and preparation",
                    trained_on=("davis-train", "videvo-train", "imagenet"),
                    weights="the authors' 80000_G.pth (no licence stated)",
                ),
            ),
            licence="none stated",
            paper="Liu et al., Temporally Consistent Video Colorization, 2021, arXiv 2110.04562",
            devices=("cpu", "cuda"),
            settings=(
                Setting(
                    name="intervals",
                    summary="frames between two anchors; several, such as the authors' 17,19, are run one by one and averaged",
                    default="17",
                ),
                Setting(
                    name="flow",
                    summary="flownet2: the file's own; raft: torchvision's, if its weights are here; dis: OpenCV's, without any",
                    default="flownet2",
                ),
            ),
        )
    ),
)
