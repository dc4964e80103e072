"""The records that travel through colorbench. Frozen, no behaviour beyond validation."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RgbFrame = NDArray[np.uint8]
"""(H, W, 3) uint8 in [0, 255], sRGB."""

LStar = NDArray[np.float32]
"""(H, W) float32 in [0, 100], CIE L* (D65)."""

MOST_PIXELS = 1 << 14
"""Of a side to which frames are brought."""

Kind = Literal["automatic", "exemplar", "control"]
Direction = Literal["higher", "lower", "none"]
Luminance = Literal["kept", "own"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A clip as a dataset lists it: where its frames are, not the frames."""

    name: str
    """Unique within its dataset; used for result folders and file names."""
    dataset: str
    source: Path
    """A folder of pictures or a video file."""
    references: tuple[Path, ...] = ()
    """Exemplar pictures that came with the clip, in natural order; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetCard:
    """What a dataset is, how it is laid out and how to get it."""

    name: str
    summary: str
    licence: str
    layout: str
    """The folders expected under the root, in one line."""
    splits: tuple[str, ...] = ()
    """Named subsets for ``--dataset NAME:SPLIT``; the first is the default."""
    needs_root: bool = True
    """False where the frames are embedded."""
    obtain: str = ""
    """The command that gets it, or what to do where no address is known to live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplar:
    """A color picture that a method may take colors from."""

    rgb: RgbFrame
    """(H, W, 3) uint8 in [0, 255], sRGB, at the protocol's size."""
    index: int | None
    """The frame of the clip that it shows; None where the user did not say."""
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How clips are prepared, which frames are exemplars, which are scored, and how scores are pooled. Data, no code."""

    name: str
    summary: str = ""
    width: int | None = None
    """Working size in pixels; both None keep each clip's own size."""
    height: int | None = None
    fit: Literal["stretch", "cover", "native"] = "stretch"
    """"stretch" ignores the aspect ratio; "cover" scales to cover the size and crops the center; "native" does not scale."""
    interpolation: Literal["area", "bilinear", "bicubic", "lanczos"] = "area"
    crop_multiple: int = 1
    """With "native": bottom and right are cropped so that both sides are multiples of this."""
    max_frames: int | None = None
    """Only the first so many frames of a clip; None for all."""
    exemplars: str = "ends"
    """"none", "first", "ends", "first-middle-last", "every:K", "per-shot" or "given" (see exemplars.py)."""
    skip_first: int = 0
    """So many frames at the beginning are not scored."""
    skip_last: int = 0
    score_exemplars: bool = False
    """True: frames that are exemplars are scored too."""
    gray: Literal["lab", "rec601"] = "lab"
    """"lab": L* of the color frame in float32. "rec601": L* of its 8-bit BT.601 luma picture."""
    rounding: Literal["nearest", "truncate"] = "nearest"
    """How luminance and chroma are merged into 8 bits."""
    pooling: Literal["clip", "frame"] = "clip"
    """"clip": frames are averaged in a clip, then clips. "frame": over all frames of all clips."""
    mixed_sizes: Literal["refuse", "resize"] = "refuse"
    """What happens to a frame whose size is not that of frame 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of a method, given as ``--set LABEL.name=value``."""

    name: str
    summary: str
    default: str | None = None
    """None makes the setting required."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFacts:
    """A network as it must come out when it is built, of a published one as it was published."""

    name: str
    build: str
    """``MODULE:NAME`` of what makes it with random weights, called without arguments, or with its module's ``Shape()``."""
    parameters: int
    """Buffers do not count."""
    entries: int
    """Of its state dict, buffers among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way in which a method runs: other weights, other exemplars, another size."""

    name: str
    summary: str = ""
    exemplars: tuple[int, int | None] = (0, 0)
    """Fewest and most exemplars taken; None is any number."""
    trained_on: tuple[str, ...] = ()
    """Datasets its weights have seen, for contamination marks."""
    weights: str = ""
    """What weights it needs, in words; empty for none."""
    networks: tuple[NetworkFacts, ...] = ()
    """What its weights are of; several where it has several files, or a choice of them."""
    by_default: bool = True
    """False: runs only when it is named, for what must not stand in a table by accident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodCard:
    """What a method is. Shown by ``colorbench methods`` and stored with every result."""

    name: str
    kind: Kind
    summary: str
    variants: tuple[Variant, ...]
    """In order of preference: with no variant named, the first that can run here is taken."""
    licence: str = ""
    paper: str = ""
    devices: tuple[str, ...] = ("cpu",)
    """Of "cpu" and "cuda"."""
    luminance: Luminance = "kept"
    """"kept": the harness refuses output whose luminance is not the input's. "own": it is measured and recorded."""
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSpec:
    """``[LABEL=]NAME[:VARIANT]`` with its settings, as asked for."""

    label: str
    """The row's name in tables; unique in a run."""
    name: str
    variant: str | None = None
    """None leaves the choice to the card's order of preference."""
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCard:
    """What a metric is. Its fields and version are part of every score's signature."""

    name: str
    summary: str
    unit: str
    direction: Direction
    needs_truth: bool
    """False where a clip without color ground truth still has a value."""
    per_frame: bool
    """True: one value a scored frame, pooled by the protocol. False: one value a clip."""
    signature: tuple[tuple[str, str], ...]
    """Every choice that changes the number, in a fixed order, e.g. (("window", "uniform7"), ...)."""
    version: int
    """Raised when the same input would score differently."""
    reference: str
    decimals: int
    """Digits after the point in tables."""
    default: bool = True
    """False: computed only when named with ``--metrics``."""
    ceiling: float | None = None
    """The value that a frame equal to its truth has, where the formula has no end there; tables say how many frames are at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One metric of one clip by one method. A missing value always has a reason."""

    metric: str
    value: float | None
    """The clip's value; finite, but that runs of earlier versions may hold inf (their PSNR of equal frames)."""
    reason: str = ""
    """Why value is None."""
    frames: tuple[float, ...] = ()
    """One value a scored frame, in order, where the metric has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """All that is asked of a run, resolved. Engine, workers and address decide where and how fast it is done, never a number."""

    methods: tuple[MethodSpec, ...]
    dataset: str
    protocol: str
    """A preset's name or the path of a TOML file."""
    out: Path
    """The run folder; of a run at a URL, the working copy."""
    remote: str = ""
    """URL of the run folder, for a run that is kept on an object store or a file server."""
    data_root: Path | None = None
    metrics: tuple[str, ...] = ()
    """Empty: all that are registered by default."""
    require: tuple[str, ...] = ()
    """Metrics whose absence is an error instead of a dash."""
    clips: tuple[str, ...] = ()
    """Empty: all of the dataset."""
    device: str = "auto"
    seed: int = 0
    save_frames: Literal["no", "png", "video"] = "no"
    overrides: tuple[tuple[str, str], ...] = field(default=())
    """Protocol fields changed on the command line."""
    threads: int = 1
    """Of torch, for what a unit computes on the CPU: its last bits depend on them."""
    engine: Literal["local", "ray"] = "local"
    workers: int | Literal["auto"] = 1
    """Units at a time; see docs/design/engines.md for what "auto" is."""
    address: str | None = None
    """Of a Ray cluster."""
