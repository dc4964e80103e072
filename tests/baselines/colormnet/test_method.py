"""The registered method: the authors' file, the exemplar, padding, and a clip's way through a narrow network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2lab

from baselines.colormnet import METHODS
from baselines.colormnet_networks.coloring import ReleasedColorizer, fitted, margins
from baselines.colormnet_networks.network import ColorMNet
from baselines.colormnet_networks.propagation import Reference, propagated
from colorbench.color import luminance
from colorbench.errors import MethodError, WeightsError
from colorbench.registry import METHODS as REGISTERED
from colorbench.types import Exemplar, RgbFrame
from colorbench.weights.manifest import load_manifest

ROOT = Path(__file__).resolve().parents[3]
METHOD = METHODS[0]
ENTRY = load_manifest()["colormnet"]


@pytest.fixture(scope="module")
def network() -> ColorMNet:
    """Untrained and small; its last layer is made weaker, as colors would else lie far outside sRGB."""
    torch.manual_seed(0)
    made = ColorMNet(2).eval()
    with torch.no_grad():
        made.decoder.pred.weight.mul_(0.1)
    return made


@pytest.fixture
def file(tmp_path: Path, network: ColorMNet, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file as the authors' is, of the narrow network, which stands in the released one's place."""
    path = tmp_path / "DINOv2FeatureV6_LocalAtten_s2_154000.pth"
    torch.save(dict(network.state_dict()), path)
    monkeypatch.setattr("baselines.colormnet_networks.network.ColorMNet", partial(ColorMNet, 2))
    monkeypatch.setattr("colorbench.weights.official.require_weights", lambda name, member="": path)
    monkeypatch.setattr("colorbench.weights.official.weights_missing", lambda name: "")
    return path


def load() -> ReleasedColorizer:
    loaded = METHOD.load(variant="official", device="cpu", settings={})
    assert isinstance(loaded, ReleasedColorizer)
    return loaded


def test_it_is_registered_and_its_networks_are_no_method() -> None:
    card = REGISTERED.get("colormnet").card
    assert card is METHOD.card
    assert {name for name in REGISTERED.entries if "colormnet" in name} == {"colormnet"}
    assert (card.kind, [(variant.name, variant.exemplars) for variant in card.variants]) == ("exemplar", [("official", (1, 1))])
    assert card.licence == ENTRY.licence


def test_importing_the_method_takes_no_torch() -> None:
    code = "import sys, baselines.colormnet; print(sorted({'torch', 'cv2', 'PIL', 'torchvision'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


def test_what_is_missing_is_said_with_the_command_that_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    assert METHOD.unavailable("official").endswith("colorbench weights fetch colormnet")
    assert METHOD.fingerprint(variant="official", settings={}) == "no weights"
    with pytest.raises(WeightsError, match=r"the weights colormnet are not(.|\n)*colorbench weights fetch colormnet"):
        load()


def test_the_manifest_s_size_is_that_of_its_parameters() -> None:
    with torch.device("meta"):
        size = 4 * sum(parameter.numel() for parameter in ColorMNet().parameters())
    assert ENTRY.about == pytest.approx(size, rel=0.01)


def test_a_file_in_the_released_names_loads_and_is_the_fingerprint(file: Path, network: ColorMNet) -> None:
    loaded = load().network
    assert not loaded.training
    assert all(torch.equal(loaded.state_dict()[key], tensor) for key, tensor in network.state_dict().items())
    before = METHOD.fingerprint(variant="official", settings={})
    file.write_bytes(b"another")
    assert before != METHOD.fingerprint(variant="official", settings={}) != "no weights"


def test_a_file_that_lacks_a_tensor_or_has_one_too_many_is_refused(file: Path) -> None:
    state = torch.load(file, weights_only=True)
    torch.save(state | {"more": torch.zeros(1)}, file)
    with pytest.raises(WeightsError, match="1 unexpected: more"):
        load()
    token = "key_encoder.network2.backbone.mask_token"
    torch.save({key: tensor for key, tensor in state.items() if key != token}, file)
    with pytest.raises(WeightsError, match=f"1 missing: {token}"):
        load()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((480, 854), (21, 21, 40, 40)),  # 560 x 896
        ((224, 384), (32, 32, 0, 0)),
        ((112, 113), (55, 56, 0, 0)),
        ((37, 224), (0, 0, 37, 38)),
    ],
)
def test_margins_lie_on_both_sides(size: tuple[int, int], expected: tuple[int, ...]) -> None:
    assert margins(*size) == expected


