"""The method that colors a film: which of its variants takes how many stills, planned and loaded as in a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from colorbench.clips.protocol import PRESETS
from colorbench.errors import UsageError
from colorbench.method import Colorizer, GrayClip, ResumableColorizer
from colorbench.registry import METHODS
from colorbench.runs.determinism import prepare
from colorbench.runs.planned_method import PlannedMethod, plan_method
from colorbench.system.foreign import contained
from colorbench.types import Exemplar, MethodCard, MethodSpec, RgbFrame, RunSpec, Variant

DEFAULT = "bistnet-tracked"
"""The best that is here; docs/controls.md has the table."""

_RULES = {0: "none", 1: "first"}
_SEED = 0


class Choice:
    """A method as it was asked for.

    Args:
        spec: name, variant and settings.
        device: auto, cpu or cuda.
        threads: of torch on a CPU.

    Raises:
        UsageError: there is no such method.
    """

    def __init__(self, spec: MethodSpec, *, device: str, threads: int) -> None:
        self.spec = spec
        self.card: MethodCard = METHODS.get(spec.name).card
        self._run = RunSpec(methods=(spec,), dataset="film", protocol="full", out=Path(), device=device, threads=threads)
        self._planned: dict[int, PlannedMethod] = {}
        self._loaded: dict[str, Colorizer] = {}

    @property
    def needs_stills(self) -> bool:
        """It colors nothing without one."""
        return all(variant.exemplars[0] > 0 for variant in self._variants)

    @property
    def takes_stills(self) -> bool:
        """It does something with them."""
        return any(variant.exemplars[1] != 0 for variant in self._variants)

    def planned(self, stills: int) -> PlannedMethod:
        """What colors a shot that has so many stills.

        Raises:
            UsageError: no variant of the method does, or can run here.
        """
        many = min(stills, len(_RULES))
        if many not in self._planned:
            rule = _RULES.get(many, "ends")
            protocol = replace(PRESETS["full"], name=f"a shot of {stills} still{'s' * (stills != 1)}", exemplars=rule)
            self._planned[many] = plan_method(self.spec, protocol, self._run, sees_gpu=_sees_gpu)
        return self._planned[many]

    def frames(self, planned: PlannedMethod, clip: GrayClip, exemplars: Sequence[Exemplar], start: int) -> Iterator[RgbFrame]:
        """What the method makes of a clip from frame ``start`` on; what it can't skip it makes and it is not handed out.

        Raises:
            ForeignError: the method wanted to end the program.
        """
        prepare(_SEED, planned.device)
        colorizer = self._colorizer(planned)
        with contained(f"method {self.card.name!r}", exits_only=True):
            if start and isinstance(colorizer, ResumableColorizer):
                yield from colorizer.resume(clip, exemplars, start)
                return
            for index, rgb in enumerate(colorizer.colorize(clip, exemplars)):
                if index >= start:
                    yield rgb

    def resumes(self, planned: PlannedMethod) -> bool:
        """It begins in the middle of a clip without coloring what is before."""
        return isinstance(self._colorizer(planned), ResumableColorizer)

    def summary(self, *, most: int = 1) -> str:
        """Name, variant, settings that are not the defaults, and whether anything is trained; of a shot with ``most`` stills."""
        planned = self.planned(most)
        defaults = {setting.name: setting.default for setting in self.card.settings}
        changed = "".join(f" {name}={value}" for name, value in planned.settings.items() if value != defaults[name])
        marked = ", UNTRAINED, random weights" if planned.variant.name == "untrained" else ""
        return f"{self.card.name}:{planned.variant.name}{changed}{marked}"

    def _colorizer(self, planned: PlannedMethod) -> Colorizer:
        name = planned.variant.name
        if name not in self._loaded:
            with contained(f"method {self.card.name!r}", exits_only=True):
                self._loaded[name] = planned.method.load(variant=name, device=planned.device, settings=planned.settings)
        return self._loaded[name]

    @property
    def _variants(self) -> tuple[Variant, ...]:
        found = [variant for variant in self.card.variants if self.spec.variant in (None, variant.name)]
        if not found:
            known = ", ".join(variant.name for variant in self.card.variants)
            raise UsageError(
                f"{self.card.name} has no variant {self.spec.variant!r}", wanted=f"one of {known}", remedy="change --method"
            )
        return tuple(found)


def _sees_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
