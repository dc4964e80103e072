"""Scores a network that is being trained as the harness would: the same protocol, frames and metrics, without a run folder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from colorbench.clips.footage import Footage
from colorbench.clips.protocol import load_protocol
from colorbench.frames.images import write_png
from colorbench.method import Colorizer
from colorbench.registry import METRICS
from colorbench.runs.plan import thread_count
from colorbench.scoring.clip_scores import OpenMetric, TruthMemo, score_clip
from colorbench.types import Clip, Exemplar, MethodCard, RgbFrame

METRIC_NAMES = ("psnr", "ssim", "cdc", "colorfulness")
_SHOWN = 3


def score_colorizer(
    colorizer: Colorizer,
    card: MethodCard,
    clips: Sequence[Clip],
    folder: Path,
    *,
    exemplars: int | None = None,
    protocol: str = "bistnet",
) -> dict[str, float]:
    """Colors and scores clips.

    Args:
        colorizer: what is trained, ready to color.
        card: of the method it will be.
        clips: none of which was trained on.
        folder: gets CLIP.png: three frames across, colored above true.
        exemplars: at most this many of the protocol's.
        protocol: a preset's name.

    Returns:
        Means over the clips by metric, and each clip's PSNR as ``psnr_CLIP``. NaN where a clip has no value, as CDC has none for
        a clip of a few frames.
    """
    rules = load_protocol(protocol, overrides={})
    metrics = [OpenMetric(METRICS.get(name).card, METRICS.get(name).open(device="cpu")) for name in METRIC_NAMES]
    rows: dict[str, dict[str, float]] = {}
    with ThreadPoolExecutor(thread_count()) as executor:
        for clip in clips:
            footage = Footage(clip, rules, executor=executor)
            try:
                shown: dict[int, RgbFrame] = {}
                wanted = [int(index) for index in np.linspace(footage.scored[0], footage.scored[-1], _SHOWN)]
                used = footage.exemplars(exemplars)
                stream = _kept(colorizer, footage, used, wanted, shown)
                scores = score_clip(stream, footage, card=card, metrics=metrics, memo=TruthMemo(), executor=executor)
                rows[clip.name] = {}
                for score in scores.scores:
                    rows[clip.name][score.metric] = math.nan if score.value is None else score.value
                strip = [np.concatenate([shown[index], footage.rgb(index)]) for index in dict.fromkeys(wanted)]
                write_png(folder / f"{clip.name}.png", np.concatenate(strip, axis=1))
            finally:
                footage.close()
    means = {name: float(np.mean([row[name] for row in rows.values()])) for name in METRIC_NAMES}
    return {**means, **{f"psnr_{name}": row["psnr"] for name, row in rows.items()}}


def _kept(
    colorizer: Colorizer, footage: Footage, exemplars: Sequence[Exemplar], wanted: Sequence[int], shown: dict[int, RgbFrame]
) -> Iterator[RgbFrame]:
    """What the colorizer yields; the wanted frames are put into ``shown``."""
    for index, frame in enumerate(colorizer.colorize(footage, exemplars)):
        if index in wanted:
            shown[index] = frame
        yield frame
