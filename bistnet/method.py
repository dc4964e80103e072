"""BiSTNet for the harness. Importing this takes no torch.

``bistnet`` colors between two or more exemplars, ``bistnet-single`` from the first alone. The variant ``vgg16`` runs where it is
named, until its refinement is trained and the tables that name ``bistnet`` are made with it. ``bistnet-own`` runs one's own
weights. Nothing untrained can stand in a table without the word: random weights are the variant ``untrained``, which runs
only when it is named and the setting ``untrained=yes`` is given, and is printed in the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from bistnet.options import Options
from bistnet.shipped import find_expert, find_network, find_vgg16, weights_folders
from colorbench.errors import MethodError, UsageError
from colorbench.files.digest import file_digest
from colorbench.method import GrayClip, require_exemplars
from colorbench.types import Exemplar, MethodCard, NetworkFacts, RgbFrame, Setting, Variant

if TYPE_CHECKING:
    from bistnet.inference import Colorizer
    from bistnet.loading import Loaded

PAPER = "Yang et al., BiSTNet, TPAMI 2024, arXiv 2212.02268"
UNTRAINED = "untrained"

WORKING = (
    Setting(
        name="long_side",
        summary="chroma is computed with the long side scaled down to this; 0 for the clip's size",
        default="384",
    ),
    Setting(name="batch", summary="frames at a time; 0 lets the device decide", default="0"),
    Setting(name="precision", summary="float32, float16, bfloat16, or auto: float16 on a GPU", default="float32"),
    Setting(name="compile", summary="yes: through torch.compile", default="no"),
)
_TRYING = (
    Setting(name=UNTRAINED, summary="yes: lets the variant untrained run, with random weights", default="no"),
    Setting(name="preset", summary="of the variant untrained", default="compact"),
)


class Bistnet:
    """The network with weights that come with the package or lie on this machine.

    Args:
        name: of the method.
        summary: of its card.
        exemplars: fewest and most that it takes.
        stems: names of weights to look for, the preferred first, after a preset's name: "compact-single", "compact".
        vgg16: the network of the variant vgg16, of which the encoder is fetched.
        compact: the network of the variant compact.
    """

    def __init__(
        self,
        name: str,
        summary: str,
        *,
        exemplars: tuple[int, int | None],
        stems: Sequence[str],
        vgg16: NetworkFacts,
        compact: NetworkFacts,
    ) -> None:
        self._stems = tuple(stems)
        self.card = MethodCard(
            name=name,
            kind="exemplar",
            summary=summary,
            variants=(
                Variant(
                    name="paper",
                    summary="at the paper's size",
                    exemplars=exemplars,
                    weights="trained at the paper's size",
                    networks=(
                        NetworkFacts(name="BiSTNet", build="bistnet.loading:build_paper", parameters=118_806_918, entries=231),
                    ),
                ),
                Variant(
                    name="vgg16",
                    summary="VGG16's features, which are fetched, and a small refinement",
                    exemplars=exemplars,
                    trained_on=("davis", "bsds500", "gallery", "imagenet"),
                    weights="in the package, but VGG16's: colorbench weights fetch vgg16",
                    by_default=False,
                    networks=(vgg16,),
                ),
                Variant(
                    name="compact",
                    summary="small, for a CPU",
                    exemplars=exemplars,
                    trained_on=("davis", "bsds500"),
                    weights="in the package",
                    networks=(compact,),
                ),
                Variant(
                    name=UNTRAINED,
                    summary="random weights, to try the plumbing; needs untrained=yes",
                    exemplars=exemplars,
                    by_default=False,
                ),
            ),
            licence="MIT",
            paper=PAPER,
            devices=("cpu", "cuda"),
            settings=(*WORKING, *_TRYING),
        )

    def unavailable(self, variant: str) -> str:
        """See Method. The variant ``untrained`` is refused by ``fingerprint``, which is told the settings."""
        if variant == UNTRAINED:
            return ""
        if self._path(variant) is not None:
            missing = variant == "vgg16" and find_vgg16() is None
            return "no weights of VGG16 on this machine; get them with: colorbench weights fetch vgg16" if missing else ""
        folder = weights_folders()[1] / "bistnet"
        if variant == "paper":
            return f"no {variant}.safetensors in {folder}: the authors' released weights are of another network, so train it"
        return f"no {variant}.safetensors in the package or in {folder}"

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:
        """See Method.

        Raises:
            UsageError: random weights were not asked for, or a setting means nothing.
        """
        parse_options(settings)
        if variant == UNTRAINED:
            if settings.get(UNTRAINED) != "yes":
                missing = [
                    f"{self.card.name}:{v.name}: {reason}" for v in self.card.variants if (reason := self.unavailable(v.name))
                ]
                raise UsageError(
                    "; ".join(missing) or f"{self.card.name}:{UNTRAINED} has random weights",
                    wanted="trained weights",
                    remedy=f"put them there; or try the plumbing: {self.card.name}:{UNTRAINED} with --set LABEL.{UNTRAINED}=yes",
                )
            return f"{UNTRAINED} {settings['preset']}"
        path = self._path(variant)
        return digests(path) if path is not None else ""

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> HarnessColorizer:
        """See Method."""
        from bistnet.loading import load_trained, load_untrained

        options = parse_options(settings)
        path = self._path(variant)
        if variant == UNTRAINED:
            return _colorizer(load_untrained(settings["preset"]), device, options)
        if path is None:
            raise MethodError(self.unavailable(variant), wanted="its weights", remedy="put them there")
        return _colorizer(load_trained(path), device, options)

    def _path(self, variant: str) -> Path | None:
        return next((path for stem in self._stems if (path := find_network(stem.format(variant))) is not None), None)


class OwnBistnet:
    """The network with weights of one's own."""

    card = MethodCard(
        name="bistnet-own",
        kind="exemplar",
        summary="BiSTNet with the weights that the setting checkpoint names",
        variants=(
            Variant(name="double", summary="between exemplars", exemplars=(1, None), weights="given"),
            Variant(name="single", summary="from the first exemplar", exemplars=(1, 1), weights="given"),
        ),
        licence="MIT",
        paper=PAPER,
        devices=("cpu", "cuda"),
        settings=(
            Setting(name="checkpoint", summary="a .safetensors file of this project"),
            Setting(name="preset", summary="what the checkpoint must be of; empty takes any", default=""),
            *WORKING,
        ),
    )

    def unavailable(self, variant: str) -> str:  # noqa: ARG002
        """See Method."""
        return ""

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:  # noqa: ARG002
        """See Method."""
        parse_options(settings)
        return digests(Path(settings["checkpoint"]))

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> HarnessColorizer:  # noqa: ARG002
        """See Method."""
        from bistnet.loading import load_trained

        options = parse_options(settings)
        return _colorizer(load_trained(Path(settings["checkpoint"]), preset=settings["preset"] or None), device, options)


