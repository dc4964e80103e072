"""Which of the results made elsewhere belongs to which frame of a clip.

Names decide. Where all frames of the clip have a result of their name, these are taken. Where some have and some have not, what
is left over on either side is refused by name: a result that is missing beside one that is too many would be matched one off.
Order decides alone where no name agrees and nothing speaks against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from colorbench.errors import MethodError
from colorbench.files.composed import composed
from colorbench.frames.numbering import numbering

Rule = Literal["auto", "stem", "order"]


def match_frames(
    results: Sequence[str], frames: Sequence[str], *, rule: Rule, named: bool, source: object, clip: str
) -> Sequence[int]:
    """The index of each frame's result.

    Args:
        results: stems of the results, in natural order.
        frames: stems of the clip's frames, in order.
        rule: "stem" takes names only, "order" never looks at them, "auto" is told above.
        named: False where the results or the frames are those of a video, whose names are numbers from 0 that nobody gave.
        source: where the results are, for messages.
        clip: the clip's name, for messages.

    Raises:
        MethodError: names or counts don't agree; naming what is left over on both sides.
    """
    at = {composed(stem): index for index, stem in enumerate(results)}
    wanted = [composed(stem) for stem in frames]
    missing = [stem for stem in wanted if stem not in at]
    if rule != "order" and not missing:
        return [at[stem] for stem in wanted]
    surplus = [stem for stem in at if stem not in set(wanted)]
    if rule == "stem":
        raise MethodError(
            f"{len(missing)} frames of clip {clip!r} have no result in {source}: {some(missing)}",
            wanted="a result with the stem of each frame",
            remedy="rename them, or match by order: match=order, on the command line --match order",
        )
    if len(results) != len(frames):
        raise MethodError(
            f"{source} has {len(results)} results, clip {clip!r} has {len(frames)} frames ({_left_over(missing, surplus)})",
            wanted="one result for each frame",
            remedy="add or remove the difference, or name results by the stems of their frames",
        )
    if rule == "auto" and (doubt := _doubt(list(at), wanted, missing, surplus, named=named)):
        raise MethodError(
            f"{source}: {doubt}",
            wanted=f"a result with the stem of each frame of clip {clip!r}, or names that leave no doubt of their order",
            remedy="add what is missing and remove what is too many; if the order is right as it is: match=order, "
            "on the command line --match order",
        )
    return range(len(frames))


def surplus_names(results: Sequence[str], frames: Sequence[str]) -> tuple[str, ...]:
    """Results that are named as no frame, where all frames have one; else none."""
    known = set(map(composed, frames))
    left = tuple(stem for stem in results if composed(stem) not in known)
    return left if len(results) - len(left) == len(frames) else ()


def some(stems: Sequence[str], most: int = 3) -> str:
    """The first names of many.

    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    rest = f" and {len(stems) - most} more" if len(stems) > most else ""
    return ", ".join(stems[:most]) + rest


def _doubt(results: Sequence[str], frames: Sequence[str], missing: Sequence[str], surplus: Sequence[str], *, named: bool) -> str:
    """What speaks against matching as many results as frames by order; empty if nothing does."""
    if named and len(missing) < len(frames):
        agree = len(frames) - len(missing)
        return f"{agree} results are named as their frames, the others are not ({_left_over(missing, surplus)})"
    found, own = numbering(results), numbering(frames)
    if not found.strays and len(found.numbers) == len(own.numbers) and _differ_by_one_amount(found.numbers, own.numbers):
        return ""
    breaks = {"missing:": found.missing, "named unlike the others:": found.strays}
    left = "; ".join(f"{word} {some(names)}" for word, names in breaks.items() if names)
    return f"the results are numbered, but not without a break ({left})" if left else ""


def _differ_by_one_amount(first: Sequence[int], second: Sequence[int]) -> bool:
    return len({a - b for a, b in zip(first, second, strict=True)}) == 1


def _left_over(missing: Sequence[str], surplus: Sequence[str]) -> str:
    return "; ".join(f"{word} {some(stems)}" for word, stems in (("without result:", missing), ("unknown:", surplus)) if stems)
