"""The registered method: the authors' file, settings, fingerprint; placement, and a clip's way through narrow networks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from baselines.deepremaster import METHODS, parse_working
from baselines.deepremaster_networks import loading
from baselines.deepremaster_networks.coloring import ReleasedColorizer, Working
from baselines.deepremaster_networks.colornet import ColorNet
from baselines.deepremaster_networks.loading import DeepRemaster, load_released
from baselines.deepremaster_networks.placement import canvas_size, on_canvas, scaled_gray, working_size
from baselines.deepremaster_networks.restoration import RestorationNet
from colorbench.color import luminance
from colorbench.errors import UsageError, WeightsError
from colorbench.registry import METHODS as REGISTERED

ROOT = Path(__file__).resolve().parents[2]
METHOD = METHODS[0]
DEFAULTS = {setting.name: setting.default or "" for setting in METHOD.card.settings}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the authors' file would lie."""
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    path = tmp_path / "weights" / "deepremaster" / "remasternet.pth.tar"
    path.parent.mkdir(parents=True)
    return path


def test_it_is_registered_and_its_networks_are_no_method() -> None:
    assert REGISTERED.get("deepremaster").card is METHOD.card
    assert {name for name in REGISTERED.entries if "remaster" in name} == {"deepremaster"}
    assert METHOD.card.variants[0].exemplars == (0, None)


def test_importing_the_method_takes_no_torch() -> None:
    code = "import sys, baselines.deepremaster; print(sorted({'torch', 'cv2', 'PIL', 'skimage'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


def test_what_is_missing_is_said_with_the_command_that_gets_it(place: Path) -> None:
    assert METHOD.unavailable("official").endswith("colorbench weights fetch deepremaster")
    assert METHOD.fingerprint(variant="official", settings=DEFAULTS) == "no weights"
    with pytest.raises(WeightsError, match=r"remasternet\.pth\.tar(.|\n)*colorbench weights fetch deepremaster"):
        METHOD.load(variant="official", device="cpu", settings=DEFAULTS)


def test_another_file_than_the_authors_is_found_out_by_its_digest(place: Path) -> None:
    place.write_bytes(b"another")
    assert "damaged" in METHOD.unavailable("official")


def test_settings_are_read() -> None:
    assert parse_working(DEFAULTS) == Working(mindim=320, block=5)
    assert parse_working({"mindim": "256"}).mindim == 256


@pytest.mark.parametrize("text", ["", "63", "-320", "320.0", "all", "³"])
def test_a_setting_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="mindim = ") as caught:
        METHOD.fingerprint(variant="official", settings={"mindim": text})
    assert caught.value.wanted
    assert caught.value.remedy


def narrow(seed: int = 0) -> DeepRemaster:
    """Untrained and small; attention counts, and the last layers are enlarged, as colors would else be about one gray."""
    torch.manual_seed(seed)
    networks = DeepRemaster(RestorationNet(width=8).eval(), ColorNet(width=8).eval())
    with torch.no_grad():
        for name, parameter in networks.color.named_parameters():
            if name.endswith("gamma"):
                parameter.fill_(0.5)
        networks.color.up4[1].get_parameter("weight").mul_(20.0)
    return networks


@pytest.fixture
def narrow_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "RestorationNet", lambda: RestorationNet(width=8))
    monkeypatch.setattr(loading, "ColorNet", lambda: ColorNet(width=8))


def written(path: Path) -> DeepRemaster:
    """A file as the authors' is, of narrow networks."""
    networks = narrow()
    torch.save({"modelR": networks.restoration.state_dict(), "modelC": networks.color.state_dict()}, path)
    return networks


def test_a_file_in_the_released_layout_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, narrow_networks: None) -> None:
    path = tmp_path / "remasternet.pth.tar"
    networks = written(path)
    monkeypatch.setattr("colorbench.weights.official.require_weights", lambda name, member="": path)
    loaded = METHOD.load(variant="official", device="cpu", settings=DEFAULTS)
    assert isinstance(loaded, ReleasedColorizer)
    for network, theirs in ((loaded.restoration, networks.restoration), (loaded.color, networks.color)):
        assert not network.training
        state = network.state_dict()
        assert all(torch.equal(state[key], tensor) for key, tensor in theirs.state_dict().items())


