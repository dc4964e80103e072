"""What holds for every registered method, on the day its file is dropped in."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from colorbench.clips.footage import Footage
from colorbench.clips.protocol import load_protocol
from colorbench.method import Colorizer, Method
from colorbench.registry import METHODS
from colorbench.scoring.clip_scores import LUMINANCE_TOLERANCE, checked
from colorbench.types import Clip, NetworkFacts, Protocol, Variant

MakeClips = Callable[..., Path]
FULL = load_protocol("full")
VARIANTS = [
    pytest.param(method, variant, id=f"{method.card.name}:{variant.name}")
    for method in METHODS.items()
    for variant in method.card.variants
    if all(setting.default is not None for setting in method.card.settings) and not method.unavailable(variant.name)
]


NETWORKS = [
    pytest.param(network, id=f"{method.card.name}:{variant.name} {network.name}")
    for method in METHODS.items()
    for variant in method.card.variants
    for network in variant.networks
]


def test_no_file_is_broken() -> None:
    assert {name: entry.error for name, entry in METHODS.entries.items() if entry.error} == {}


@pytest.mark.parametrize("method", METHODS.items(), ids=lambda method: method.card.name)
def test_cards_are_complete(method: Method) -> None:
    card = method.card
    assert card.summary
    assert card.variants
    assert set(card.devices) <= {"cpu", "cuda"}
    assert "cpu" in card.devices
    names = [variant.name for variant in card.variants]
    assert len(set(names)) == len(names)
    for variant in card.variants:
        fewest, most = variant.exemplars
        assert fewest >= 0
        assert most is None or most >= fewest
        assert card.kind != "automatic" or most == 0


def colorize(method: Method, variant: Variant, footage: Footage) -> list[np.ndarray]:
    settings = {setting.name: setting.default or "" for setting in method.card.settings}
    colorizer: Colorizer = method.load(variant=variant.name, device="cpu", settings=settings)
    return list(checked(colorizer.colorize(footage, footage.exemplars(variant.exemplars[1])), footage))


@pytest.fixture
def footage(make_clips: MakeClips, executor: ThreadPoolExecutor) -> Iterator[Callable[..., Footage]]:
    opened = []

    def open_clip(frames: int, *, protocol: Protocol = FULL, **size: int) -> Footage:
        root = make_clips(clip=frames, root=f"clips-{frames}", **size)
        opened.append(Footage(Clip(name="clip", dataset="test", source=root / "clip"), protocol, executor=executor))
        return opened[-1]

    yield open_clip
    for clip in opened:
        clip.close()


@pytest.mark.parametrize(("method", "variant"), VARIANTS)
def test_each_frame_comes_back_colored_with_its_luminance(
    method: Method, variant: Variant, footage: Callable[..., Footage]
) -> None:
    from colorbench.color import luminance

    clip = footage(9)
    for index, frame in enumerate(colorize(method, variant, clip)):
        if method.card.luminance == "kept":
            assert np.median(np.abs(luminance(frame) - clip.luminance(index))) <= LUMINANCE_TOLERANCE


@pytest.mark.parametrize(("method", "variant"), VARIANTS)
def test_the_same_clip_gives_the_same_bytes(method: Method, variant: Variant, footage: Callable[..., Footage]) -> None:
    clip = footage(7)
    for first, second in zip(colorize(method, variant, clip), colorize(method, variant, clip), strict=True):
        assert np.array_equal(first, second)


@pytest.mark.parametrize(("method", "variant"), VARIANTS)
def test_odd_sizes_and_very_short_clips_work(method: Method, variant: Variant, footage: Callable[..., Footage]) -> None:
    shortest = max(variant.exemplars[0], 1)
    assert len(colorize(method, variant, footage(max(shortest, 2), height=37, width=53))) == max(shortest, 2)


@pytest.mark.parametrize(("method", "variant"), VARIANTS)
def test_frames_are_yielded_one_by_one(method: Method, variant: Variant, footage: Callable[..., Footage]) -> None:
    clip = footage(5)
    settings = {setting.name: setting.default or "" for setting in method.card.settings}
    frames = method.load(variant=variant.name, device="cpu", settings=settings).colorize(
        clip, clip.exemplars(variant.exemplars[1])
    )
    assert len(list(islice(frames, 2))) == 2


@pytest.mark.parametrize("facts", NETWORKS)
def test_networks_have_the_parameters_and_entries_of_their_cards(facts: NetworkFacts) -> None:
    module_name, _, name = facts.build.partition(":")
    module = importlib.import_module(module_name)
    build = getattr(module, name)
    needs_shape = any(parameter.name == "shape" for parameter in inspect.signature(build).parameters.values())
    with torch.device("meta"):
        network = build(module.Shape()) if needs_shape else build()
    assert sum(parameter.numel() for parameter in network.parameters()) == facts.parameters
    assert len(network.state_dict()) == facts.entries


def test_every_variant_with_weights_says_of_what_networks() -> None:
    weighted = [(method.card.name, variant) for method in METHODS.items() for variant in method.card.variants if variant.weights]
    assert {name for name, variant in weighted if not variant.networks} == {"bistnet-own"}
