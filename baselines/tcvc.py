"""TCVC (Liu et al., Temporally Consistent Video Colorization, 2021), written from its published facts.

Anchor frames are colored by an image network; its features are carried to the frames between them, from both sides.
docs/design/tcvc-deepremaster.md says what was compared with the authors' code and what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.compact_networks.shipped import compact_trainable, compact_way
from colorbench.errors import UsageError
from colorbench.training.trainable import OpenTask
from colorbench.types import MethodCard, NetworkFacts, Setting, Variant
from colorbench.weights.network_method import NetworkMethod, Settings, released

if TYPE_CHECKING:
    from baselines.tcvc_networks.coloring import Working
    from baselines.tcvc_networks.loading import FlowName
    from colorbench.method import Colorizer

WEIGHTS = "tcvc"
"""In the manifest of weights."""

FILE = "80000_G.pth"
"""All networks in one state dict, FlowNet2 and the image network among them: the entry ``tcvc-pretrained`` is not needed."""

FLOWS: tuple[FlowName, ...] = ("flownet2", "raft", "dis")

LONGEST = 199
"""Most frames between two anchors; 33.5 MB of features each at the released width and size."""


def _official(device: str, settings: Settings) -> Colorizer:
    from baselines.tcvc_networks.coloring import ReleasedColorizer
    from baselines.tcvc_networks.loading import load_released
    from colorbench.weights.official import require_weights

    network = load_released(require_weights(WEIGHTS, FILE), flow=parse_flow(settings), device=device)
    return ReleasedColorizer(network, working=parse_working(settings), device=device)


def _compact(path: Path, device: str) -> Colorizer:
    from baselines.tcvc_networks.compact import CompactColorizer, load_compact

    return CompactColorizer(load_compact(path), device=device)


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


def _check(settings: Settings) -> None:
    parse_working(settings)
    parse_flow(settings)


def _flow_identity(flow: FlowName) -> str:
    """What a flow's numbers depend on beside the code and the file of weights."""
    if flow == "dis":
        import cv2

        return f"flow dis {cv2.__version__}"
    if flow == "raft":
        from colorbench.files.digest import file_digest
        from colorbench.flow.optical_flow import RAFT_FILES
        from colorbench.weights.backbones import find_backbone

        found = (find_backbone(name) for name in RAFT_FILES)
        return f"flow raft {next((file_digest(path) for path in found if isinstance(path, Path)), 'no weights')}"
    return f"flow {flow}"


METHODS = (
    NetworkMethod(
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
                    networks=(
                        NetworkFacts(
                            name="Tcvc",
                            build="baselines.tcvc_networks.loading:build_released",
                            parameters=198_381_166,
                            entries=349,
                        ),
                    ),
                ),
                Variant(
                    name="compact",
                    summary="the same design small, trained by this project; its anchors are idc:compact's, its flow DIS",
                    trained_on=("davis", "bsds500"),
                    weights="in the package",
                    networks=(
                        NetworkFacts(
                            name="Tcvc", build="baselines.tcvc_networks.compact:build_compact", parameters=1_780_565, entries=127
                        ),
                    ),
                ),
            ),
            licence="none stated",
            paper="Liu et al., Temporally Consistent Video Colorization, 2021, arXiv 2110.04562",
            devices=("cpu", "cuda"),
            settings=(
                Setting(
                    name="intervals",
                    summary="official: frames between two anchors; several, as the authors' 17,19, are run apart and averaged",
                    default="17",
                ),
                Setting(
                    name="flow",
                    summary="official: flownet2, the file's own; raft, torchvision's, if its weights are here; dis, OpenCV's",
                    default="flownet2",
                ),
            ),
        ),
        {
            "official": released(WEIGHTS, FILE, load=_official, beside=lambda settings: _flow_identity(parse_flow(settings))),
            "compact": compact_way("tcvc", _compact, beside=lambda: _flow_identity("dis")),
        },
        check=_check,
    ),
)


def _task() -> tuple[type[Any], OpenTask]:
    from baselines.tcvc_networks.training import TrainingSettings, open_task

    return TrainingSettings, lambda settings, data, seed: open_task(settings, data, seed, card=METHODS[0].card)


TRAINABLES = (compact_trainable(METHODS[0].card, _task),)
