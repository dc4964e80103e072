"""A scene and the photographs to frames."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock

from colorbench.demo.motion import Path
from colorbench.demo.sampling import PHASES, Camera, Packed, average, bilinear, mix, pack, unpack
from colorbench.demo.scenes import Occluder, Scene
from colorbench.demo.stereo import StereoPair
from colorbench.types import RgbFrame

_CONVERGE = 30
"""Disparity in pixels that stays in place when the motorcycle is looked at from another side: a little behind it."""


class Photographs:
    """The photographs that scikit-image installs, read and packed once. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._packed: dict[str, Packed] = {}
        self._pair: StereoPair | None = None

    def packed(self, name: str) -> Packed:
        """A function of skimage.data, by its name."""
        import skimage.data

        with self._lock:
            if name not in self._packed:
                self._packed[name] = pack(getattr(skimage.data, name)())
            return self._packed[name]

    def pair(self) -> StereoPair:
        """The motorcycle of Middlebury's 2014 stereo data."""
        import skimage.data

        with self._lock:
            if self._pair is None:
                self._pair = StereoPair(*skimage.data.stereo_motorcycle(), converge=_CONVERGE)
            return self._pair


def render(scene: Scene, photographs: Photographs) -> Iterator[RgbFrame]:
    """The frames of a scene: (HEIGHT, WIDTH, 3) uint8."""
    for frame in range(scene.n_frames):
        if scene.parallax is not None:
            photo = photographs.pair().view(scene.parallax.at(frame)[0])
        else:
            photo = photographs.packed(scene.photo)
        camera = _camera(scene.camera, frame)
        samples = []
        for phase in PHASES:
            sample = bilinear(photo, *camera.positions(phase))
            if scene.occluder is not None:
                sample = _covered(sample, scene.occluder, frame, phase, photographs)
            samples.append(sample)
        yield scene.light.fall_on(unpack(average(samples)), frame)


def _camera(way: Path, frame: int) -> Camera:
    """Pixels on the path are interpolated in sixteenths."""
    fine = Path(tuple((at, (x * 16, y * 16, scale, sine)) for at, (x, y, scale, sine) in way.waypoints))
    return Camera(*fine.at(frame))


def _covered(sample: Packed, occluder: Occluder, frame: int, phase: tuple[int, int], photographs: Photographs) -> Packed:
    u, v = _camera(occluder.camera, frame).positions(phase)
    alpha = occluder.mask(u, v)
    if not alpha.any():
        return sample
    return mix(sample, bilinear(photographs.packed(occluder.photo), u, v), alpha)
