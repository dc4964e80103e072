"""The authors' released weights (yyang181/NTIRE23-VIDEO-COLORIZATION, v1.0.3, MIT): what each file is and what of it fits.

The release is not the paper's network. Its fusion net takes 33 channels (L - 50, two warped ab, 6 of an ATB block that carries
colors along RAFT's flow, 19 raw segmentation scores, edges, a similarity-fused ab), its levels are joined by transposed
convolutions, and the second level's weights run on the third level. So its files never load as a checkpoint of this project: they
are recognized by their keys and refused with what is said here. The three U-Nets alone have the paper's graph, and
:func:`load_fusion_net` loads them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bistnet.network.refinement import MultiScaleRefinement
from bistnet.network.settings import RefinementSettings
from colorbench.nets.checkpoints import load_strict, read_state
from colorbench.nets.colorvid import RELEASED_NAMES

FUSION_CHANNELS = 33
"""Inputs of the released fusion net: 1 + 2 + 2 + 6 + 19 + 1 + 2."""


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """One file of the release."""

    name: str
    marks: tuple[str, ...]
    """Keys that it has, without the prefix "module."."""
    fits: str
    """What of the paper's network it fits."""


FILES = (
    ReleaseFile(
        "fusenet (fusion net, 98,430,802 parameters)",
        ("size64.conv1_1.0.weight", "upconv1.weight"),
        "the three U-Nets of MSRB, with 33 inputs of the release's own making: bistnet.release.load_fusion_net loads them",
    ),
    ReleaseFile(
        "nonlocal_net (WarpNet, 6,917,131 parameters)",
        ("theta.weight", "phi.weight", "layer2_1.1.weight"),
        "the embedding of the correspondence in role, not in graph: it pads by reflection and uses relu2_2 to relu5_2",
    ),
    ReleaseFile(
        "atb (temporal block, 1,200 parameters)",
        ("atb_forward.ATB_preconv.weight",),
        "nothing: the paper's fusion, eq. 3, has no parameters; this block and the RAFT flow it needs are the release's own",
    ),
    ReleaseFile(
        "colornet (DeepExemplar's ColorVidNet, 32,802,370 parameters)",
        ("conv1_1.0.weight", "conv1_2norm_ss.weight", "conv10_ab.weight"),
        "nothing: the release loads it and never calls it",
    ),
)

_LEVELS = (("coarse", "size64"), ("middle", "size128"), ("fine", "size256"))
_UPS = (("up_middle", "upconv1"), ("up_fine", "upconv2"))


def recognize(keys: Iterable[str]) -> ReleaseFile | None:
    """The file of the release that has such keys, with or without DataParallel's prefix; None for anything else."""
    plain = {key.removeprefix("module.") for key in keys}
    return next((file for file in FILES if plain.issuperset(file.marks)), None)


def load_fusion_net(path: Path) -> MultiScaleRefinement:
    """The release's fusion net from ``fusenet_iter_105000.pth``, every one of its 199 tensors placed.

    Its inputs are the release's 33 channels, unscaled; ab of the level below goes in unscaled too. ``reuse_second`` is on, as the
    released code runs it, so the third level's own weights are loaded and rest.

    Raises:
        WeightsError: the file can't be read, or has other keys or shapes.
    """
    settings = RefinementSettings(body="colorvidnet", width=64, residual=False, upsampling="transposed", reuse_second=True)
    net = MultiScaleRefinement(FUSION_CHANNELS, settings, chroma_scale=1.0)
    names = _fusion_names()
    load_strict(net, {names.get(key, key): tensor for key, tensor in read_state(path).items()}, source=path)
    return net.eval()


def _fusion_names() -> dict[str, str]:
    """The release's key to ours."""
    names = {f"{theirs}.{part}": f"{ours}.{part}" for ours, theirs in _UPS for part in ("weight", "bias")}
    for our_level, their_level in _LEVELS:
        for ours, theirs in RELEASED_NAMES:
            for part in ("weight", "bias"):
                names[f"{their_level}.{theirs}.{part}"] = f"{our_level}.{ours}.{part}"
    return names
