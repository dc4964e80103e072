"""Any network of mmsegmentation as a semantic expert: a config, a checkpoint, gray frames in, class probabilities out."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bistnet.experts.gray import gray_level
from colorbench.errors import ColorbenchError
from colorbench.nets.checkpoints import load_strict, read_state


class ConfigError(ColorbenchError):
    """A config of mmsegmentation that can't be read or built."""


@contextmanager
def mmseg_stack() -> Iterator[None]:
    """mmsegmentation's imports (about 3 s, once) and what is built inside, without the warnings they give about themselves."""
    from colorbench.system.compat import ensure_mmseg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Its check for mmcv._ext fails where its own stand-in is already in place.
        if "mmcv._ext" not in sys.modules:
            ensure_mmseg()
        import mmseg.models  # noqa: F401 - registers the networks

        yield


class MmsegExpert(nn.Module):
    """An mmsegmentation segmentor on gray frames; ``from_config`` makes one.

    Args:
        model: an EncoderDecoder, tested as its ``test_cfg`` says (whole, or sliding windows).
        mean: of the channels that the network takes, for levels in [0, 255].
        std: likewise.
        description: the config in words that change with it; part of the expert's identity.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, *, mean: tuple[float, ...], std: tuple[float, ...], description: str = "") -> None:
        super().__init__()
        self.model = model
        outputs: int = self._parts.out_channels
        self.channels = max(outputs, 2)
        self.description = description
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    @classmethod
    def from_config(cls, config: Path | Mapping[str, object], checkpoint: Path | None = None) -> MmsegExpert:
        """Builds the network of a config and loads its weights.

        SyncBN becomes BN, auxiliary heads are left out (of the checkpoint too), and no weights are fetched for any part.

        Args:
            config: a config file (a .py one is a program, which runs: name only files you trust), or its content.
            checkpoint: None leaves random weights, for training.

        Returns:
            With a checkpoint frozen, in evaluation mode.

        Raises:
            ConfigError: the config can't be read, or its network can't be built.
            WeightsError: the checkpoint can't be read or does not fit.
        """
        with mmseg_stack():
            content = _read(config)
            model, mean, std = _build(content, config)
            description = json.dumps([content.model, mean, std], sort_keys=True, default=str)
        network = cls(model, mean=mean, std=std, description=description)
        if checkpoint is not None:
            state = read_state(checkpoint)
            load_strict(model, {k: v for k, v in state.items() if not k.startswith("auxiliary_head.")}, source=checkpoint)
            network.eval().requires_grad_(False)
        return network

    @property
    def _parts(self) -> Any:
        return self.model

    def logits(self, l_star: Tensor) -> Tensor:
        """(N, 1, H, W) L* in [0, 100] -> (N, outputs, H, W) before softmax (or sigmoid, for one output)."""
        size = tuple(l_star.shape[-2:])
        x = (gray_level(l_star) * 255.0 - self.mean) / self.std  # (N, 3, H, W)
        metas = [{"ori_shape": size, "img_shape": size, "pad_shape": size, "padding_size": [0, 0, 0, 0]} for _ in x]
        result: Tensor = self._parts.inference(x, metas)
        return result

    def forward(self, l_star: Tensor) -> Tensor:
        """(N, 1, H, W) L* in [0, 100] -> (N, channels, H, W) class probabilities; a single output becomes (not, is)."""
        logits = self.logits(l_star)
        if logits.shape[1] == 1:
            inside = logits.sigmoid()
            return torch.cat((1.0 - inside, inside), dim=1)
        return logits.softmax(dim=1)


def _read(config: Path | Mapping[str, object]) -> Any:
    from mmengine.config import Config

    if not isinstance(config, Path):
        return Config(dict(config))
    if not config.is_file():
        raise ConfigError(f"no config {config}", wanted="a config file of mmsegmentation", remedy="check the path")
    try:
        return Config.fromfile(config)
    # A config is a program and may fail in any way.
    except Exception as error:
        raise ConfigError(
            f"{config} can't be read: {type(error).__name__}: {error}", wanted="a config file of mmsegmentation"
        ) from error


def _build(content: Any, source: object) -> tuple[nn.Module, tuple[float, ...], tuple[float, ...]]:
    from mmseg.registry import MODELS

    name = source if isinstance(source, Path) else "the config"
    model = content.get("model")
    if not isinstance(model, dict) or "decode_head" not in model:
        raise ConfigError(f"{name} has no 'model' with a 'decode_head'", wanted="a config of mmsegmentation for a segmentor")
    preprocessor = model.pop("data_preprocessor", None) or content.get("data_preprocessor") or {}
    model.pop("auxiliary_head", None)
    model.setdefault("test_cfg", {"mode": "whole"})
    _make_local(model)
    try:
        network = MODELS.build(model)
    # The registry hands through whatever the network's constructor raises.
    except Exception as error:
        raise ConfigError(
            f"the network of {name} can't be built: {type(error).__name__}: {error}",
            wanted="networks that mmsegmentation 1.2 has",
            remedy="check the type names and, for own modules, custom_imports",
        ) from error
    mean, std = (
        tuple(map(float, preprocessor.get(key) or default)) for key, default in (("mean", [0.0] * 3), ("std", [1.0] * 3))
    )
    return network, mean, std


def _make_local(part: Any) -> None:
    """SyncBN to BN, and no weights from elsewhere, in a config and all that is in it."""
    if isinstance(part, dict):
        for key in ("init_cfg", "pretrained"):
            if part.get(key) is not None:
                part[key] = None
        if part.get("type") == "SyncBN":
            part["type"] = "BN"
    if isinstance(part, dict | list | tuple):
        for inner in part.values() if isinstance(part, dict) else part:
            _make_local(inner)
