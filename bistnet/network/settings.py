"""Everything that decides BiSTNet's graph, as validated data. Presets are TOML files in ``presets/``; ablations change one key.

    settings = load_settings("compact")
    without_fusion = with_overrides(settings, {"fusion.form": "average"})

Table 2 of the paper, row by row: w/o BTFB is ``fusion.form = "average"``, w/o the semantic mask ``experts.semantic = "none"``,
w/o the edge mask ``experts.edges = "none"``, w/o MSRB ``refinement.scales = 1``. Single reference is ``fusion.references = 1``.
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from colorbench.errors import UnknownNameError, UsageError
from colorbench.records import record_from

CLASSES: Mapping[str, int] = types.MappingProxyType({"compact-semantics": 11, "protoseg-19": 19, "protoseg-150": 150})
"""Classes of the semantic experts that have a fixed number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSettings:
    """What turns luminance into the embedding that is matched."""

    encoder: Literal["vgg19", "vgg16", "compact"]
    """"vgg19" and "vgg16" are frozen, the latter is fetched; "compact" is trained with the network."""
    width: int = 0
    """Channels of the compact encoder's finest level; 0 with the others, whose widths are fixed."""
    embedding: int = 256
    """Channels D of the embedding."""
    positions: int = 0
    """Frequencies a side of the position code that is matched beside the features; 0, the paper: features alone."""
    patches: float = 0.0
    """Share that patches of luminance have of the cosine in the match over all of a reference; 0, the paper: features alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchSettings:
    """Correspondence, eq. 1 and 2."""

    stride: Literal[4, 8] = 4
    """Pixels between two positions that are matched. 4 is the release's; 8 costs a sixteenth."""
    mode: Literal["soft", "hard"] = "soft"
    """"hard" takes the best position alone; no gradient then reaches the embedding."""
    temperature: float = 0.01
    radius: int = 0
    """Of the windows, at 1/4 of the size, in which the match of stride 8 is sought again (see local.py); 0: nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionSettings:
    """BTFB, eq. 3."""

    form: Literal["linear", "as-printed", "average", "confidence"] = "linear"
    """"linear": the nearer reference weighs more. "as-printed": eq. 3 with its weights swapped. "average": without BTFB."""
    references: Literal[1, 2] = 2
    """1: trained and used with the forward reference alone."""
    enlarged: Literal["bilinear", "guided"] = "bilinear"
    """How the color map gets to the frame's size; "guided": with luminance as guide (:mod:`bistnet.upsampling`)."""
    aligned: int = 0
    """Pixels by which the places that were matched are shifted at most to fit the luminance at full size, where the colors are
    then taken as well (:mod:`bistnet.network.alignment`); 0, the paper: colors are warped at 1/4 alone."""
    doubt: float = 0.0
    """With "confidence": what a reference's weight loses, in powers of e, for each unit of L* by which what it was matched to is
    lighter or darker than the frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertSettings:
    """MEB: which maps the network is given, in this order: semantic classes, edges."""

    semantic: Literal["none", "compact-semantics", "mmseg", "protoseg-19", "protoseg-150"] = "none"
    """The semantic expert, by its name in :mod:`bistnet.experts`."""
    classes: int = 0
    """Its classes C_seg; ignored with "none"."""
    edges: Literal["none", "compact-edges", "hed"] = "none"

    @property
    def channels(self) -> int:
        """Channels of the ``experts`` argument of the network; 0 where it takes None."""
        return (self.classes if self.semantic != "none" else 0) + (self.edges != "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinementSettings:
    """MSRB: the U-Nets and what they see."""

    body: Literal["colorvidnet", "plain", "separable"]
    """"colorvidnet" is the release's U-Net, of fixed depth and levels; the others are blocks of the UNet in unet.py."""
    width: int
    """Channels at a U-Net's finest resolution."""
    depth: int = 3
    """Blocks at each resolution, in each direction."""
    levels: int = 4
    """Resolutions inside one U-Net."""
    patch: Literal[1, 2] = 1
    """2: two by two pixels are one position of a U-Net's finest resolution. Not with colorvidnet."""
    scales: Literal[1, 3] = 3
    """3: coarse to fine at 1/4, 1/2, 1. 1: without MSRB, one U-Net as wide as makes up for the parameters of three."""
    residual: bool = True
    """True: each level corrects the color map below it, the coarsest the fused map. False: ab is predicted from nothing."""
    detail: bool = False
    """With residual: each level corrects, beside what the level below says, what the color map has at this size and not at
    that below. A sharp color map stays sharp; without, it is drawn anew."""
    upsampling: Literal["bilinear", "transposed"] = "bilinear"
    """From level to level; "transposed" is the release's 2 -> 2 transposed convolution."""
    reuse_second: bool = False
    """Runs the second level's weights on the third level too, as the released code does. For its checkpoint, not for training."""
    similarity: bool = True
    """One similarity map a reference among the inputs."""
    warped: bool = False
    """The warped ab of each reference, before fusion, among the inputs."""
    luminance: bool = False
    """The warped L* of each reference, less the frame's own, among the inputs: where a match went wrong it often shows there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One network. Equal settings make equal graphs."""

    preset: str
    """The preset it came from; an override adds a "*"."""
    features: FeatureSettings
    match: MatchSettings
    fusion: FusionSettings
    experts: ExpertSettings
    refinement: RefinementSettings

    def __post_init__(self) -> None:
        _check(self)

    @property
    def carries_luminance(self) -> bool:
        """Whether the references' L* is warped beside their ab, as eq. 2 has it."""
        return self.fusion.doubt > 0.0 or self.refinement.luminance


