r"""The adversarial term, off by default: a critic of colored frames, and relativistic average least squares.

With r and f the critic's scores of true and of predicted pictures and a bar for the mean over the batch,

    L_critic    = (mean (r - f_bar - 1)^2 + mean (f - r_bar + 1)^2) / 2
    L_generator = (mean (r - f_bar + 1)^2 + mean (f - r_bar - 1)^2) / 2

(Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019.) The critic has the shape of DeepExemplar's (Zhang et al., CVPR
2019, Discriminator_x64 of its code): six 4x4 convolutions of stride 2 with spectral norm, leaky ReLU, instance norm from the
second on, self-attention after the second, one score a picture, the mean over a last map. How ours differs: it looks at one
frame, theirs at a frame and the one before; L*, a* and b* are scaled to about [-1, 1]; the last convolution is 3x3 and padded,
where theirs is 3x6 and needs 384x192; the attention's matrix is left to torch's fused kernels.

The means over the batch make this the one term that is not a mean of samples: split over processes, each takes its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from colorbench.errors import UsageError

_SLOPE = 0.2


class Critic(nn.Module):
    """Scores colored frames; higher is more like a true one.

    Args:
        width: channels of the first layer; the last has 16 times as many.
    """

    multiples = (1, 1, 2, 4, 8, 16)

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        widths = [3, *(width * multiple for multiple in self.multiples)]
        self.layers = nn.ModuleList(spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1)) for a, b in pairwise(widths))
        self.attention = _SelfAttention(width)
        self.last = spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))
        self.register_buffer("middle", torch.tensor([50.0, 0.0, 0.0]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor([50.0, 128.0, 128.0]).view(1, 3, 1, 1), persistent=False)

    def forward(self, lab: Tensor) -> Tensor:
        """Scores.

        Args:
            lab: (N, 3, H, W) L* in [0, 100], a* and b* in CIE units.

        Returns:
            (N,).

        Raises:
            UsageError: another shape, or a last map of less than two positions, which instance norm can't take.
        """
        if lab.dim() != 4 or lab.shape[1] != 3 or (lab.shape[2] // 64) * (lab.shape[3] // 64) < 2:
            raise UsageError(
                f"the critic was given {tuple(lab.shape)}",
                wanted="(N, 3, H, W), 64 by 128 at least",
                remedy="train with larger crops, or without the adversarial term",
            )
        x = (lab - self.get_buffer("middle")) / self.get_buffer("scale")
        for index, layer in enumerate(self.layers):
            x = layer(x)  # (N, C, H / 2^(index + 1), W / 2^(index + 1))
            x = F.leaky_relu(F.instance_norm(x) if index else x, _SLOPE, inplace=True)
            if index == 1:
                x = self.attention(x)
        scores: Tensor = self.last(x)
        return scores.mean(dim=(1, 2, 3))


class _SelfAttention(nn.Module):
    """x + gamma attention(x) over all positions, not scaled by the width; gamma starts at 0 (Zhang et al., SAGAN, ICML 2019)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (spectral_norm(nn.Conv2d(width, width, 1)) for _ in range(3))
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (layer(x).flatten(2).transpose(1, 2)[:, None] for layer in (self.query, self.key, self.value))  # (N, 1, n, C)
        found = F.scaled_dot_product_attention(q, k, v, scale=1.0)
        return x + self.gamma * found[:, 0].transpose(1, 2).reshape(x.shape)


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """What the critic minimizes: (N,) scores of true and of predicted pictures, which must be detached -> a scalar."""
    return ((real - fake.mean() - 1.0).square().mean() + (fake - real.mean() + 1.0).square().mean()) / 2.0


def generator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """What the colorizer minimizes: (N,) scores -> a scalar."""
    return ((real - fake.mean() + 1.0).square().mean() + (fake - real.mean() - 1.0).square().mean()) / 2.0


@contextmanager
def frozen(critic: nn.Module) -> Iterator[nn.Module]:
    """What is computed inside sends no gradient to the critic's parameters."""
    trained = [parameter for parameter in critic.parameters() if parameter.requires_grad]
    try:
        for parameter in trained:
            parameter.requires_grad_(False)
        yield critic
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
