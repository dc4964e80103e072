"""FAVC (Lei and Chen, Fully Automatic Video Colorization with Self-Regularization and Diversity, CVPR 2019), from its facts.

A U-Net over VGG19's features of the gray frame answers with four colored pictures of it; a second stage makes frames agree. The
released test scripts run the first stage alone, on each frame. docs/design/favc-inscolor.md says which choices were left.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.compact_networks.shipped import compact_trainable, compact_way
from colorbench.errors import UsageError
from colorbench.training.trainable import OpenTask
from colorbench.types import MethodCard, NetworkFacts, Setting, Variant
from colorbench.weights.network_method import NetworkMethod, Settings, Way

if TYPE_CHECKING:
    from baselines.favc_networks.coloring import Working
    from colorbench.method import Colorizer

VGG = ("favc-vgg", "favc-vgg-2020")
"""In the manifest of weights; either will do, as the files are the same."""

VGG_FILE = "imagenet-vgg-verydeep-19.mat"

CHECKPOINTS = {
    "video": {"favc": "model_div_woflow/", "favc-2020-woflow": ""},
    "image": {"favc": "model_imagecolor/"},
    "refined": {"favc-2020-full": ""},
}
"""Entries of the manifest by the setting ``model``, of which the first that is here is taken, and the folder in the archive."""

CHOICES = {"model": tuple(CHECKPOINTS), "hypothesis": ("0", "1", "2", "3"), "fit": ("crop", "pad")}


def _missing() -> str:
    """What ``model=video``, the default, needs."""
    from colorbench.weights.official import weights_missing

    reasons = [weights_missing(_here(entries)) for entries in (VGG, tuple(CHECKPOINTS["video"]))]
    return "; ".join(reason for reason in reasons if reason)


def _identity(settings: Settings) -> str:
    """The files, and the flow's version where there is one."""
    from colorbench.files.digest import file_digest

    model, _ = parse_settings(settings)
    vgg, checkpoint = _vgg(), _checkpoint(model)
    data = sorted(checkpoint.parent.glob(f"{checkpoint.name}.data-*"))
    digests = " ".join(file_digest(path) for path in (vgg, checkpoint.with_name(f"{checkpoint.name}.index"), *data))
    return f"{digests} flow opencv {version('opencv-python')}" if model == "refined" else digests


def _official(device: str, settings: Settings) -> Colorizer:
    from baselines.favc_networks.coloring import ReleasedColorizer
    from baselines.favc_networks.loading import load_network, load_refinement
    from baselines.favc_networks.networks import ImageNetwork, VideoNetwork

    model, working = parse_settings(settings)
    vgg, checkpoint = _vgg(), _checkpoint(model)
    network = load_network(ImageNetwork if model == "image" else VideoNetwork, checkpoint=checkpoint, vgg=vgg)
    refinement = load_refinement(checkpoint) if model == "refined" else None
    return ReleasedColorizer(network, working=working, refinement=refinement, device=device)


def _compact(path: Path, device: str) -> Colorizer:
    from baselines.favc_networks.compact import colorizer, load_compact

    return colorizer(load_compact(path), device=device)


def parse_settings(settings: Settings) -> tuple[str, Working]:
    """The model's name, and what is made of a frame.

    Raises:
        UsageError: a value that is none.
    """
    from baselines.favc_networks.coloring import Working

    for name, known in CHOICES.items():
        if settings[name] not in known:
            raise UsageError(f"{name} = {settings[name]!r}", wanted=f"one of {', '.join(known)}", remedy=f"change {name}")
    model, hypothesis = settings["model"], int(settings["hypothesis"])
    if model == "image" and hypothesis:
        raise UsageError(f"hypothesis = {hypothesis} with model = image", wanted="0, its only one", remedy="change hypothesis")
    return model, Working(hypothesis=hypothesis, fit="pad" if settings["fit"] == "pad" else "crop")


def _vgg() -> Path:
    from colorbench.weights.official import require_weights

    return require_weights(_here(VGG), VGG_FILE)


def _checkpoint(model: str) -> Path:
    """Without ``.index``."""
    from baselines.favc_networks.loading import checkpoint_prefix
    from colorbench.weights.official import require_weights

    folders = CHECKPOINTS[model]
    entry = _here(tuple(folders))
    return checkpoint_prefix(require_weights(entry, f"{folders[entry]}checkpoint"))


def _here(entries: tuple[str, ...]) -> str:
    """The first entry whose weights are on this machine; the first of all where none is."""
    from colorbench.weights.official import weights_missing

    return next((entry for entry in entries if not weights_missing(entry)), entries[0])


METHODS = (
    NetworkMethod(
        MethodCard(
            name="favc",
            kind="automatic",
            summary="FAVC, each frame on its own by a U-Net over features of the gray frame, one of four hypotheses",
            variants=(
                Variant(
                    name="official",
                    summary="the authors' weights and preparation, no flow",
                    trained_on=("imagenet", "davis"),
                    weights="the authors' pretrained_models.zip and VGG_Model.zip (MIT), TensorFlow 1 and MatConvNet",
                    networks=(
                        NetworkFacts(
                            name="video", build="baselines.favc_networks.loading:build_video", parameters=28_695_404, entries=76
                        ),
                        NetworkFacts(
                            name="image", build="baselines.favc_networks.loading:build_image", parameters=28_758_819, entries=86
                        ),
                        NetworkFacts(
                            name="refinement",
                            build="baselines.favc_networks.loading:build_refinement",
                            parameters=8_621_795,
                            entries=44,
                        ),
                    ),
                ),
                Variant(
                    name="compact",
                    summary="the same design small, trained by this project; features are learned with it, no flow",
                    trained_on=("davis", "bsds500"),
                    weights="in the package",
                    networks=(
                        NetworkFacts(
                            name="video", build="baselines.favc_networks.compact:build_compact", parameters=1_363_468, entries=64
                        ),
                    ),
                ),
            ),
            licence="MIT",
            paper="Lei and Chen, Fully Automatic Video Colorization with Self-Regularization and Diversity, CVPR 2019",
            devices=("cpu", "cuda"),
            settings=(
                Setting(
                    name="model",
                    summary="official: video, their test_div_video.py; image, test.py; refined, video and then the second stage",
                    default="video",
                ),
                Setting(name="hypothesis", summary="official: which of the four pictures, 0 to 3", default="0"),
                Setting(
                    name="fit",
                    summary="official: crop, the authors' cut to multiples of 32, margins take the nearest chroma; pad, no cut",
                    default="crop",
                ),
            ),
        ),
        {
            "official": Way(missing=_missing, identity=_identity, load=_official),
            "compact": compact_way("favc", _compact),
        },
        check=parse_settings,
    ),
)


def _task() -> tuple[type[Any], OpenTask]:
    from baselines.favc_networks.training import TrainingSettings, open_task

    return TrainingSettings, lambda settings, data, seed: open_task(settings, data, seed, card=METHODS[0].card)


TRAINABLES = (compact_trainable(METHODS[0].card, _task),)
