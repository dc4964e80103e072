"""Principal components as a projection's first weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from bistnet.training.principal import principal_projections


def test_principal_projections_keep_what_tells_positions_apart() -> None:
    """Levels that differ by three directions and little noise: three channels hold all of them, and none of the noise alone."""
    draw = torch.Generator().manual_seed(0)
    directions = [torch.randn(3, channels, generator=draw) for channels in (12, 16, 20, 20)]
    pictures = []
    for _ in range(4):
        where = torch.randn(1, 3, 20, 24, generator=draw)
        levels = [torch.einsum("kc,nkhw->nchw", d, where) + 5.0 for d in directions]
        pictures.append([level + 0.01 * torch.randn(level.shape, generator=draw) for level in levels])
    weights = principal_projections(pictures, 3)
    assert [tuple(weight.shape) for weight in weights] == [(3, 12), (3, 16), (3, 20), (3, 20)]
    found = torch.zeros(3, 480)
    for weight, level in zip(weights, pictures[0], strict=True):
        unit = F.normalize(level, dim=1)[0].flatten(1)
        found += weight @ (unit - unit.mean(dim=1, keepdim=True))
    spread = found.std(dim=1)
    assert float(spread.min()) > 0.3 * float(spread.max())
