"""ColorMNet as a whole: what is seen in a frame, what is remembered of it, and its chroma from what memory gives.

After Yang et al., ColorMNet: A Memory-based Deep Spatial-Temporal Feature Propagation Network for Video Colorization (ECCV 2024,
arXiv 2404.06251), and the released file's names and shapes: at width 64 it has its 101,552,705 parameters in 492 entries beside
DINOv2's, under the same names, so they load strictly.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from baselines.colormnet_networks.decoder import Decoder
from baselines.colormnet_networks.key_encoder import KeyEncoder, KeyProjection
from baselines.colormnet_networks.local_attention import LocalAttention
from baselines.colormnet_networks.value_encoder import ValueEncoder

STRIDE = 112
"""Sides are multiples of this: of DINOv2's 14 and of the coarsest level's 16."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A gray frame's features; h and w are H / 16 and W / 16."""

    gray: Tensor
    """(1, 3, H, W), L* / 50 - 1 three times."""
    levels: tuple[Tensor, Tensor, Tensor]
    """At 1/16, 1/8 and 1/4."""
    key: Tensor
    """(1, D, h, w)."""
    shrinkage: Tensor
    """(1, 1, h, w)."""
    selection: Tensor
    """(1, D, h, w)."""


class ColorMNet(nn.Module):
    """Its parts; :func:`baselines.colormnet_networks.propagation.propagated` is how they color a clip.

    Args:
        width: 64 in the release, an even number; all others are multiples of it.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.width = width
        self.key_encoder = KeyEncoder(width)
        self.value_encoder = ValueEncoder(width)
        self.key_proj = KeyProjection(16 * width, width)
        self.short_term_attn = LocalAttention(width, 2 * 8 * width)
        self.decoder = Decoder(width)

    def see(self, gray: Tensor) -> Seen:
        """(1, 1, H, W) L* / 50 - 1 -> Seen; sides are multiples of STRIDE."""
        repeated = gray.expand(-1, 3, -1, -1)
        levels = self.key_encoder(repeated)
        return Seen(repeated, levels, *self.key_proj(levels[0]))

    def value(self, seen: Seen, ab: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """What is remembered of a frame.

        Args:
            seen: of ``see``.
            ab: (1, 2, H, W) a* and b* over 110, within 1 or about.
            hidden: (2, width, h, w).

        Returns:
            (1, 16 width, h, w), the values of a* and of b*, and the next hidden state.
        """
        values, hidden = self.value_encoder(seen.gray, seen.levels[0], ab, hidden)
        return values.flatten(0, 1)[None], hidden

    def chroma(self, seen: Seen, found: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """A frame's chroma.

        Args:
            seen: of ``see``.
            found: (1, 16 width, h, w), what memory gives for a* and for b*.
            hidden: (2, width, h, w).

        Returns:
            (1, 2, H, W) a* and b* over 110, within 1, and the next hidden state.
        """
        out: tuple[Tensor, Tensor] = self.decoder(seen.levels, found.reshape(2, -1, *found.shape[-2:]), hidden)
        return out