def test_the_fingerprint_is_the_file_s(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colorbench.weights.official.require_weights", lambda name, member="": place)
    monkeypatch.setattr("colorbench.weights.official.weights_missing", lambda name: "")
    seen = set()
    for content in (b"one", b"two"):
        place.write_bytes(content)
        seen.add(METHOD.fingerprint(variant="official", settings=DEFAULTS))
    assert len(seen) == 2


@pytest.mark.parametrize(("part", "key"), [("modelR", "layers.13.bias"), ("modelC", "stattn2.gamma")])
def test_a_file_that_lacks_a_tensor_or_has_one_too_many_is_refused(
    tmp_path: Path, narrow_networks: None, part: str, key: str
) -> None:
    path = tmp_path / "remasternet.pth.tar"
    written(path)
    content = torch.load(path, weights_only=True)
    content[part]["more"] = torch.zeros(1)
    torch.save(content, path)
    with pytest.raises(WeightsError, match="1 unexpected: more"):
        load_released(path)
    del content[part]["more"], content[part][key]
    torch.save(content, path)
    with pytest.raises(WeightsError, match=f"1 missing: {key}"):
        load_released(path)


def test_other_files_are_refused_with_what_is_wrong(tmp_path: Path, narrow_networks: None) -> None:
    path = tmp_path / "remasternet.pth.tar"
    written(path)
    content = torch.load(path, weights_only=True)
    for wrong in ({"modelR": content["modelR"]}, content["modelC"], [1], content | {"modelC": {"epoch": 3}}):
        torch.save(wrong, path)
        with pytest.raises(WeightsError, match="has no modelR and modelC with tensors"):
            load_released(path)
    path.write_bytes(b"cut short")
    with pytest.raises(WeightsError, match="can't be read as a checkpoint"):
        load_released(path)


@pytest.mark.parametrize(
    ("height", "width", "shortest", "expected"),
    [
        (480, 854, 320, (320, 576)),  # 569.3 columns are 35.6 sixteenths
        (224, 384, 320, (320, 544)),  # 548.6: 34.3
        (854, 480, 320, (576, 320)),
        (320, 320, 320, (320, 320)),
        (37, 53, 64, (64, 96)),
        (100, 250, 100, (96, 256)),
    ],
)
def test_frames_are_worked_at_by_their_shorter_side(height: int, width: int, shortest: int, expected: tuple[int, int]) -> None:
    assert working_size(height, width, shortest) == expected


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(480, 854)], (256, 455)),
        ([(854, 480)], (455, 256)),
        ([(90, 90)], (256, 256)),
        ([(100, 100), (100, 200)], (256, 384)),
        ([(100, 200), (200, 100)], (256, 320)),
    ],
)
def test_the_canvas_has_the_references_mean_aspect(sizes: list[tuple[int, int]], expected: tuple[int, int]) -> None:
    assert canvas_size(sizes) == expected


def test_a_reference_lies_on_black_scaled_to_multiples_of_16() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(40, 256, (480, 854, 3)).astype(np.uint8)
    found = on_canvas(picture, (256, 455))
    # 854 columns become 455, of which 448; 480 rows become 255.7, of which 240.
    inside = np.asarray(Image.fromarray(picture).resize((448, 240), Image.Resampling.BICUBIC))
    assert np.array_equal(found[8:248, 3:451], inside)
    outside = np.ones((256, 455), bool)
    outside[8:248, 3:451] = False
    assert not found[outside].any()


def test_a_reference_of_the_canvas_size_is_left_as_it_is() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (256, 455, 3)).astype(np.uint8)
    assert np.array_equal(on_canvas(picture, (256, 455)), picture)


def test_what_is_larger_than_the_canvas_is_cut_in_the_middle() -> None:
    picture = np.full((200, 100, 3), 200, np.uint8)
    picture[90:110] = 90
    found = on_canvas(picture, (256, 320))  # 320 rows by 160 columns, 32 rows cut above and below
    assert found.shape == (256, 320, 3)
    assert (found[0, 80:240] == 200).all()
    assert (found[128, 80:240] == 90).all()
    assert not found[:, :80].any()
    assert not found[:, 240:].any()


def test_frames_are_scaled_without_smoothing() -> None:
    gray = np.zeros((64, 64), np.uint8)
    gray[:, ::4] = 200
    # Halfway between columns 1 and 2, 5 and 6, ...: an antialiased rule would see the bright ones.
    assert not scaled_gray(gray, (16, 16)).any()


