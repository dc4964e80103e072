"""The GPU's pass against the CPU's, to the last bit: by Triton's interpreter, in what it is compiled to, and on a GPU."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, cast

import numpy as np
import pytest
from skimage import data

from colorbench.config import make_spec
from colorbench.errors import UsageError
from colorbench.metric import FrameStatistics, FusedPass, PairStatistics
from colorbench.runs.runner import execute
from colorbench.scoring import passes
from colorbench.scoring.fused import CpuPass
from colorbench.scoring.passes import open_pass
from colorbench.types import RgbFrame

Pair = tuple[RgbFrame, RgbFrame]

needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")


def noise(height: int, width: int, seed: int = 0) -> RgbFrame:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def same_frame(one: FrameStatistics, other: FrameStatistics) -> bool:
    return np.array_equal(one.histogram, other.histogram) and one.opponent == other.opponent


def same(one: PairStatistics, other: PairStatistics) -> bool:
    equal_ssim = np.array_equal([one.ssim], [other.ssim], equal_nan=True)
    return same_frame(one.prediction, other.prediction) and one.squared_error == other.squared_error and equal_ssim


def check(gpu: FusedPass, pairs: list[Pair]) -> None:
    for found, expected in zip(gpu.pairs(pairs), CpuPass().pairs(pairs), strict=True):
        assert same(found, expected)
    truths = [truth for truth, _ in pairs]
    for frame, expected_frame in zip(gpu.frames(truths), CpuPass().frames(truths), strict=True):
        assert same_frame(frame, expected_frame)


SERVER = """
import pickle, sys
from colorbench.metrics import gpu_pass
gpu_pass._BATCH_BYTES = 2 * 8 * 8 * 3
there = gpu_pass.GpuPass("cpu")
while True:
    name, frames = pickle.load(sys.stdin.buffer)
    try:
        answer = getattr(there, name)(frames)
    except Exception as error:
        answer = error
    pickle.dump(answer, sys.stdout.buffer)
    sys.stdout.buffer.flush()
"""


class Interpreted:
    """The kernels as Python, line by line, in a process of its own: one that interprets can't compile. Small batches."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out, self._lock = process.stdin, process.stdout, Lock()

    def frames(self, frames: Sequence[RgbFrame]) -> list[FrameStatistics]:
        return cast("list[FrameStatistics]", self._ask("frames", frames))

    def pairs(self, pairs: Sequence[Pair]) -> list[PairStatistics]:
        return cast("list[PairStatistics]", self._ask("pairs", pairs))

    def _ask(self, name: str, frames: Sequence[Any]) -> object:
        with self._lock:
            pickle.dump((name, list(frames)), self._in)
            self._in.flush()
            answer = pickle.load(self._out)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(scope="module")
def interpreted() -> Iterator[FusedPass]:
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        yield Interpreted(process)
        process.kill()


@needs_triton
def test_the_kernels_compute_the_cpu_s_bits(interpreted: FusedPass) -> None:
    truth: RgbFrame = data.coffee()[60:68, 100:145]
    prediction = np.ascontiguousarray(truth[..., ::-1])
    black_and_white = np.zeros((8, 45, 3), np.uint8)
    black_and_white[::2, ::2] = 255
    check(interpreted, [(truth, prediction), (noise(8, 45), truth), (truth, truth), (black_and_white, ~black_and_white)])


@needs_triton
@pytest.mark.parametrize("size", [(7, 7), (6, 9), (9, 6), (1, 1)])
def test_they_do_at_the_sizes_where_windows_begin(interpreted: FusedPass, size: tuple[int, int]) -> None:
    check(interpreted, [(noise(*size), noise(*size, seed=1))])


@needs_triton
@pytest.mark.slow
@pytest.mark.parametrize("size", [(40, 50), (13, 86), (14, 43)])
def test_they_do_where_columns_or_pixels_fill_several_programs(interpreted: FusedPass, size: tuple[int, int]) -> None:
    check(interpreted, [(noise(*size), noise(*size, seed=1))])


