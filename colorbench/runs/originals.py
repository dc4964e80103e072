"""The clips of a plan as they were when they were hashed: what a unit decodes must be what its key says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from colorbench.errors import DatasetError, FramesError
from colorbench.frames.content_state import content_state
from colorbench.runs.plan import Plan, Unit, digest_clip
from colorbench.types import Clip


class Originals:
    """Asks before and after a unit whether its clip is what was hashed: the system first, the bytes where it says otherwise.

    May be asked from several threads.

    Args:
        plan: of the units.
        executor: hashes pictures in its threads; not to be asked from these.
    """

    def __init__(self, plan: Plan, *, executor: ThreadPoolExecutor) -> None:
        self._executor = executor
        self._right: dict[Clip, str] = dict(zip(plan.clips, plan.clip_states, strict=True))
        """The last state in which a clip's bytes were those of the plan."""

    def check(self, unit: Unit) -> str:
        """The state that the clip is in, for which its digest is known.

        Raises:
            DatasetError: its frames or references are others than when the run began, or can't be read.
        """
        clip = unit.clip
        state = content_state(clip.source, *clip.references)
        if state != self._right.get(clip):
            self._check_bytes(unit)
            self._right[clip] = state
        return state

    def _check_bytes(self, unit: Unit) -> None:
        clip = unit.clip
        try:
            same = digest_clip(clip, executor=self._executor) == unit.clip_digest
        except FramesError as error:
            raise DatasetError(
                f"clip {clip.name!r} can't be read: {error.wrong}",
                wanted=error.wanted or "frames and references that can be read",
                remedy=error.remedy or "mend or remove that file, then give the same command again",
            ) from error
        if not same:
            raise DatasetError(
                f"clip {clip.name!r} is not what it was when the run began: {clip.source} or its references changed",
                wanted="files that nobody changes while they are scored",
                remedy="give the same command again: it scores them as they are then",
            )
