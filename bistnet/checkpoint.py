"""Checkpoints: one safetensors file with the weights and a card that says how they came about.

Weights are stored in float16 (half the size; the network computes in float32, to which float16 is widened exactly, so a file that
is loaded and saved again has the same bytes). The card is JSON under the metadata key "card". Loading is strict: the
settings come from the card, names and shapes must be the network's, and a pickle is never run. See docs/design/checkpoints.md.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from bistnet.backbone import identity, is_fetched, load_encoder
from bistnet.network.graph import BiSTNet
from bistnet.network.settings import Settings, settings_from_dict
from bistnet.release import recognize
from colorbench.errors import UsageError, WeightsError
from colorbench.nets.checkpoints import load_strict, read_state
from colorbench.weights.trained_file import package_versions, save_weights

FORMAT = 1
"""Raised when a file of this form could not be read by the code before it."""

_ENCODER = "encoder."

_PICKLES = (b"PK\x03\x04", b"\x80")
"""How files of torch.save begin: a zip archive, or a bare pickle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """How a checkpoint came about. Stored inside it."""

    settings: Settings
    """All that decides the graph; ``settings.preset`` names the preset."""
    trained: bool
    """False: random weights, for tests alone; nothing made with them may be scored without saying so."""
    data: tuple[str, ...] = ()
    """Datasets and splits whose frames it has seen."""
    command: tuple[str, ...] = ()
    seed: int | None = None
    steps: int | None = None
    seconds: float | None = None
    """Of training."""
    hardware: str | None = None
    commit: str | None = None
    """The project's commit; None outside a checkout."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Validation scores when it was saved."""
    encoder: str = ""
    """Identity of an encoder that was fetched and is not in the file (:func:`bistnet.backbone.identity`); filled by
    :func:`save_checkpoint`. Empty: the encoder's weights are in the file."""
    experts: Mapping[str, str] = field(default_factory=dict)
    """Name and identity of the experts whose maps it was trained on."""
    notes: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Packages that wrote it; filled by :func:`save_checkpoint`."""


def save_checkpoint(path: Path, network: BiSTNet, card: Card, *, dtype: Literal["float16", "float32"] = "float16") -> Card:
    """Writes a checkpoint whole or not at all.

    Args:
        path: ends in ``.safetensors``; an existing file is replaced.
        network: every parameter and buffer is stored, a frozen encoder's too, so that the file needs no other; but not those of
            an encoder that is fetched, whose identity the card gets instead.
        card: its settings must be the network's.
        dtype: of floating-point weights in the file. "float32" to go on training from.

    Returns:
        The card as it was stored.

    Raises:
        WeightsError: a weight is not finite or too large for float16.
        UsageError: a card of other settings, a name with another ending, a score that is not finite.
        StoreError: the disk is full, or the folder can't be written.
    """
    if card.settings != network.settings:
        raise UsageError("a card of other settings than the network's", wanted="the same", remedy="take network.settings")
    fetched = is_fetched(card.settings.features)
    card = dataclasses.replace(card, versions=package_versions(), encoder=identity(network.encoder) if fetched else "")
    state = {key: value for key, value in network.state_dict().items() if not (fetched and key.startswith(_ENCODER))}
    save_weights(path, state, {"format": FORMAT, **dataclasses.asdict(card)}, dtype=dtype)
    return card


def load_checkpoint(path: Path, *, expected: str | Settings | None = None) -> tuple[BiSTNet, Card]:
    """The network of a checkpoint, in float32 on the CPU and in evaluation mode, and its card.

    Args:
        path: a file of :func:`save_checkpoint`.
        expected: a preset's name or whole settings that the checkpoint must be of; None takes any.

    Raises:
        WeightsError: the file is missing, damaged, a pickle, of the authors' release, of another preset or other settings, or
            its tensors are not the network's; or its encoder, which is fetched, is not on this machine or another one.
    """
    card, size = _read_header(path)
    _check_expected(path, card.settings, expected)
    fetched = is_fetched(card.settings.features)
    with torch.device("meta"):
        state = BiSTNet(card.settings).state_dict()
    wanted = sum(tensor.numel() for key, tensor in state.items() if not (fetched and key.startswith(_ENCODER)))
    if wanted > 2 * size:
        raise WeightsError(
            f"{path} holds {size} values, but its card describes a network of {wanted}",
            wanted="a card that belongs to its weights",
            remedy="take an undamaged file",
        )
    network, stored = BiSTNet(card.settings), load_file(path)
    if fetched:
        network.encoder = load_encoder(card.settings.features)
        if identity(network.encoder) != card.encoder:
            raise WeightsError(
                f"checkpoint {path} was trained on another {card.settings.features.encoder} than this machine's",
                wanted=f"the encoder of identity {card.encoder[:12]}",
                remedy="fetch it again: colorbench weights fetch vgg16",
            )
        stored |= {key: value for key, value in network.state_dict().items() if key.startswith(_ENCODER)}
    load_strict(network, stored, source=path)
    return network.eval(), card


def read_card(path: Path) -> Card:
    """The card alone; reads no weights.

    Raises:
        WeightsError: as :func:`load_checkpoint`.
    """
    return _read_header(path)[0]


def _read_header(path: Path) -> tuple[Card, int]:
    """Card, and the number of values in all tensors."""
    try:
        with path.open("rb") as stream:
            start = stream.read(9)
    except OSError as error:
        raise WeightsError(
            f"checkpoint {path}: {error.strerror}", wanted="a .safetensors file", remedy="check the path"
        ) from error
    # A safetensors header may be of 128 + 256 n bytes, and its length then begins as a pickle does; its JSON begins at byte 8,
    # and a file that ends before is no pickle of weights either.
    if len(start) == 9 and start.startswith(_PICKLES) and not start.endswith(b"{"):
        _refuse_pickle(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            size = sum(math.prod(file.get_slice(key).get_shape()) for key in file.keys())  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise WeightsError(
            f"checkpoint {path} is damaged, cut short or no safetensors file: {error}",
            wanted="a whole file of this project",
            remedy="copy or download it again",
        ) from error
    if "card" not in metadata:
        raise WeightsError(
            f"{path} holds tensors but no card", wanted="a file of save_checkpoint", remedy="take a checkpoint of this project"
        )
    return _card(path, metadata["card"]), size


def _card(path: Path, text: str) -> Card:
    """A card from its JSON."""
    try:
        content: dict[str, Any] = json.loads(text)
        version = content.pop("format")
        if version != FORMAT:
            raise WeightsError(
                f"checkpoint {path} has format {version}", wanted=f"format {FORMAT}", remedy="take the colorbench that wrote it"
            )
        settings = settings_from_dict(content.pop("settings"))
        return Card(**{**content, "settings": settings, "data": tuple(content["data"]), "command": tuple(content["command"])})
    except (ValueError, TypeError, KeyError, AttributeError, UsageError) as error:
        raise WeightsError(
            f"checkpoint {path} has a card that can't be read: {error}",
            wanted="a card as this version writes it",
            remedy="take the colorbench that wrote it, or train it anew",
        ) from error


def _check_expected(path: Path, found: Settings, expected: str | Settings | None) -> None:
    if isinstance(expected, Settings) and found != expected:
        ours, theirs = dataclasses.asdict(expected), dataclasses.asdict(found)
        tables = [name for name in ours if isinstance(ours[name], dict)]
        differences = [
            f"{table}.{key} = {theirs[table][key]!r}, not {value!r}"
            for table in tables
            for key, value in ours[table].items()
            if theirs[table][key] != value
        ]
        if differences:
            raise WeightsError(
                f"checkpoint {path} is of other settings: {', '.join(differences)}",
                wanted=f"the settings of {expected.preset}",
                remedy="take its own settings, or the file that belongs to these",
            )
    if isinstance(expected, str) and found.preset != expected:
        raise WeightsError(
            f"checkpoint {path} is of preset {found.preset!r}",
            wanted=f"preset {expected!r}",
            remedy=f"take the file of {expected!r}, or ask for preset {found.preset!r}",
        )


def _refuse_pickle(path: Path) -> None:
    """Always raises; says what the file is, as far as that can be told without running it."""
    keys = read_state(path)
    file = recognize(keys)
    if file is not None:
        raise WeightsError(
            f"{path} is the authors' release: {file.name}",
            wanted="a checkpoint of this project: the release is another network than the paper's",
            remedy=f"of the paper's network it fits {file.fits}",
        )
    raise WeightsError(
        f"{path} is a file of torch.save with {len(keys)} tensors",
        wanted="a .safetensors file of this project",
        remedy="take a checkpoint of this project; a state dict has no card, so its settings are not known",
    )
