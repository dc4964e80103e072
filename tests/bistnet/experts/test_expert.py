"""What holds for every expert."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from bistnet.experts import Expert, FrozenExpert, MixedExperts
from colorbench.errors import UsageError


class Levels(nn.Module):
    """Two maps, p and 1 - p; notes the shapes that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.01))
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, l_star: Tensor) -> Tensor:
        self.shapes.append(tuple(l_star.shape))
        level = l_star * self.scale
        return torch.cat((level, 1 - level), dim=1)


def levels(**changes: object) -> FrozenExpert:
    arguments: dict[str, object] = {"name": "levels", "kind": "semantic", "channels": 2, "trained": True, **changes}
    return FrozenExpert(Levels(), **arguments)  # type: ignore[arg-type]


def test_maps_have_the_size_of_any_frame(expert: FrozenExpert, gray: Callable[..., Tensor]) -> None:
    for height, width in ((37, 53), (5, 40), (64, 33)):
        maps = expert(gray(1, height, width))
        assert maps.shape == (1, expert.channels, height, width)
        assert maps.dtype == torch.float32
        assert maps.min() >= 0
        assert maps.max() <= 1


def test_maps_have_the_size_of_a_frame_of_the_papers(expert: FrozenExpert, gray: Callable[..., Tensor]) -> None:
    maps = expert(gray(1, 224, 384))
    assert maps.shape == (1, expert.channels, 224, 384)
    assert 0 <= maps.min() <= maps.max() <= 1


def test_class_probabilities_sum_to_one(expert: FrozenExpert, gray: Callable[..., Tensor]) -> None:
    assert (expert.kind == "edge") == (expert.channels == 1)
    if expert.kind == "semantic":
        torch.testing.assert_close(expert(gray(1, 37, 53)).sum(1), torch.ones(1, 37, 53))


def test_a_batch_equals_its_frames(expert: FrozenExpert, gray: Callable[..., Tensor]) -> None:
    frames = gray(3, 37, 53)
    together = expert(frames)
    torch.testing.assert_close(together, torch.cat([expert(frame[None]) for frame in frames]), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together[0], together[1])


def test_experts_are_frozen(expert: FrozenExpert, gray: Callable[..., Tensor]) -> None:
    before = {key: value.clone() for key, value in expert.state_dict().items()}
    holder = nn.ModuleList([expert]).train()
    assert not any(module.training for module in expert.modules())
    assert not any(parameter.requires_grad for parameter in holder.parameters())
    assert not expert(gray(1, 37, 53).requires_grad_()).requires_grad
    assert all(torch.equal(value, before[key]) for key, value in expert.state_dict().items())


def test_maps_can_be_the_input_of_a_network_in_training(gray: Callable[..., Tensor]) -> None:
    layer = nn.Conv2d(2, 1, 1)
    layer(levels()(gray(1, 37, 53))).sum().backward()
    assert layer.weight.grad is not None


def test_untrained_experts_say_so(expert: FrozenExpert) -> None:
    assert not expert.trained
    assert not MixedExperts([levels(), expert]).trained
    assert MixedExperts([levels(), levels()]).trained


def test_passes_are_bounded(gray: Callable[..., Tensor]) -> None:
    expert = levels(max_pixels=2 * 40 * 50 + 1)
    frames = gray(5, 40, 50)
    torch.testing.assert_close(expert(frames)[:, :1], frames / 100)
    network = expert.network
    assert isinstance(network, Levels)
    assert [shape[0] for shape in network.shapes] == [2, 2, 1]


def test_small_frames_are_padded_by_replication(gray: Callable[..., Tensor]) -> None:
    expert = levels()
    frames = gray(1, 1, 70)
    torch.testing.assert_close(expert(frames)[:, :1], frames / 100)
    network = expert.network
    assert isinstance(network, Levels)
    assert network.shapes == [(1, 1, 32, 70)]


@pytest.mark.parametrize(
    "frames", [torch.zeros(4, 4), torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4, dtype=torch.uint8), torch.zeros(0, 1, 4, 4)]
)
def test_other_shapes_and_types_are_refused(frames: Tensor) -> None:
    with pytest.raises(UsageError, match="expert levels was given"):
        levels()(frames)


def test_mixed_experts_put_maps_side_by_side_in_order(gray: Callable[..., Tensor]) -> None:
    mixed: Expert = MixedExperts([levels(), levels(name="again")])
    frames = gray(2, 37, 53)
    maps = mixed(frames)
    assert (mixed.name, mixed.channels, mixed.kind) == ("levels+again", 4, "mixed")
    torch.testing.assert_close(maps[:, ::2], (frames / 100).expand(-1, 2, -1, -1))


def test_a_mix_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="without experts"):
        MixedExperts([])


def test_identity_changes_with_weights_name_and_settings() -> None:
    other = levels()
    with torch.no_grad():
        other.network.scale.add_(1e-6)
    experts = [levels(), other, levels(name="x"), levels(settings={"form": "release"})]
    assert len({expert.identity for expert in experts}) == 4
    assert levels().identity == levels(max_pixels=1).identity
    assert MixedExperts([levels(), other]).identity != MixedExperts([other, levels()]).identity


def test_importing_experts_does_not_import_mmsegmentation() -> None:
    code = "import json, sys, bistnet.experts; print(json.dumps(list(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not set(json.loads(result.stdout)) & {"mmseg", "mmengine", "mmcv"}
