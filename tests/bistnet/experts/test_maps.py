"""Maps on disk: equal to the expert's, made once, whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bistnet.experts import FrozenExpert, cached_maps, luminance_digest
from bistnet.experts.maps import QUANTIZATION_ERROR, ExpertMaps
from colorbench.errors import StoreError, UsageError
from colorbench.types import LStar

DIGEST = "d" * 64


class Clip:
    """Gray frames in memory that counts what is asked for."""

    def __init__(self, frames: Tensor) -> None:
        self.frames = frames
        self.asked: list[int] = []

    @property
    def height(self) -> int:
        return self.frames.shape[2]

    @property
    def width(self) -> int:
        return self.frames.shape[3]

    def __len__(self) -> int:
        return len(self.frames)

    def luminance(self, index: int) -> LStar:
        self.asked.append(index)
        frame: LStar = self.frames[index, 0].numpy()
        return frame


class Softened(nn.Module):
    """Three classes by luminance."""

    def __init__(self, gain: float = 0.1) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, l_star: Tensor) -> Tensor:
        distances = (l_star - torch.tensor([10.0, 50.0, 90.0]).view(1, 3, 1, 1)).abs()
        return (-distances * self.gain).softmax(dim=1)


class Raw(Softened):
    def forward(self, l_star: Tensor) -> Tensor:
        return super().forward(l_star) * 3 - 1


def frozen(network: nn.Module) -> FrozenExpert:
    return FrozenExpert(network, name="softened", kind="semantic", channels=3, trained=True)


@pytest.fixture
def clip(gray: Callable[..., Tensor]) -> Clip:
    return Clip(gray(7, 37, 53))


def cached(clip: Clip, root: Path, *, gain: float = 0.1, digest: str = DIGEST) -> ExpertMaps:
    return cached_maps(frozen(Softened(gain)), clip, digest=digest, root=root, batch=3)


def test_kept_maps_are_the_experts_within_the_stated_error(clip: Clip, tmp_path: Path) -> None:
    maps = cached(clip, tmp_path)
    exact = frozen(Softened())(clip.frames)
    kept = maps[:]
    assert kept.shape == exact.shape == (7, 3, 37, 53)
    assert kept.dtype == torch.float32
    assert (kept - exact).abs().max() <= QUANTIZATION_ERROR + 1e-6
    assert (kept.sum(1) - 1).abs().max() <= 3 * QUANTIZATION_ERROR + 1e-6
    assert 0 <= kept.min() <= kept.max() <= 1


def test_frames_and_slices_agree(clip: Clip, tmp_path: Path) -> None:
    maps = cached(clip, tmp_path)
    assert len(maps) == 7
    assert torch.equal(maps[2:5], torch.stack([maps[index] for index in (2, 3, 4)]))
    assert torch.equal(maps[-1], maps[6])
    assert torch.equal(torch.stack(list(maps)), maps[:])
    with pytest.raises(IndexError):
        maps[7]


def test_maps_are_made_once_and_in_order(clip: Clip, tmp_path: Path) -> None:
    first = cached(clip, tmp_path)
    assert clip.asked == list(range(7))
    again = cached(clip, tmp_path)
    assert len(clip.asked) == 7
    assert torch.equal(first[:], again[:])


def test_other_weights_clips_and_sizes_are_other_files(clip: Clip, tmp_path: Path) -> None:
    smaller = Clip(clip.frames[:, :, :30])
    maps = [
        cached(clip, tmp_path),
        cached(clip, tmp_path, gain=0.2),
        cached(clip, tmp_path, digest="e"),
        cached(smaller, tmp_path),
    ]
    assert len({one.path for one in maps}) == len(list(tmp_path.iterdir())) == 4
    assert luminance_digest(clip) != luminance_digest(smaller)
    assert luminance_digest(clip) == luminance_digest(Clip(clip.frames.clone()))


def test_damaged_and_foreign_files_are_made_again(clip: Clip, tmp_path: Path) -> None:
    maps = cached(clip, tmp_path)
    path, wanted, whole = maps.path, maps[:], maps.path.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    index = bytearray(whole)
    index[-40] ^= 1
    other = cached(clip, tmp_path, gain=0.3).path.read_bytes()
    far = whole[:-28] + struct.pack("<IQ", 0, 1 << 60) + whole[-16:]
    cases = [
        b"",
        b"maps",
        whole[:100],
        whole[:-1],
        whole[: len(whole) // 2],
        bytes(changed),
        bytes(index),
        other,
        far,
        whole + b"x",
    ]
    for content in [*cases, os.urandom(500), whole[:16] + b"\xff" * 4 + whole[20:], whole[:20] + b"\xff" * 30 + whole[50:]]:
        path.write_bytes(content)
        clip.asked.clear()
        assert torch.equal(cached(clip, tmp_path)[:], wanted)
        assert clip.asked == list(range(7))
        assert path.read_bytes() == whole


def test_a_frame_changed_while_open_is_noticed_and_the_others_still_read(clip: Clip, tmp_path: Path) -> None:
    maps = cached(clip, tmp_path)
    last = maps[6].clone()
    content = bytearray(maps.path.read_bytes())
    content[400] ^= 1
    maps.path.write_bytes(content)
    with pytest.raises(StoreError, match="changed while it was in use"):
        maps[0]
    assert torch.equal(maps[6], last)


def test_raw_scores_and_nan_are_refused_and_leave_nothing(clip: Clip, tmp_path: Path) -> None:
    for network in (Raw(), Softened(gain=float("nan"))):
        with pytest.raises(UsageError, match="gives values from"):
            cached_maps(frozen(network), clip, digest=DIGEST, root=tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_interrupted_expert_leaves_nothing(clip: Clip, tmp_path: Path) -> None:
    class Interrupted(Softened):
        def forward(self, l_star: Tensor) -> Tensor:
            if len(clip.asked) > 3:
                raise KeyboardInterrupt
            return super().forward(l_star)

    with pytest.raises(KeyboardInterrupt):
        cached_maps(frozen(Interrupted()), clip, digest=DIGEST, root=tmp_path, batch=3)
    assert not list(tmp_path.iterdir())


KILLED = """
import sys, time
from pathlib import Path
import torch
from bistnet.experts import FrozenExpert, cached_maps

class Slow(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.passes = 0
    def forward(self, l_star):
        self.passes += 1
        if self.passes == 3:
            print("working", flush=True)
            time.sleep(60)
        return torch.rand(len(l_star), 3, *l_star.shape[2:])

class Clip:
    height, width = 64, 64
    def __len__(self):
        return 9
    def luminance(self, index):
        return torch.zeros(64, 64).numpy()

expert = FrozenExpert(Slow(), name="slow", kind="semantic", channels=3, trained=True)
cached_maps(expert, Clip(), digest="d", root=Path(sys.argv[1]), batch=1)
"""


def test_a_killed_process_leaves_no_file_that_is_read(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "working\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not list(tmp_path.glob("*.maps"))
    assert [path.suffix for path in tmp_path.iterdir()] == [".tmp"]


def test_the_header_says_what_the_file_is_of(clip: Clip, tmp_path: Path) -> None:
    content = cached(clip, tmp_path).path.read_bytes()
    length = struct.unpack("<I", content[16:20])[0]
    header = json.loads(content[20 : 20 + length])
    assert {name: header[name] for name in ("count", "channels", "height", "width")} == {
        "count": 7,
        "channels": 3,
        "height": 37,
        "width": 53,
    }
    assert len(content) < np.prod((7, 3, 37, 53))
