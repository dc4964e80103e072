"""Values that change over a clip: waypoints with smooth travel between them, in integers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Path:
    """Values at given frames; between them a smoothstep 3s^2 - 2s^3, before and after them the first and the last."""

    waypoints: tuple[tuple[int, tuple[int, ...]], ...]
    """(frame, values), frames ascending."""

    def at(self, frame: int) -> tuple[int, ...]:
        """The values at a frame, rounded down.

        >>> Path(((0, (0,)), (4, (100,)))).at(1)
        (15,)
        """
        before = [waypoint for waypoint in self.waypoints if waypoint[0] <= frame]
        after = [waypoint for waypoint in self.waypoints if waypoint[0] > frame]
        if not before or not after:
            return (before[-1] if before else after[0])[1]
        (start, left), (end, right) = before[-1], after[0]
        passed, length = frame - start, end - start
        share = passed * passed * (3 * length - 2 * passed)
        return tuple(a + (b - a) * share // length**3 for a, b in zip(left, right, strict=True))


def path(*waypoints: tuple[int, ...]) -> Path:
    """``path((frame, value, ...), ...)``."""
    return Path(tuple((waypoint[0], waypoint[1:]) for waypoint in waypoints))
