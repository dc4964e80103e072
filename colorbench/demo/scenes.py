"""The embedded clips: which photograph, how the camera moves, what passes in front, how the light changes."""

from __future__ import annotations

from dataclasses import dataclass

from colorbench.demo.light import NO_LIGHT, Light
from colorbench.demo.masks import Mask, cup, post
from colorbench.demo.motion import Path, path

MOTORCYCLE = "motorcycle"
"""The stereo pair, where a scene names a photograph."""


@dataclass(frozen=True, slots=True)
class Occluder:
    """A part of another photograph that passes before the camera."""

    photo: str
    mask: Mask
    camera: Path
    """As a scene's; the photograph moves against its camera."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One clip."""

    name: str
    n_frames: int
    photo: str
    """A function of skimage.data, or MOTORCYCLE."""
    camera: Path
    """x, y (pixels of the photograph), scale (photograph pixels a frame pixel, in 1/256), sine of the turn (1/65536)."""
    sha256: str
    """Of the frames' bytes, one after the other."""
    parallax: Path | None = None
    """For the stereo pair: the way from the left to the right eye, in 1/256."""
    occluder: Occluder | None = None
    light: Light = NO_LIGHT


SCENES = (
    Scene(
        name="astronaut-pull-back",
        n_frames=32,
        photo="astronaut",
        camera=path((0, 226, 92, 118, 0), (31, 246, 262, 312, 1500)),
        sha256="e56f91f448b4b29319b7662554870229730fcbefb4b5978b4e9f7316bb63a2d0",
    ),
    Scene(
        name="cat-handheld",
        n_frames=28,
        photo="chelsea",
        camera=path((0, 186, 112, 200, -3000), (9, 214, 134, 186, 1500), (18, 252, 150, 206, -800), (27, 262, 176, 190, 2600)),
        sha256="4cc56298682c9bc00fde0397b82d32c541e9aaada25a5d18a63bca377589f0cf",
    ),
    Scene(
        name="coffee-lamp",
        n_frames=36,
        photo="coffee",
        camera=path((0, 330, 226, 340, 0), (35, 270, 150, 210, -2400)),
        light=Light(tint=path((0, 256, 256, 256, 0), (12, 150, 190, 300, -90), (22, 330, 250, 170, 90), (35, 240, 262, 262, 20))),
        sha256="2eabaab7d28ecccd4f5bbf1636fcaf47923fe50f5e36b96b5a7a679ece5714de",
    ),
    Scene(
        name="rocket-whip",
        n_frames=24,
        photo="rocket",
        camera=path((0, 176, 300, 220, 0), (4, 182, 298, 220, 0), (19, 470, 200, 220, 0), (23, 462, 204, 220, 0)),
        sha256="ecd60f0cf49f97d8e08caa9cf08da6b0a227ca0a88069abf5f6c96c88583e2c8",
    ),
    Scene(
        name="motorcycle-slide",
        n_frames=40,
        photo=MOTORCYCLE,
        camera=path((0, 330, 250, 400, 0), (39, 420, 270, 320, 0)),
        parallax=path((0, 0), (39, 120)),
        sha256="82c982ce7eb72cb6f4558658bd45327061daad489e9c4e875c6853ca88fb2353",
    ),
    Scene(
        name="motorcycle-post",
        n_frames=44,
        photo=MOTORCYCLE,
        camera=path((0, 250, 240, 300, 0), (43, 500, 250, 300, 0)),
        parallax=path((0, 100), (43, 0)),
        occluder=Occluder("coffee", post, path((0, 330, 200, 180, 0), (43, 740, 200, 180, 0))),
        sha256="01a71044760a341a7652db28021abb9fc45a5286f8b917a4345dcd6875292430",
    ),
    Scene(
        name="cup-passes-astronaut",
        n_frames=36,
        photo="astronaut",
        camera=path((0, 230, 200, 250, 1200), (35, 262, 300, 250, -1200)),
        occluder=Occluder("coffee", cup, path((0, 900, 140, 480, 0), (35, -380, 300, 480, 9000))),
        sha256="0f1473f18f065acb5d0a49acc7ce56ba5168966897180f3b414b8637321c6345",
    ),
    Scene(
        name="garage-at-night",
        n_frames=48,
        photo=MOTORCYCLE,
        camera=path((0, 470, 230, 250, 2200), (24, 350, 270, 320, -1200), (47, 300, 290, 260, 0)),
        parallax=path((0, 256), (30, 150), (47, 190)),
        occluder=Occluder("coffee", cup, path((0, 920, 60, 560, 0), (6, 920, 60, 560, 0), (42, -400, 160, 560, -6000))),
        light=Light(
            tint=path((0, 130, 150, 190, -60), (30, 190, 180, 170, 0), (47, 256, 236, 210, 30)),
            band=path((0, -120, 260), (47, 520, 260)),
        ),
        sha256="09d17466c2b9df5083556bc760f66017b9fd788697fed86a93dda6a8e3cc3221",
    ),
)
