"""The blend of ``bistnet-tracked`` as a task of the trainer. It alone is trained; the network and flow stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bistnet.inference import Colorizer
from bistnet.loading import load_trained
from bistnet.method import digests
from bistnet.shipped import find_network
from bistnet.tracked.blending import CANDIDATES, CHANNELS, Blend, Shape, rotated, save_blend, without
from bistnet.tracked.method import CARD, NETWORK
from bistnet.tracked.tracking import TrackedColorizer
from bistnet.training.blend_data import gather_planes
from colorbench.errors import DatasetError, UsageError, WeightsError
from colorbench.files.digest import file_digest
from colorbench.frames.opening import natural_key
from colorbench.training.task import Batch, Provenance, Sample, Terms
from colorbench.training.validation import score_colorizer
from colorbench.types import Clip
from colorbench.watching import ConsoleWatcher


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendSettings:
    """What the blend is trained as and on."""

    clips: str = "davis/JPEGImages/480p"
    """Folder of clips under the root of the data."""
    validation: tuple[str, ...] = ("blackswan", "cows", "drift-chicane", "parkour")
    """Clips that are scored and never trained on."""
    every: int = 2
    """Each such frame of a clip is trained on."""
    size: tuple[int, int] = (128, 160)
    """Rows and columns of a sample."""
    one_sided: float = 0.15
    """Share of samples that lack the colors of one exemplar, as frames outside of all have."""
    width: int = 24
    """See bistnet.tracked.blending.Shape."""

    def __post_init__(self) -> None:
        if min(self.size) < 8 or self.every < 1:
            raise UsageError(
                f"size = {list(self.size)}, every = {self.every}",
                wanted="at least 8 pixels a side, and every from 1 on",
                remedy="change them",
            )


class BlendTask:
    """See :class:`colorbench.training.task.Task`.

    Args:
        settings: see BlendSettings.
        data: the root of its folder.
        seed: of the first weights.

    Raises:
        DatasetError: the folder or a clip is missing, or a clip is smaller than a sample.
        WeightsError: the network that it is trained beside has no weights.
    """

    critic: nn.Module | None = None

    def __init__(self, settings: BlendSettings, data: Path, *, seed: int = 0) -> None:
        self.settings = settings
        path = find_network(NETWORK)
        if path is None:
            raise WeightsError(
                f"no weights of {NETWORK!r}", wanted="the network that the blend is trained beside", remedy="train it first"
            )
        self._path = path
        loaded = load_trained(path)
        self._core = Colorizer(loaded.network, experts=loaded.experts)
        trained, self.held_out = _clips(data / settings.clips, settings.validation)
        with ConsoleWatcher(noun="clips") as watcher:
            watcher.started(len(trained), 0)
            self._planes = gather_planes(
                trained, self._core, network=digests(path), every=settings.every, advance=watcher.advance
            )
        self._check_size()
        self._names = [clip.name for clip in trained]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._network = Blend(Shape(width=settings.width))
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def network(self) -> Blend:
        """See Task."""
        return self._network

    @property
    def identity(self) -> Mapping[str, object]:
        """See Task."""
        material = [f"{name} {'x'.join(map(str, planes.shape))}" for name, planes in zip(self._names, self._planes, strict=True)]
        return {"settings": asdict(self.settings), "network": digests(self._path), "material": material}

    def sample(self, number: int, rng: np.random.Generator) -> Sample:  # noqa: ARG002 - the generator is seeded by it
        """See Task: "seen" (CHANNELS, h, w) and "ab" (2, h, w), a window of a frame, mirrored or not, its hues turned."""
        counts = np.array([len(planes) for planes in self._planes])
        clip = int(rng.choice(len(counts), p=counts / counts.sum()))
        frame = self._planes[clip][int(rng.integers(counts[clip]))]
        rows, columns = self.settings.size
        top, left = (int(rng.integers(whole - part + 1)) for whole, part in zip(frame.shape[1:], (rows, columns), strict=True))
        window = frame[:, top : top + rows, left : left + columns].astype(np.float32)
        if rng.random() < 0.5:
            window = window[..., ::-1]
        seen, ab, angle = window[:CHANNELS].copy(), window[CHANNELS:], rng.uniform(0, 2 * np.pi)
        for part in CANDIDATES:
            seen[part] = rotated(seen[part], angle)
        if rng.random() < self.settings.one_sided:
            seen = without(seen, int(rng.integers(2)))
        return {"seen": torch.from_numpy(seen), "ab": torch.from_numpy(rotated(ab, angle))}

    def losses(self, batch: Batch) -> Terms:
        """See Task."""
        return {"color": charbonnier(self._network(batch["seen"]), batch["ab"])}

    def critic_losses(self, batch: Batch) -> Terms:  # noqa: ARG002 - there is no critic
        """See Task."""
        return {}

    def validate(self, network: nn.Module, folder: Path) -> Mapping[str, float]:
        """See Task: the held-out clips under the protocol ``bistnet``."""
        if not isinstance(network, Blend):
            raise TypeError(f"a {type(network).__name__} is no Blend")
        if not self.held_out:
            return {}
        return score_colorizer(TrackedColorizer(self._core, network), CARD, self.held_out, folder)

    def save(self, path: Path, network: nn.Module, provenance: Provenance) -> None:
        """See Task."""
        if not isinstance(network, Blend):
            raise TypeError(f"a {type(network).__name__} is no Blend")
        notes = f"never trained on: {', '.join(self.settings.validation)}"
        facts = {"data": [self.settings.clips], "notes": notes, **asdict(provenance)}
        save_blend(path, network, network=file_digest(self._path), facts=facts)

    def _check_size(self) -> None:
        smallest = min(planes.shape[2:] for planes in self._planes)
        if any(part > whole for part, whole in zip(self.settings.size, smallest, strict=True)):
            raise UsageError(
                f"size = {list(self.settings.size)}", wanted=f"at most {list(smallest)}, a clip's", remedy="make it smaller"
            )


def charbonnier(found: Tensor, truth: Tensor) -> Tensor:
    """Mean of sqrt(|e|^2 + 1) - 1 over pixels, e the error in a* and b* in CIE units: squared when small, linear when large.

    Args:
        found: (N, 2, H, W).
        truth: the same shape.
    """
    return ((found - truth).square().sum(dim=1) + 1.0).sqrt().mean() - 1.0


def _clips(root: Path, validation: tuple[str, ...]) -> tuple[list[Clip], list[Clip]]:
    """Those to train on, and those to validate on."""
    names = sorted((path.name for path in root.iterdir() if path.is_dir()), key=natural_key) if root.is_dir() else []
    lacking = sorted(set(validation) - set(names))
    if lacking or len(names) == len(validation):
        raise DatasetError(
            f"no clip {lacking[0]!r} in {root}" if lacking else f"nothing to train on in {root}",
            wanted="folders of frames",
            remedy="change the task's clips or validation, or --data",
        )
    clips = [Clip(name=name, dataset=root.name, source=root / name) for name in names]
    return [c for c in clips if c.name not in validation], [c for c in clips if c.name in validation]