@needs_triton
def test_batches_do_not_matter(interpreted: FusedPass) -> None:
    check(interpreted, [(noise(8, 8, seed=i), noise(8, 8, seed=i + 9)) for i in range(3)])
    assert interpreted.frames([]) == []
    assert interpreted.pairs([]) == []


@needs_triton
def test_what_is_no_frame_is_refused_as_on_the_cpu(interpreted: FusedPass) -> None:
    with pytest.raises(UsageError, match="10x8 pixels, the truth 8x8"):
        interpreted.pairs([(noise(8, 8), noise(8, 10))])
    with pytest.raises(UsageError, match="float64"):
        interpreted.frames([np.zeros((8, 8, 3))])  # type: ignore[list-item]


@needs_triton
def test_a_run_has_the_same_scores(
    interpreted: FusedPass, make_clips: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_clips(one=6, height=9, width=12)
    options = {
        "methods": "gray,exemplar-hold",
        "dataset": "folder",
        "data_root": root,
        "protocol": "full",
        "metrics": "psnr,ssim,colorfulness",
    }
    on_cpu = execute(make_spec({**options, "out": tmp_path / "cpu"}))
    monkeypatch.setattr(passes, "open_pass", lambda _: interpreted)
    on_gpu = execute(make_spec({**options, "out": tmp_path / "gpu"}))
    assert not on_cpu.failures
    for one, other in zip(on_cpu.records, on_gpu.records, strict=True):
        assert (one.scores, one.truth, one.key) == (other.scores, other.truth, other.key)


@needs_triton
@pytest.mark.parametrize("architecture", [70, 80, 90])
def test_compiled_it_divides_as_ieee_has_it_and_contracts_nothing(architecture: int) -> None:
    """Machine code is made, which needs no GPU; the interpreter accepts more than the compiler."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from colorbench.scoring import triton_kernels
    from colorbench.scoring.gpu_pass import _OPTIONS

    def code_of(kernel: Any, block: int, *types: str) -> str:
        signature = {**dict(zip(kernel.arg_names, types, strict=False)), "block": "constexpr"}
        source = ASTSource(kernel, signature, constexprs={"block": block})
        return str(triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=dict(_OPTIONS)).asm["ptx"])

    compare = code_of(triton_kernels.compare, 128, "*u8", "*u8", "*fp64", "*fp64", "*i64", "i32", "i32", "i32")
    count = code_of(triton_kernels.count, 1024, "*u8", "*i32", "*i64", "i32")
    assert re.findall(r"\bdiv\S+", compare) == ["div.rn.f64"]
    assert len(re.findall(r"\bcvt\.rn\.f64\.s32", compare)) == 4
    assert not re.findall(r"\bfma\S+|\S+\.f32\b", compare + count)


def test_the_cpu_goes_over_pixels_where_there_is_no_gpu() -> None:
    assert isinstance(open_pass("cpu"), CpuPass)


def test_it_does_where_triton_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "find_spec", lambda _: None)
    assert isinstance(open_pass("cuda"), CpuPass)


def test_it_does_where_triton_can_not_compile_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(device: str) -> FusedPass:
        raise RuntimeError(f"no C compiler for {device}")

    monkeypatch.setattr(passes, "find_spec", lambda _: object())
    monkeypatch.setattr("colorbench.scoring.gpu_pass.GpuPass", broken)
    with pytest.warns(UserWarning, match="on the CPU, as Triton does not work: no C compiler for cuda"):
        assert isinstance(open_pass("cuda"), CpuPass)


@pytest.mark.gpu
@pytest.mark.parametrize("size", [(224, 384), (480, 854), (1080, 1920), (7, 7), (5, 40)])
def test_a_gpu_finds_the_cpu_s_bits(size: tuple[int, int]) -> None:
    gpu = open_pass("cuda")
    assert not isinstance(gpu, CpuPass)
    check(gpu, [(noise(*size, seed=i), noise(*size, seed=i + 1)) for i in range(5)])


@pytest.mark.gpu
def test_a_gpu_finds_them_for_photographs_in_many_threads(pair: Pair) -> None:
    gpu = open_pass("cuda")
    with ThreadPoolExecutor(8) as executor:
        for _ in executor.map(lambda _: check(gpu, [pair, pair[::-1]]), range(40)):
            pass
