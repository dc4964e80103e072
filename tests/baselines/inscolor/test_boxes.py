"""Where instances lie: on frames, on maps, in files, and as the detector finds them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines.inscolor_networks import detection
from baselines.inscolor_networks.boxes import MOST, Box, Window, on_map, windows_of
from baselines.inscolor_networks.boxes_file import read_boxes
from baselines.inscolor_networks.detection import Detector, load_detector
from colorbench.errors import MethodError, UsageError, WeightsError
from colorbench.system.compat import ensure_torchvision


def test_edges_are_truncated_and_stay_inside() -> None:
    boxes = [
        Box(-3.5, 1.9, 7.99, 40.0, 0.8),
        Box(2.2, 3.7, 2.9, 9.0, 0.9),
        Box(19.0, 0.0, 25.0, 5.5, 0.7),
        Box(30, 0, 40, 9, 0.9),
    ]
    assert windows_of(boxes, 30, 20) == [Window(19, 0, 1, 5), Window(0, 1, 7, 29)]


def test_the_best_eight_are_taken() -> None:
    boxes = [Box(i, 0, i + 1, 1, score) for i, score in enumerate((0.9, 0.71, 0.8, 0.99, 0.72, 0.95, 0.85, 0.7, 0.88, 0.77))]
    assert {window.left for window in windows_of(boxes, 4, 20)} == {0, 2, 3, 4, 5, 6, 8, 9}
    assert MOST == 8


def transcribed(box: tuple[int, int, int, int], size: tuple[int, int], side: int) -> tuple[int, int, int, int]:
    """facts: left and top padding, width and height on a map; edges truncated, one pixel at least."""
    edges = [int(edge / length * side) for edge, length in zip(box, (size[0], size[1]) * 2, strict=True)]
    for axis in (0, 1):
        if edges[axis + 2] - edges[axis] < 1:
            if side - edges[axis + 2] > 1:
                edges[axis + 2] += 1
            else:
                edges[axis] -= 1
    return edges[0], edges[1], edges[2] - edges[0], edges[3] - edges[1]


@pytest.mark.parametrize("side", [256, 128, 64, 32])
def test_windows_on_maps_are_the_transcription(side: int) -> None:
    rng = np.random.default_rng(side)
    width, height = 854, 480
    some = [(0, 0, 854, 480), (0, 0, 1, 1), (853, 479, 854, 480), (853, 0, 854, 1), (840, 470, 853, 479), (13, 7, 14, 300)]
    for _ in range(200):
        left, top = rng.integers(0, width), rng.integers(0, height)
        some.append((int(left), int(top), int(rng.integers(left + 1, width + 1)), int(rng.integers(top + 1, height + 1))))
    for box in some:
        window = on_map(Window(box[0], box[1], box[2] - box[0], box[3] - box[1]), height, width, side)
        assert (window.left, window.top, window.width, window.height) == transcribed(box, (width, height), side)
        assert min(window.left, window.top) >= 0
        assert min(window.width, window.height) >= 1
        assert max(window.left + window.width, window.top + window.height) <= side


CONTENT: dict[str, Any] = {
    "clips": {
        "clip": {"width": 200, "height": 100, "frames": {"00000": [[20, 10, 100.5, 50, 0.9], [0, 0, 2, 2, 1]], "00001": []}},
        "other": {"width": 10, "height": 10, "frames": {}},
    }
}


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_boxes_of_a_file_count_in_the_size_that_it_says(tmp_path: Path, moving_clip: Callable[..., Any]) -> None:
    boxes = read_boxes(written(tmp_path / "boxes.json", CONTENT))
    clip = moving_clip(2, height=50, width=400)
    assert boxes.of(clip, 0) == [Box(40.0, 5.0, 201.0, 25.0, 0.9), Box(0.0, 0.0, 4.0, 1.0, 1.0)]
    assert boxes.of(clip, 1) == []


def test_a_clip_or_frame_that_is_not_listed_is_refused(tmp_path: Path, moving_clip: Callable[..., Any]) -> None:
    boxes = read_boxes(written(tmp_path / "boxes.json", CONTENT))
    clip = moving_clip(3)
    with pytest.raises(MethodError, match=r"no boxes for frame '00002' of clip 'clip'"):
        boxes.of(clip, 2)
    clip.name = "cows"
    with pytest.raises(MethodError, match=r"no boxes for clip 'cows'") as caught:
        boxes.of(clip, 0)
    assert caught.value.wanted
    assert caught.value.remedy


def frames(boxes: Any, **size: Any) -> Any:
    return {"clips": {"c": {"width": 10, "height": 10, "frames": {"0": boxes}, **size}}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "no table 'clips'"),
        ({"clips": []}, "no table 'clips'"),
        ({"clips": {"c": {"width": 3, "height": 4}}}, "c has no table 'frames'"),
        (frames([], width=0), "width of c is 0"),
        (frames([], height="9"), "height of c is '9'"),
        (frames([], height=True), "height of c is True"),
        (frames({}), "c/0 is no list"),
        (frames([[1, 2, 3, 4]]), r"a box \[1, 2, 3, 4\]"),
        (frames([[1, 2, 3, "4", 1]]), "a box"),
        (frames([[1, 2, 3, float("nan"), 1]]), "a box"),
        (frames([[5, 2, 5, 4, 1]]), "an empty box"),
    ],
)
def test_a_file_that_is_laid_out_in_another_way_is_refused(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        read_boxes(written(tmp_path / "boxes.json", content))
    assert caught.value.wanted
    assert caught.value.remedy


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe"])
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "boxes.json"
    path.write_bytes(data)
    with pytest.raises(UsageError, match="boxes = "):
        read_boxes(path)
    with pytest.raises(UsageError, match="boxes = "):
        read_boxes(tmp_path / "missing.json")


class Found(nn.Module):
    """Stands for torchvision's detector."""

    def forward(self, pictures: list[Tensor]) -> list[dict[str, Tensor]]:
        self.seen = pictures
        boxes = torch.tensor([[1.5, 2.0, 30.0, 40.0], [0.0, 0.0, 5.0, 6.0], [3.0, 3.0, 9.0, 9.0]])
        return [{"boxes": boxes, "scores": torch.tensor([0.98, 0.75, 0.69]), "labels": torch.ones(3)}]


