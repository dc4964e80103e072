"""Training of the compact semantic expert on CamVid, from nothing and from luminance alone: ``colorbench train semantics``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from colorbench.errors import UsageError

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticsSettings:
    """What decides samples and losses; ``[task]`` of a preset."""

    splits: tuple[Literal["train", "val"], ...] = ("train",)
    """What is trained on; "test" is what is validated on."""
    height: int = 360
    width: int = 480
    """Of crops."""
    scale: tuple[float, float] = (0.75, 2.0)
    """Smallest and largest enlargement before the crop."""
    stretch: float = 1.2
    """Largest factor between width and height, either way."""
    brightness: float = 0.1
    """Largest summand, of the sRGB level."""
    contrast: float = 1.3
    """Largest factor of the deviation from the picture's mean, and its inverse."""
    gamma: float = 1.4
    """Largest exponent of the sRGB level, and its inverse."""
    rare_share: float = 0.3
    """Share of crops placed on a pixel of a class drawn uniformly, rather than anywhere."""
    label_stride: int = 2
    """Losses are taken at the centers of squares of so many pixels."""
    weighting: float = 0.5
    """p of the class weights (median frequency / frequency)^p; 0 weighs all pixels alike."""
    region: float = 0.5
    """Weight of the soft Jaccard term beside cross entropy."""
    auxiliary: float = 0.3
    """Weight of cross entropy on each of two features inside the network, by heads that are dropped afterwards."""
    validation_pictures: int = 0
    """Evenly spaced ones of the test split; 0 takes all."""
    shown_pictures: int = 4
    """In the picture that a validation draws."""

    def __post_init__(self) -> None:
        least = {"height": 64, "width": 64, "stretch": 1, "brightness": 0, "contrast": 1, "gamma": 1, "label_stride": 1}
        least |= {"rare_share": 0, "weighting": 0, "region": 0, "auxiliary": 0, "validation_pictures": 0, "shown_pictures": 1}
        for name, bound in least.items():
            if not bound <= getattr(self, name) < float("inf"):
                raise UsageError(f"{name} = {getattr(self, name)}", wanted=f"at least {bound}", remedy=f"change {name}")
        if not self.splits or len(set(self.splits)) < len(self.splits):
            raise UsageError(f"splits = {list(self.splits)}", wanted="one or two different splits", remedy='splits = ["train"]')
        if not 0 < self.scale[0] <= self.scale[1] < float("inf"):
            raise UsageError(f"scale = {list(self.scale)}", wanted="two positive numbers, the smaller first", remedy="swap them")
        if self.height % self.label_stride or self.width % self.label_stride:
            raise UsageError(
                f"crops of {self.width}x{self.height} with label_stride = {self.label_stride}",
                wanted="sides that label_stride divides",
                remedy="change label_stride to 1 or 2",
            )
