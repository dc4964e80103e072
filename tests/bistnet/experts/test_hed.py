"""HED against the published checkpoint's layout and a transcription of the paper's network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from bistnet.experts import build_expert
from bistnet.experts.gray import gray_level
from bistnet.experts.hed import BGR_MEAN, PARAMETERS, Hed
from colorbench.color import merge_luminance
from colorbench.errors import WeightsError
from colorbench.nets.checkpoints import load_strict
from colorbench.nets.hed_weights import hed_state

# Section 10 of the facts: stage, indices of its convolutions, channels.
LAYOUT = (
    ("One", (0, 2), (3, 64)),
    ("Two", (1, 3), (64, 128)),
    ("Thr", (1, 3, 5), (128, 256)),
    ("Fou", (1, 3, 5), (256, 512)),
    ("Fiv", (1, 3, 5), (512, 512)),
)


def published_state(prefix: str = "module") -> dict[str, Tensor]:
    """Random weights under the names of the published file, scaled so that no output saturates."""
    generator = torch.Generator().manual_seed(1)
    state = {}

    def add(name: str, *shape: int, gain: float = 2.0) -> None:
        fan_in = int(np.prod(shape[1:]))
        state[f"{name}.weight"] = torch.randn(shape, generator=generator, dtype=torch.float64) * (gain / fan_in) ** 0.5
        state[f"{name}.bias"] = torch.randn(shape[0], generator=generator, dtype=torch.float64) * 0.1

    for stage, indices, (before, width) in LAYOUT:
        for index in indices:
            add(f"{prefix}Vgg{stage}.{index}", width, before, 3, 3)
            before = width
        add(f"{prefix}Score{stage}", 1, width, 1, 1, gain=1e-4)
    add(f"{prefix}Combine.0", 1, 5, 1, 1)
    return state


def transcription(state: dict[str, Tensor], level: Tensor, *, up: bool) -> Tensor:
    """HED, statement by statement, on a gray level that is taken for blue, green and red in [0, 1].

    Args:
        up: pools as Keras does where it pads ("same"): what an odd side lacks is added at the end, where no maximum is.
    """
    x = torch.cat([level * 255 - mean for mean in torch.tensor(BGR_MEAN).tolist()], dim=1)
    size = (level.shape[2], level.shape[3])
    sides = []
    for stage, indices, _ in LAYOUT:
        if stage != "One":
            if up:
                x = functional.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2), value=-torch.inf)
            x = functional.max_pool2d(x, kernel_size=2, stride=2)
        for index in indices:
            name = f"moduleVgg{stage}.{index}"
            x = functional.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1).clamp_min(0)
        side = functional.conv2d(x, state[f"moduleScore{stage}.weight"], state[f"moduleScore{stage}.bias"])
        sides.append(functional.interpolate(side, size=size, mode="bilinear", align_corners=False))
    fused = sum(side * state["moduleCombine.0.weight"][0, k] for k, side in enumerate(sides))
    return 1 / (1 + torch.exp(-(fused + state["moduleCombine.0.bias"])))


def test_parameters_and_entries_are_those_of_the_published_network() -> None:
    network = Hed()
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS == 14_716_171
    assert len(network.state_dict()) == len(published_state()) == 38


@pytest.mark.parametrize("form", ["paper", "release"])
def test_hed_equals_its_transcription(form: Literal["paper", "release"], gray: Callable[..., Tensor]) -> None:
    state = published_state()
    network = Hed(form=form).double()
    network.load_state_dict(hed_state(state))
    l_star = gray(1, 37, 53, dtype=torch.float64)
    level = gray_level(l_star) if form == "paper" else l_star - 50
    with torch.no_grad():
        maps = network(l_star)
    torch.testing.assert_close(maps, transcription(state, level, up=form == "paper"), rtol=1e-10, atol=1e-12)
    assert maps.std() > 1e-3


def test_the_published_layout_loads(tmp_path: Path) -> None:
    path = tmp_path / "network-bsds500.pytorch"
    torch.save({key: value.float() for key, value in published_state().items()}, path)
    expert = build_expert("hed", checkpoint=path)
    path.unlink()
    assert expert.trained
    assert torch.equal(expert.network.fusion.bias, published_state()["moduleCombine.0.bias"].float())


def test_weights_of_either_layout_become_ours_and_ours_stay() -> None:
    own = Hed()
    own.load_state_dict(hed_state(published_state("module")))
    for state in (published_state("net"), own.double().state_dict()):
        found = hed_state(state)
        assert found.keys() == own.state_dict().keys()
        for key, value in own.state_dict().items():
            assert torch.equal(found[key].float(), value.float()), key


def test_a_foreign_key_is_reported_under_its_own_name() -> None:
    state = published_state()
    state["moduleVggSix.1.weight"] = state.pop("moduleVggFiv.1.weight")
    with pytest.raises(WeightsError, match=r"1 missing: stages\.4\.0\.weight; 1 unexpected: moduleVggSix\.1\.weight"):
        load_strict(Hed(), hed_state(state), source=Path("hed.pth"))


def test_the_gray_picture_is_the_one_that_colorbench_writes() -> None:
    l_star = torch.linspace(0, 100, 256).view(1, 1, 16, 16)
    written = merge_luminance(l_star[0, 0].numpy(), np.zeros((16, 16, 2), np.float32))
    levels = (gray_level(l_star)[0, 0] * 255).numpy()
    assert np.abs(levels[..., None] - written).max() < 0.51
    assert np.abs(levels / 255 - l_star[0, 0].numpy() / 100).max() < 0.035
