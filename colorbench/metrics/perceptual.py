"""The networks behind LPIPS: a backbone cut into layers, and one weight a channel for the squared differences of each.

    d = sum over layers of mean over positions of w . (f_l(x) / (|f_l(x)| + 1e-10) - f_l(y) / (|f_l(y)| + 1e-10))^2

Zhang et al. 2018 (DOI 10.1109/CVPR.2018.00068), version 0.1 of the ``lpips`` package, whose trained weights w are read from where
it is installed. Unlike the package, one frame goes through the backbone once: the truth's normalized features can be kept and
compared with any number of predictions. The square is never expanded, which would cancel in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from colorbench.errors import UsageError
from colorbench.scoring.frame_checks import checked_frame, checked_pair
from colorbench.types import RgbFrame

if TYPE_CHECKING:
    from torch import Tensor

Net = Literal["alex", "vgg", "squeeze"]
Features = tuple["Tensor", ...]
"""(H_l * W_l, C) float32 a layer, every position of length 1."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """A torchvision network up to its last layer that LPIPS looks at."""

    model: str
    """Name of torchvision's builder."""
    file_name: str
    layers: tuple[int, ...]
    """Where each layer ends in the network's ``features``."""
    least_side: int
    """Smallest frame side that leaves a position in the last layer."""
    tensors: str = ""
    """:func:`colorbench.weights.tensors.tensors_digest` of the network's ``features``; empty where it is not known."""


_ALEXNET = "195266a4c8e96483085621ac3389a6c24f1dd0963c9ac0e001705d24ece83273"
_VGG16 = "e7a5a0521f65f1615c3aab84437b37f969539737cec5eb492c06e0321f4bdbc4"

BACKBONES: Mapping[Net, Backbone] = {
    "alex": Backbone("alexnet", "alexnet-owt-7be5be79.pth", (2, 5, 8, 10, 12), 31, _ALEXNET),
    "vgg": Backbone("vgg16", "vgg16-397923af.pth", (4, 9, 16, 23, 30), 16, _VGG16),
    "squeeze": Backbone("squeezenet1_1", "squeezenet1_1-b8a52dc0.pth", (2, 5, 8, 10, 11, 12, 13), 17),
}

_CUDA_LOCK = Lock()


class PerceptualDistance:
    """LPIPS with a given backbone; safe to call from several threads.

    Args:
        net: which backbone.
        weights: its state dict in torchvision's layout (``features.0.weight``, ...); other entries are ignored.
        device: where it runs, always in float32.

    Raises:
        UsageError: the state dict does not fit the network.
    """

    def __init__(self, net: Net, weights: Mapping[str, Tensor], *, device: str = "cpu") -> None:
        import torch

        self.net, self.device = net, torch.device(device)
        self._layers = [layer.to(self.device, memory_format=torch.channels_last) for layer in _build(net, weights)]
        self._heads = [head.to(self.device) for head in _heads(net)]
        # Version 0.1 of LPIPS scales [-1, 1] by ImageNet's statistics.
        self._shift = torch.tensor([-0.030, -0.088, -0.188], device=self.device)
        self._scale = torch.tensor([0.458, 0.448, 0.450], device=self.device)
        # Rounded once, from float64, as the package's own image reader does.
        self._levels = (np.arange(256) / 127.5 - 1.0).astype(np.float32)

    def __call__(self, truth: RgbFrame, prediction: RgbFrame) -> float:
        """The distance of two (H, W, 3) uint8 sRGB frames of one size; see :meth:`distance`."""
        truth, prediction = checked_pair(truth, prediction)
        return self.distance(self.features(truth), self.features(prediction))

    def features(self, frame: RgbFrame) -> Features:
        """Normalized features of one frame, a tensor a layer.

        Args:
            frame: (H, W, 3) uint8 in [0, 255], sRGB; each side at least the backbone's ``least_side``.

        Raises:
            UsageError: the frame is something else, or too small.
        """
        import torch

        frame = checked_frame(frame)
        least = BACKBONES[self.net].least_side
        if min(frame.shape[:2]) < least:
            raise UsageError(
                f"the frame is {frame.shape[1]}x{frame.shape[0]} pixels",
                wanted=f"at least {least}x{least} for LPIPS with {self.net}",
                remedy="score larger frames, or leave this metric out",
            )
        kept = []
        with torch.inference_mode(), _float32(self.device):
            pixels = torch.from_numpy(self._levels[frame]).to(self.device)  # (H, W, 3)
            x = ((pixels - self._shift) / self._scale).permute(2, 0, 1)[None]  # (1, 3, H, W)
            for layer in self._layers:
                x = layer(x.contiguous(memory_format=torch.channels_last))
                flat = x[0].permute(1, 2, 0).flatten(0, 1)  # (H_l * W_l, C)
                kept.append(flat / (flat.square().sum(1, keepdim=True).sqrt_() + 1e-10))
        return tuple(kept)

    def distance(self, truth: Features, prediction: Features) -> float:
        """The distance of two frames' features; 0 for equal ones, lower is better."""
        import torch

        with torch.inference_mode(), _float32(self.device):
            parts = [(a - b).square_().mean(0).dot(head) for a, b, head in zip(truth, prediction, self._heads, strict=True)]
            return float(torch.stack(parts).sum())


