"""What the mixed expert block is made of: frozen networks that turn luminance into maps.

A network takes (N, 1, H, W) L* and gives (N, C, H, W); it may be trained. ``FrozenExpert`` makes it an expert: it never trains,
runs in passes of bounded size, and knows whether its weights were ever trained.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from colorbench.errors import UsageError

Kind = Literal["semantic", "edge", "mixed"]

MINIMUM_SIDE = 32
"""Smaller frames are padded to this by replication and the maps cropped: HED pools four times, HRNet's last branch is at 1/32."""

MAX_PIXELS = 4 * 384 * 224
"""Pixels of one pass through a network: HRNet-W48 takes about 80 MB of memory for 384x224 of them."""


class Expert(Protocol):
    """Part of the mixed expert block (MEB). The channels of a semantic expert are its classes."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> Kind: ...

    @property
    def channels(self) -> int: ...

    @property
    def trained(self) -> bool:
        """False: the weights are random, and nothing computed with them may be scored without saying so."""
        ...

    @property
    def identity(self) -> str:
        """64 hexadecimal digits that change with anything that changes the maps: network, settings, weights."""
        ...

    def __call__(self, l_star: Tensor) -> Tensor:
        """(N, 1, H, W) L* in [0, 100] -> (N, channels, H, W) in [0, 1], of the same size and without a gradient."""
        ...


class FrozenExpert(nn.Module):
    """A network as an expert.

    Args:
        network: (N, 1, H, W) L* -> (N, channels, H, W), for sides of at least MINIMUM_SIDE.
        name: as in ``build_expert``.
        kind: "semantic" or "edge".
        channels: of its output.
        trained: whether its weights come from training.
        settings: everything but the name and the weights that decides the maps; part of ``identity``.
        max_pixels: of one pass; at least one frame is passed.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        kind: Kind,
        channels: int,
        trained: bool,
        settings: Mapping[str, str] | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.name, self.kind, self.channels, self.trained = name, kind, channels, trained
        self.settings = dict(settings or {})
        self.max_pixels = max_pixels
        self._identity = ""
        self.eval()

    def train(self, mode: bool = True) -> FrozenExpert:  # noqa: ARG002 - an expert is a tool of the network, not a part of it
        """Stays in evaluation mode, whatever contains it."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, l_star: Tensor) -> Tensor:
        """Maps of gray frames.

        Args:
            l_star: (N, 1, H, W) float in [0, 100], any size.

        Returns:
            (N, channels, H, W) in [0, 1], in the precision and on the device of the weights.

        Raises:
            UsageError: the shape or type is something else.
        """
        if l_star.ndim != 4 or l_star.shape[1] != 1 or not l_star.is_floating_point() or not l_star.numel():
            raise UsageError(
                f"expert {self.name} was given {tuple(l_star.shape)} {l_star.dtype}",
                wanted="(N, 1, H, W) floating point L* in [0, 100]",
            )
        count, _, height, width = l_star.shape
        weight = next(self.parameters())
        maps = weight.new_empty((count, self.channels, height, width))
        bottom, right = max(0, MINIMUM_SIDE - height), max(0, MINIMUM_SIDE - width)
        step = max(1, self.max_pixels // (height * width))
        for start in range(0, count, step):
            frames = l_star[start : start + step].to(weight)
            if bottom or right:
                frames = F.pad(frames, (0, right, 0, bottom), mode="replicate")
            maps[start : start + step] = self.network(frames)[..., :height, :width]
        return maps

    @property
    def identity(self) -> str:
        """Computed once: the weights are frozen."""
        if not self._identity:
            total = hashlib.sha256(f"{self.name}\n{sorted(self.settings.items())}\n".encode())
            for key, tensor in sorted(self.network.state_dict().items()):
                total.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
                total.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
            self._identity = total.hexdigest()
        return self._identity


class MixedExperts(nn.Module):
    """The mixed expert block: the maps of several experts side by side, in the order given.

    The paper's order is the semantic maps, then the edge map.
    """

    kind: Kind = "mixed"

    def __init__(self, experts: Sequence[FrozenExpert]) -> None:
        super().__init__()
        if not experts:
            raise UsageError("a mixed expert block without experts", wanted="at least one", remedy="pass None for no experts")
        self.experts = nn.ModuleList(experts)
        self.name = "+".join(expert.name for expert in experts)
        self.channels = sum(expert.channels for expert in experts)
        self.trained = all(expert.trained for expert in experts)

    def forward(self, l_star: Tensor) -> Tensor:
        """(N, 1, H, W) L* -> (N, channels, H, W) in [0, 1]."""
        return torch.cat([expert(l_star) for expert in self.experts], dim=1)

    @property
    def identity(self) -> str:
        """Of all its experts, in order."""
        return hashlib.sha256("\n".join(str(expert.identity) for expert in self.experts).encode()).hexdigest()
