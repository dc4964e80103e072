"""The blend: where it begins, what it sees, how it is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bistnet.tracked.blending import CANDIDATES, CHANNELS, TRUSTS, Blend, Shape, load_blend, planes, rotated, save_blend, without
from colorbench.errors import WeightsError
from colorbench.flow.carrying import LEAST_TRUST, Colors, Hints
from colorbench.flow.filling import smoothed


def hints_of(*, before: bool = True, after: bool = True, height: int = 24, width: int = 40) -> Hints:
    rng = np.random.default_rng(0)

    def side() -> Colors:
        ab = rng.uniform(-40, 40, (height, width, 2)).astype(np.float16)
        return Colors(ab, rng.uniform(0.1, 1, (height, width)).astype(np.float16))

    first, second = side(), side()
    return Hints(3, None, first if before else None, second if after else None, 0.25 if before and after else 0.5)


def luminance(height: int = 24, width: int = 40) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 100, (height, width)).astype(np.float32)


def seen_of(hints: Hints) -> np.ndarray:
    own = np.random.default_rng(2).uniform(-40, 40, (24, 40, 2)).astype(np.float32)
    return planes(luminance(), own, hints)


def test_it_has_as_many_parameters_as_its_docstring_says() -> None:
    count = sum(parameter.numel() for parameter in Blend(Shape()).parameters())
    assert f"{count:,} parameters" in (Blend.__doc__ or "")


def test_planes_are_what_their_docstring_says() -> None:
    hints = hints_of()
    assert hints.before is not None
    assert hints.after is not None
    seen = seen_of(hints)
    assert seen.shape == (CHANNELS, 24, 40)
    assert seen.dtype == np.float32
    np.testing.assert_array_equal(seen[0], luminance() / 100)
    np.testing.assert_allclose(50 * seen[1:3], smoothed(*hints.blended(), luminance()).transpose(2, 0, 1), rtol=1e-5)
    np.testing.assert_allclose(50 * seen[5:7], hints.before.ab.transpose(2, 0, 1), rtol=1e-5)
    np.testing.assert_allclose(np.exp(4 * seen[10]), hints.after.trust, rtol=1e-4)
    assert (seen[11] == 0.25).all()


@pytest.mark.parametrize("side", [0, 1])
def test_a_missing_side_has_the_others_colors_and_no_trust(side: int) -> None:
    seen = seen_of(hints_of(before=side == 1, after=side == 0))
    np.testing.assert_array_equal(seen[CANDIDATES[2 + side]], seen[CANDIDATES[3 - side]])
    np.testing.assert_allclose(np.exp(4 * seen[TRUSTS[side]]), LEAST_TRUST, rtol=1e-2)
    whole = without(seen_of(hints_of()), side)
    np.testing.assert_array_equal(whole[CANDIDATES[2 + side]], whole[CANDIDATES[3 - side]])
    np.testing.assert_allclose(whole[TRUSTS[side]], seen[TRUSTS[side]], atol=1e-3)
    assert (whole[11] == 0.5).all()


def test_it_begins_near_flows_own_result_and_within_the_candidates() -> None:
    seen = torch.from_numpy(seen_of(hints_of()))[None]
    found = Blend(Shape()).eval()(seen)
    candidates = torch.stack([50 * seen[:, part] for part in CANDIDATES])
    shares = torch.tensor([3.0, 0.0, 0.0, 0.0]).softmax(0)
    torch.testing.assert_close(found, (candidates * shares[:, None, None, None, None]).sum(0), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (3, 8), (17, 33), (64, 40)])
def test_any_size_works(size: tuple[int, int]) -> None:
    with torch.inference_mode():
        assert Blend(Shape(width=4))(torch.rand(2, CHANNELS, *size)).shape == (2, 2, *size)


def test_hues_turn_by_the_angle() -> None:
    ab = np.zeros((2, 1, 1), np.float32)
    ab[0] = 10
    np.testing.assert_allclose(rotated(ab, np.pi / 2).ravel(), [0, 10], atol=1e-5)


def test_weights_come_back_with_their_card_and_only_beside_their_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    blend, path = Blend(Shape(width=4)), tmp_path / "compact-blend.safetensors"
    save_blend(path, blend, network="abc", facts={"seed": 3})
    again = load_blend(path, network="abc")
    assert again.shape == blend.shape
    for key, value in blend.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], value, atol=1e-3, rtol=1e-3)
    with pytest.raises(WeightsError, match="trained beside the network of digest abc"):
        load_blend(path, network="abd")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(WeightsError):
        load_blend(path, network="abc")
