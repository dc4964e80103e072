"""The authors' files to networks, loaded strictly: a TensorFlow checkpoint's variables by their names, VGG19 of MatConvNet."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from baselines.favc_networks.matconvnet import read_vgg19
from baselines.favc_networks.networks import AveragedVgg19, ImageNetwork, VideoNetwork
from baselines.favc_networks.refinement import CHANNELS, SCOPE
from baselines.favc_networks.tensor_bundle import open_bundle
from baselines.favc_networks.unet import UNet
from colorbench.errors import WeightsError
from colorbench.nets.checkpoints import load_strict

_TRAINING = re.compile(r"/(Adam|beta[12]_power)(_\d+)?$")
"""What a training adds to each variable."""

_FEATURES = "features."


def build_video() -> VideoNetwork:
    """The released first stage for videos with random weights."""
    return VideoNetwork(AveragedVgg19())


def build_image() -> ImageNetwork:
    """The released network for pictures with random weights."""
    return ImageNetwork(AveragedVgg19())


def build_refinement() -> UNet:
    """The released second stage, VCRN, with random weights."""
    return UNet(CHANNELS, 3)


def load_network(kind: type[VideoNetwork] | type[ImageNetwork], *, checkpoint: Path, vgg: Path) -> VideoNetwork | ImageNetwork:
    """A released network that colors.

    Args:
        kind: which.
        checkpoint: of TensorFlow, without ``.index``.
        vgg: ``imagenet-vgg-verydeep-19.mat``.

    Raises:
        WeightsError: a file can't be read, or doesn't hold exactly what its network has.
    """
    features = AveragedVgg19()
    load_strict(features.vgg, read_vgg19(vgg), source=vgg)
    network = kind(features)
    kept = {key: tensor for key, tensor in network.state_dict().items() if key.startswith(_FEATURES)}
    load_strict(network, kept | read_variables(network, checkpoint, scope=kind.scope), source=checkpoint)
    return network.eval()


def load_refinement(checkpoint: Path) -> UNet:
    """The released VCRN, of a checkpoint that holds both stages.

    Raises:
        WeightsError: it can't be read, or doesn't hold exactly what the network has.
    """
    network = build_refinement()
    load_strict(network, read_variables(network, checkpoint, scope=SCOPE), source=checkpoint)
    return network.eval()


def released_names(network: nn.Module, scope: str) -> dict[str, str]:
    """Names of a network's variables in a checkpoint to ours, without its features'.

    >>> released_names(UNet(1, 1, width=1), "a/g_")["a/g_up_1/up_conv1/weights"]
    'up_1.weight'
    """
    names = {}
    for key in network.state_dict():
        if not key.startswith(_FEATURES):
            layer, part = key.removeprefix("unet.").split(".")
            folder = f"{layer}/up_conv1" if layer.startswith("up_") else layer
            names[f"{scope}{folder}/{'weights' if part == 'weight' else 'biases'}"] = key
    return names


def read_variables(network: nn.Module, checkpoint: Path, *, scope: str) -> dict[str, Tensor]:
    """A checkpoint's variables in a scope under our names, kernels (height, width, in, out) turned to (out, in, height, width).

    What a training adds is left out, and what lies outside the scope, the other stage's. A variable of the scope that the network
    has no name for stays, for the strict load to report.

    Raises:
        WeightsError: the checkpoint can't be read.
    """
    names, bundle = released_names(network, scope), open_bundle(checkpoint)
    begin = scope[: scope.rfind("/") + 1] or scope
    state = {}
    for name in bundle.variables:
        if name.startswith(begin) and not _TRAINING.search(name):
            tensor = torch.tensor(bundle.read(name))
            state[names.get(name, name)] = tensor.permute(3, 2, 0, 1).contiguous() if tensor.dim() == 4 else tensor
    return state


def checkpoint_prefix(record: Path) -> Path:
    """The checkpoint that TensorFlow wrote last in a folder.

    Args:
        record: the file ``checkpoint`` of that folder, which names it. Its path is one of the authors' machine, and is left out.

    Returns:
        The path without ``.index``.

    Raises:
        WeightsError: the file names none.
    """
    match = re.search(r'^model_checkpoint_path:\s*"([^"]+)"', record.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    if match is None:
        raise WeightsError(
            f"{record} names no checkpoint", wanted='a line model_checkpoint_path: "NAME"', remedy="check what the archive holds"
        )
    return record.with_name(re.split(r"[/\\]", match[1])[-1])