def _build(net: Net, weights: Mapping[str, Tensor]) -> list[Any]:
    """The backbone's layers, each a module that ends where LPIPS looks."""
    import torch

    from colorbench.system.compat import ensure_torchvision

    ensure_torchvision()
    import torchvision

    backbone = BACKBONES[net]
    with torch.device("meta"):
        features = getattr(torchvision.models, backbone.model)(weights=None).features[: backbone.layers[-1]]
    prefix = "features."
    given = {name.removeprefix(prefix): value.float() for name, value in weights.items() if name.startswith(prefix)}
    wanted = features.state_dict()
    wrong = [name for name in wanted if name not in given or given[name].shape != wanted[name].shape]
    if wrong:
        raise UsageError(
            f"the state dict does not fit {backbone.model}: {prefix}{wrong[0]} is missing or has another shape",
            wanted=f"torchvision's layout of {backbone.file_name}",
            remedy="load that file, or rename the entries",
        )
    features.load_state_dict({name: given[name] for name in wanted}, assign=True)
    features.requires_grad_(False).eval()
    starts = (0, *backbone.layers)
    return [features[start:end] for start, end in zip(starts, backbone.layers, strict=False)]


def _heads(net: Net) -> list[Tensor]:
    """Channel weights of each layer, (C,) float32, from the installed ``lpips`` package."""
    import importlib.util
    from pathlib import Path

    import torch

    spec = importlib.util.find_spec("lpips")
    if spec is None or spec.origin is None:
        raise UsageError("the lpips package is not installed", wanted="its trained weights", remedy="pip install lpips")
    heads = torch.load(Path(spec.origin).parent / "weights" / "v0.1" / f"{net}.pth", map_location="cpu", weights_only=True)
    return [heads[f"lin{i}.model.1.weight"].float().flatten() for i in range(len(BACKBONES[net].layers))]


def _float32(device: Any) -> AbstractContextManager[Any]:
    """On a GPU keeps cuDNN from rounding convolutions to TF32, which it does unless told."""
    return nullcontext() if device.type == "cpu" else _ExactConvolutions()


class _ExactConvolutions:
    """The switch is global to the process, so one thread at a time holds it."""

    def __enter__(self) -> None:
        import torch

        _CUDA_LOCK.acquire()
        self._before = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = False

    def __exit__(self, *_: object) -> None:
        import torch

        torch.backends.cudnn.allow_tf32 = self._before
        _CUDA_LOCK.release()