def preset_names() -> list[str]:
    """Names of the presets that come with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _presets().iterdir() if entry.name.endswith(".toml"))


def load_settings(name: str | Path) -> Settings:
    """A preset by name, or a TOML file of the same form.

    Raises:
        UsageError: unknown preset, a file that can't be read, an unknown key, a value of the wrong type or range.

    >>> load_settings("paper").refinement.width
    64
    """
    path = Path(name)
    if path.suffix == ".toml":
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"settings {path}: {error}", wanted="a TOML file that can be read", remedy="check the path"
            ) from error
    elif str(name) in preset_names():
        text = (_presets() / f"{name}.toml").read_text(encoding="utf-8")
    else:
        raise UnknownNameError("preset", str(name), preset_names(), remedy="or give the path of a file that ends in .toml")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"settings {name}: {error}", wanted="valid TOML", remedy="mend that line") from error
    return settings_from_dict({"preset": path.stem, **table})


def settings_from_dict(table: Mapping[str, Any]) -> Settings:
    """The inverse of ``dataclasses.asdict``; lists what is wrong with a key or value.

    Raises:
        UsageError: as :func:`load_settings`.
    """
    return record_from(Settings, table)


def with_overrides(settings: Settings, overrides: Mapping[str, Any]) -> Settings:
    """Settings with single keys changed, each written ``table.key``.

    Raises:
        UsageError: as :func:`load_settings`.

    >>> with_overrides(load_settings("paper"), {"experts.edges": "none"}).preset
    'paper*'
    """
    table = dataclasses.asdict(settings)
    known = [f"{name}.{key}" for name, inner in table.items() if isinstance(inner, dict) for key in inner]
    for path, value in overrides.items():
        if path not in known:
            raise UnknownNameError("setting", path, known)
        outer, _, key = path.partition(".")
        table[outer][key] = value
    changed = settings_from_dict(table)
    return changed if changed == settings else dataclasses.replace(changed, preset=settings.preset.rstrip("*") + "*")


def _presets() -> Any:
    return resources.files("bistnet") / "presets"


def _check(settings: Settings) -> None:
    """Ranges, and choices that exclude each other."""
    features, match, experts, refinement = settings.features, settings.match, settings.experts, settings.refinement
    semantic = experts.semantic != "none"
    compact = features.encoder == "compact"
    ranges = (
        ("features.embedding", features.embedding, 1, 4096),
        ("features.positions", features.positions, 0, 16),
        ("match.radius", match.radius, 0, 8),
        ("features.width", features.width, int(compact), 1024 * compact),
        ("experts.classes", experts.classes, int(semantic), 4096),
        ("fusion.aligned", settings.fusion.aligned, 0, 8),
        ("refinement.width", refinement.width, 2, 1024),
        ("refinement.depth", refinement.depth, 1, 64),
        ("refinement.levels", refinement.levels, 1, 6),
    )
    for path, value, least, most in ranges:
        if not least <= value <= most:
            raise UsageError(f"{path} = {value}", wanted=f"{least} to {most}" if most else "0", remedy=f"change {path}")
    if not 0.0 <= features.patches < 1.0:
        raise UsageError(f"features.patches = {features.patches}", wanted="0 to below 1", remedy="0.4 is compact's")
    if not 0.0 <= settings.fusion.doubt <= 100.0:
        raise UsageError(f"fusion.doubt = {settings.fusion.doubt}", wanted="0 to 100", remedy="0.2 is vgg16's")
    if settings.fusion.doubt and settings.fusion.form != "confidence":
        raise UsageError(
            f'fusion.doubt = {settings.fusion.doubt} with fusion.form = "{settings.fusion.form}"',
            wanted='form "confidence", which alone weighs by what was found',
            remedy='set fusion.doubt = 0, or fusion.form = "confidence"',
        )
    if not 0.0 < match.temperature <= 1.0:
        raise UsageError(f"match.temperature = {match.temperature}", wanted="above 0, at most 1", remedy="0.01 is usual")
    if settings.fusion.aligned and match.stride == 8 and not match.radius:
        raise UsageError(
            f"fusion.aligned = {settings.fusion.aligned} with a match at 1/8 alone",
            wanted="places at 1/4: match.stride = 4, or windows",
            remedy="set match.radius, match.stride = 4 or fusion.aligned = 0",
        )
    if match.radius and match.stride != 8:
        raise UsageError(
            f"match.radius = {match.radius} with match.stride = {match.stride}",
            wanted="stride 8, whose result is refined at 1/4",
            remedy="set match.radius = 0, or match.stride = 8",
        )
    known = CLASSES.get(experts.semantic, experts.classes)
    if semantic and experts.classes != known:
        raise UsageError(
            f"experts.classes = {experts.classes} with {experts.semantic}", wanted=f"{known}", remedy="change experts.classes"
        )
    skeleton = (refinement.depth, refinement.levels, refinement.patch, refinement.width % 2)
    if refinement.body == "colorvidnet" and skeleton != (3, 4, 1, 0):
        raise UsageError(
            f'refinement.body = "colorvidnet" with depth {refinement.depth}, levels {refinement.levels}, '
            f"patch {refinement.patch}, width {refinement.width}",
            wanted="depth 3, levels 4, patch 1 and an even width: its skeleton is fixed",
            remedy='leave depth, levels and patch away, or take body = "plain"',
        )
    if refinement.scales == 1 and refinement.reuse_second:
        raise UsageError(
            "refinement.reuse_second with refinement.scales = 1", wanted="three scales", remedy="set one of them back"
        )
