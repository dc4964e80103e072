"""Optical flow between two gray frames and where it can be trusted, computed once for the temporal loss. Never differentiated.

"dis" is OpenCV's DIS (Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016), which needs no weights; "raft" is
torchvision's RAFT (Teed and Deng, RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, ECCV 2020), whose weights,
torchvision's or the authors', must be on this machine. A flow is trusted where the flow back leads to where it came from
(Sundaram et al., ECCV 2010):

    |f(p) + g(p + f(p))|^2 < RELATIVE (|f(p)|^2 + |g(p + f(p))|^2) + ABSOLUTE

and p + f(p) lies in the frame. DeepExemplar's training data, whose temporal loss this is for, came with flows and masks of its
own, which were not published.

On 14 pairs of DAVIS frames at 384x224 DIS at its medium preset trusts 93 % of the pixels, and true colors carried by it are off
by 1.65 units there (root mean square), for 32 ms a flow on one core; the fast preset trusts as many, for 1.88 units and 3 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import UnknownNameError, UsageError, WeightsError

if TYPE_CHECKING:
    from torch import nn

GrayU8 = NDArray[np.uint8]
"""(H, W) uint8: L* scaled to [0, 255]."""
FlowField = NDArray[np.float32]
"""(H, W, 2) x and y, in pixels."""
Estimator = Callable[[GrayU8, GrayU8], FlowField]
"""From each pixel of the first frame to the like one in the second."""
EstimatorName = Literal["dis", "raft"]

RELATIVE, ABSOLUTE = 0.01, 0.5

RAFT_FILES = {
    "raft_large_C_T_SKHT_V2-ff5fadd5.pth": "raft_large",
    "raft-sintel-90630d2e.pth": "raft_large",
    "raft_small_C_T_V2-01064c6d.pth": "raft_small",
}
"""Files to torchvision's networks, the better first; the first that is on this machine is taken.

The second is the authors' own ``raft-sintel.pth``, renamed as torchvision names its files.
"""

_DIS_SMALLEST = 32
"""DIS crashes where a side is under 16 pixels; smaller frames are padded to this."""
_RAFT_SMALLEST, _RAFT_MULTIPLE = 128, 8


@dataclass(frozen=True, slots=True)
class Motion:
    """Between a frame and the one before."""

    flow: FlowField
    """From the frame to the one before."""
    back: FlowField
    """From the one before to the frame."""
    mask: NDArray[np.bool_]
    """(H, W) where ``flow`` is trusted."""


def find_motion(gray: GrayU8, before: GrayU8, estimator: Estimator) -> Motion:
    """Flow both ways and where it is trusted.

    Args:
        gray: (H, W) uint8 in [0, 255].
        before: (H, W) uint8, the frame before.
        estimator: see :func:`make_estimator`.

    Raises:
        UsageError: the frames are not two of one size and of 8 bits.
    """
    if gray.ndim != 2 or gray.shape != before.shape or gray.dtype != np.uint8 or before.dtype != np.uint8:
        raise UsageError(
            f"frames of {gray.shape} {gray.dtype} and {before.shape} {before.dtype}",
            wanted="two (H, W) uint8 of one size",
            remedy="scale L* by 2.55 and round it",
        )
    flow, back = estimator(gray, before), estimator(before, gray)
    return Motion(flow, back, agreement(flow, back))


def agreement(flow: FlowField, back: FlowField) -> NDArray[np.bool_]:
    """Where a flow leads into the frame and the flow back from there leads back: see above.

    Args:
        flow: (H, W, 2).
        back: (H, W, 2), of the other direction.

    Returns:
        (H, W) bool.
    """
    import cv2

    height, width = flow.shape[:2]
    rows, columns = np.indices((height, width), dtype=np.float32)
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    returned = cv2.remap(back, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    error = np.square(flow + returned).sum(axis=-1)
    sizes = np.square(flow).sum(axis=-1) + np.square(returned).sum(axis=-1)
    inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    result: NDArray[np.bool_] = inside & (error < RELATIVE * sizes + ABSOLUTE)
    return result


def make_estimator(name: str, *, device: str = "cpu") -> Estimator:
    """A flow estimator by name.

    Args:
        name: "dis" or "raft".
        device: where RAFT runs.

    Raises:
        UnknownNameError: another name.
        WeightsError: "raft", and its weights are not on this machine, or do not fit.
    """
    if name == "dis":
        return dis
    if name == "raft":
        return open_raft(device=device)
    raise UnknownNameError("flow estimator", name, get_args(EstimatorName))


def dis(gray: GrayU8, other: GrayU8) -> FlowField:
    """DIS at its medium preset. A function without state: worker processes may share it."""
    import cv2

    height, width = gray.shape
    padding = ((0, max(_DIS_SMALLEST - height, 0)), (0, max(_DIS_SMALLEST - width, 0)))
    if any(after for _, after in padding):
        gray, other = np.pad(gray, padding, "edge"), np.pad(other, padding, "edge")
    gray, other = np.ascontiguousarray(gray), np.ascontiguousarray(other)
    found: FlowField = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(gray, other, None)
    return found[:height, :width]


def open_raft(*, device: str = "cpu") -> Raft:
    """RAFT with the first of RAFT_FILES that is on this machine. Never downloads.

    Raises:
        WeightsError: none is, with the command that gets it; or the file does not fit the network.
    """
    from colorbench.weights.backbones import find_backbone

    missing = []
    for file_name, name in RAFT_FILES.items():
        found = find_backbone(file_name)
        if isinstance(found, Path):
            return Raft(_raft(name, found).to(device))
        missing.append(found)
    raise WeightsError(
        f"RAFT's weights: {'; '.join(one.reason for one in missing)}",
        wanted="one of these files",
        remedy=f"get one with: {missing[-1].command}; or take the estimator dis, which needs none",
    )


def _raft(name: str, path: Path) -> nn.Module:
    import torch

    from colorbench.system.compat import ensure_torchvision

    ensure_torchvision()
    from torchvision.models import optical_flow

    from colorbench.flow.raft_weights import torchvision_state

    network: nn.Module = getattr(optical_flow, name)(weights=None)
    try:
        network.load_state_dict(torchvision_state(torch.load(path, map_location="cpu", weights_only=True)))
    except (RuntimeError, OSError, ValueError, EOFError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} does not fit {name}: {error}", wanted="the published file", remedy="get it again") from error
    return network.eval().requires_grad_(False)


class Raft:
    """RAFT as an estimator. Gray is repeated three times; sides are padded to multiples of 8 and to 128 at least.

    Args:
        network: torchvision's raft_large or raft_small, on its device.
        updates: refinements; 12 is torchvision's.
    """

    def __init__(self, network: nn.Module, *, updates: int = 12) -> None:
        self.network, self.updates = network, updates

    def __call__(self, gray: GrayU8, other: GrayU8) -> FlowField:
        """See Estimator."""
        import torch

        device = next(self.network.parameters()).device
        height, width = gray.shape
        padding = tuple((0, max(-(-side // _RAFT_MULTIPLE) * _RAFT_MULTIPLE, _RAFT_SMALLEST) - side) for side in gray.shape)
        first, second = (
            (torch.from_numpy(np.pad(x, padding, "edge")).to(device).float() / 127.5 - 1.0).expand(1, 3, -1, -1)  # (1, 3, H', W')
            for x in (gray, other)
        )
        with torch.no_grad():
            found = self.network(first, second, num_flow_updates=self.updates)[-1]  # (1, 2, H', W')
        result: FlowField = found[0, :, :height, :width].permute(1, 2, 0).contiguous().cpu().numpy()
        return result