def test_the_detector_sees_luminance_and_scores_from_seven_tenths_count(moving_clip: Callable[..., Any]) -> None:
    clip, network = moving_clip(2), Found()
    boxes = Detector(network).of(clip, 1)
    assert [(box.left, box.bottom) for box in boxes] == [(1.5, 40.0), (0.0, 6.0)]
    assert [box.score for box in boxes] == pytest.approx([0.98, 0.75])
    (picture,) = network.seen
    assert picture.shape == (3, clip.height, clip.width)
    expected = np.round(clip.luminance(1).astype(float) * 2.55)
    assert np.abs(picture[0].numpy() * 255.0 - expected).max() <= 1.0
    assert torch.equal(picture[0], picture[2])
    assert not torch.is_inference_mode_enabled()


def test_a_torchvision_that_can_t_detect_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(detection, "operators_missing", lambda: "torchvision 1 has no compiled operators for torch 2")
    with pytest.raises(MethodError, match="no compiled operators") as caught:
        load_detector(tmp_path / "weights.pth")
    assert "boxes=FILE" in caught.value.remedy


def test_a_detector_s_file_is_loaded_strictly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ensure_torchvision()
    monkeypatch.setattr(detection, "operators_missing", lambda: "")
    path = tmp_path / "weights.pth"
    torch.save({"backbone.body.conv1.weight": torch.zeros(64, 3, 7, 7)}, path)
    with pytest.raises(WeightsError, match="does not fit MaskRCNN: "):
        load_detector(path)


def test_whether_this_machine_can_detect_is_said_in_words() -> None:
    reason = detection.operators_missing()
    assert reason == "" or "no compiled operators" in reason