MINDIM = 32


def colorizer(**working: Any) -> ReleasedColorizer:
    return ReleasedColorizer(narrow(), working=Working(mindim=MINDIM, **working))


@pytest.mark.parametrize("exemplars", [(), (0,), (0, 3, 6)])
def test_a_clip_goes_the_released_script_s_way(moving_clip: Callable[..., Any], exemplars: tuple[int, ...]) -> None:
    """Step by step: two blocks, the second one shorter."""
    clip = moving_clip(7, height=36, width=50)
    networks = narrow()
    found = list(colorizer().colorize(clip, clip.exemplars(*exemplars)))
    references = None
    with torch.no_grad():
        if exemplars:
            # An aspect of 50 / 36 makes a canvas of 355 x 256; 352 x 240 of it are filled.
            canvas = np.zeros((len(exemplars), 256, 355, 3), np.uint8)
            for place, index in enumerate(exemplars):
                scaled = Image.fromarray(clip.frames[index]).resize((352, 240), Image.Resampling.BICUBIC)
                canvas[place, 8:248, 1:353] = np.asarray(scaled)
            pictures = torch.from_numpy(canvas).float().div(255.0).permute(3, 0, 1, 2)[None]
            references = networks.color.encode_references(pictures)
        for block in (range(5), range(5, 7)):
            grays = []
            for index in block:
                gray = clip.merge(index, np.zeros((36, 50, 2), np.float32))[..., 1]
                grays.append(torch.from_numpy(cv2.resize(gray, (48, 32))).float() / 255.0)
            restored = networks.restoration(torch.stack(grays)[None, None])
            scaled_ab = networks.color(restored, references)[0]
            for index in block:
                ab = (scaled_ab[:, index - block.start] * 255.0 - 128.0).clamp(-100.0, 100.0)
                whole = F.interpolate(ab[None], (36, 50), mode="bilinear")[0].permute(1, 2, 0).contiguous()
                expected = clip.merge(index, whole.numpy())
                difference = np.abs(found[index].astype(int) - expected)
                assert difference.max() <= 2
                assert difference.mean() < 0.05
                assert np.ptp(expected.astype(int), axis=2).max() > 20


@pytest.mark.parametrize("size", [(37, 53), (50, 31)])
def test_frames_come_back_at_their_size_with_their_luminance(moving_clip: Callable[..., Any], size: tuple[int, int]) -> None:
    clip = moving_clip(2, height=size[0], width=size[1])
    for index, frame in enumerate(colorizer().colorize(clip, clip.exemplars(1))):
        assert frame.shape == (*size, 3)
        assert np.median(np.abs(luminance(frame) - clip.luminance(index))) < 0.5


def test_chroma_beyond_100_is_cut(moving_clip: Callable[..., Any]) -> None:
    networks = narrow()
    with torch.no_grad():
        networks.color.up4[1].get_parameter("bias").fill_(50.0)
    clip = moving_clip(1, height=32, width=48)
    seen: list[NDArray[np.float32]] = []
    merge = clip.merge

    def noted(index: int, ab: NDArray[np.float32]) -> NDArray[np.uint8]:
        seen.append(ab)
        merged: NDArray[np.uint8] = merge(index, ab)
        return merged

    clip.merge = noted
    list(ReleasedColorizer(networks, working=Working(mindim=32)).colorize(clip, ()))
    assert seen[-1].max() == 100.0


def test_a_long_clip_is_read_block_by_block_and_each_block_colored_by_itself(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(23, height=32, width=48)
    asked: list[int] = []
    luminance_of = clip.luminance

    def noted(index: int) -> Any:
        asked.append(index)
        return luminance_of(index)

    clip.luminance = noted
    frames = colorizer().colorize(clip, clip.exemplars(0))
    for index, _ in enumerate(islice(frames, 12)):
        assert max(asked) == min(5 * (index // 5) + 4, 22)
    assert not torch.is_inference_mode_enabled()
    clip.luminance = luminance_of
    whole = list(colorizer().colorize(clip, clip.exemplars(0)))
    assert len(whole) == 23
    exemplars = clip.exemplars(0)
    clip.frames = clip.frames[10:]
    later = list(colorizer().colorize(clip, exemplars))
    assert all(np.array_equal(a, b) for a, b in zip(whole[10:], later, strict=True))