class HarnessColorizer:
    """Satisfies :class:`colorbench.method.Colorizer`."""

    def __init__(self, core: Colorizer) -> None:
        self.core = core

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        """See Colorizer. An exemplar that has no frame is put at the one that looks most like it, which reads the clip once more.

        Raises:
            MethodError: no exemplar, or exemplars on one frame.
        """
        return self.resume(clip, exemplars, 0)

    def resume(self, clip: GrayClip, exemplars: Sequence[Exemplar], start: int) -> Iterator[RgbFrame]:
        """See ResumableColorizer."""
        from bistnet.network.fusion import spans

        cut = spans(exemplar_frames(clip, exemplars), len(clip))
        frames = self.core.stream(cut, luminance=clip.luminance, reference=lambda number: exemplars[number].rgb, first=start)
        with closing(frames):
            for frame in frames:
                yield clip.merge(frame.number, frame.ab())


def parse_options(settings: Mapping[str, str]) -> Options:
    """Settings as text to Options.

    Raises:
        UsageError: a value that is none.
    """
    numbers = {}
    for name in ("long_side", "batch"):
        if not (settings[name].isascii() and settings[name].isdigit()):
            raise UsageError(f"{name} {settings[name]!r}", wanted="a whole number from 0 on", remedy=f"change {name}")
        numbers[name] = int(settings[name])
    return Options(precision=settings["precision"], compiled=settings["compile"] == "yes", **numbers)  # type: ignore[arg-type]


def exemplar_frames(clip: GrayClip, exemplars: Sequence[Exemplar]) -> list[int]:
    """The frame of each exemplar; of one that has none the frame that looks most like it, for which the clip is read once.

    Raises:
        MethodError: no exemplar.
    """
    require_exemplars(clip, exemplars)
    lost = [number for number, exemplar in enumerate(exemplars) if exemplar.index is None]
    found = [exemplar.index for exemplar in exemplars]
    if lost:
        from colorbench.clips.likeness import most_alike

        pictures, names = zip(*((exemplars[number].rgb, exemplars[number].name) for number in lost), strict=True)
        for number, index in zip(lost, most_alike(pictures, names, map(clip.luminance, range(len(clip)))), strict=True):
            found[number] = index
    return [index for index in found if index is not None]


def _colorizer(loaded: Loaded, device: str, options: Options) -> HarnessColorizer:
    from bistnet.inference import Colorizer

    return HarnessColorizer(Colorizer(loaded.network, experts=loaded.experts, device=device, options=options))


def digests(path: Path) -> str:
    """Of the checkpoint, and of every expert's and encoder's weights that it may use."""
    experts = (
        find_expert(name) for name in ("compact-semantics", "compact-edges", "hed", "protoseg-19", "protoseg-150", "mmseg")
    )
    return " ".join(file_digest(file) for file in (path, *experts, find_vgg16()) if file is not None)


METHODS = (
    Bistnet(
        "bistnet",
        "BiSTNet, colors matched and fused between exemplars",
        exemplars=(1, None),
        stems=("{}",),
        vgg16=NetworkFacts(name="BiSTNet", build="bistnet.loading:build_vgg16", parameters=15_550_077, entries=188),
        compact=NetworkFacts(name="BiSTNet", build="bistnet.loading:build_compact", parameters=1_606_477, entries=198),
    ),
    Bistnet(
        "bistnet-single",
        "BiSTNet from the first exemplar",
        exemplars=(1, 1),
        stems=("{}-single", "{}"),
        vgg16=NetworkFacts(name="BiSTNet", build="bistnet.loading:build_vgg16_single", parameters=15_549_309, entries=188),
        compact=NetworkFacts(name="BiSTNet", build="bistnet.loading:build_compact_single", parameters=1_605_901, entries=198),
    ),
    OwnBistnet(),
)