def test_an_exemplar_of_another_size_is_squeezed_to_the_frames_size() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 90, 3)).astype(np.uint8)
    squeezed = np.asarray(Image.fromarray(picture).resize((60, 50), Image.Resampling.BILINEAR))
    assert np.array_equal(fitted(picture, 50, 60), squeezed)
    assert fitted(picture, 40, 90) is picture


def exemplar(clip: Any, frame: int, *, index: int | None) -> tuple[Exemplar, ...]:
    return (Exemplar(rgb=clip.frames[frame], index=index, name="given"),)


def padded(planes: NDArray[Any]) -> torch.Tensor:
    """(41, 60, C) in a frame of 112x112: 35 rows above, 36 below, 26 columns at each side."""
    whole = torch.zeros(1, planes.shape[2], 112, 112)
    whole[0, :, 35:76, 26:86] = torch.from_numpy(planes).float().permute(2, 0, 1)
    return whole


@pytest.mark.parametrize(("frame", "index"), [(0, 0), (3, 3), (3, None)])
def test_a_clip_goes_the_released_script_s_way(
    network: ColorMNet, moving_clip: Callable[..., Any], frame: int, index: int | None
) -> None:
    """An exemplar that is frame 0 is that frame; any other, or one whose frame isn't told, is remembered before it."""
    clip = moving_clip(7, height=41, width=60)
    found = list(ReleasedColorizer(network).colorize(clip, exemplar(clip, frame, index=index)))
    lab = rgb2lab(clip.frames[frame])
    given = Reference(gray=padded(lab[..., :1] / 50 - 1), ab=padded(lab[..., 1:] / 110), first=index == 0)
    grays = [padded(rgb2lab(picture)[..., :1] / 50 - 1) for picture in clip.frames]
    with torch.no_grad():
        for number, ab in enumerate(propagated(network, iter(grays), given)):
            inner = 110 * ab[0, :, 35:76, 26:86].permute(1, 2, 0).contiguous()
            expected = clip.merge(number, inner.numpy())
            difference = np.abs(found[number].astype(int) - expected)
            assert difference.max() <= 1
            assert difference.mean() < 0.01
            assert np.ptp(expected.astype(int), axis=2).max() > 20


def test_frame_0_is_the_exemplar_s_where_the_exemplar_is_frame_0(network: ColorMNet, moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(1, height=41, width=60)
    same = next(ReleasedColorizer(network).colorize(clip, exemplar(clip, 0, index=0)))
    assert np.abs(same.astype(int) - clip.frames[0]).max() <= 1
    colored = next(ReleasedColorizer(network).colorize(clip, exemplar(clip, 0, index=None)))
    assert np.abs(colored.astype(int) - clip.frames[0]).max() > 10


@pytest.mark.parametrize("size", [(37, 53), (50, 130)])
def test_frames_come_back_at_their_size_with_their_luminance(
    network: ColorMNet, moving_clip: Callable[..., Any], size: tuple[int, int]
) -> None:
    clip, other = moving_clip(2, height=size[0], width=size[1]), moving_clip(1, height=64, width=48)
    for given in (exemplar(clip, 0, index=0), exemplar(other, 0, index=None)):
        for index, frame in enumerate(ReleasedColorizer(network).colorize(clip, given)):
            assert frame.shape == (*size, 3)
            assert np.median(np.abs(luminance(frame) - clip.luminance(index))) < 0.5


def test_a_clip_is_read_frame_by_frame_and_colored_alike_twice(network: ColorMNet, moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(8, height=41, width=60)
    whole: list[RgbFrame] = list(ReleasedColorizer(network).colorize(clip, clip.exemplars(0)))
    asked: list[int] = []
    luminance_of = clip.luminance

    def noted(index: int) -> Any:
        asked.append(index)
        return luminance_of(index)

    clip.luminance = noted
    some = list(islice(ReleasedColorizer(network).colorize(clip, clip.exemplars(0)), 7))
    assert max(asked) == 6
    assert not torch.is_inference_mode_enabled()
    assert all(np.array_equal(a, b) for a, b in zip(some, whole, strict=False))


def test_the_first_exemplar_is_taken_and_none_is_refused(network: ColorMNet, moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(2, height=41, width=60)
    one = list(ReleasedColorizer(network).colorize(clip, clip.exemplars(0)))
    two = list(ReleasedColorizer(network).colorize(clip, clip.exemplars(0, 1)))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    with pytest.raises(MethodError, match="without exemplars"):
        next(ReleasedColorizer(network).colorize(clip, ()))
