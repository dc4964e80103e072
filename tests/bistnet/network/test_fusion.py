"""BTFB against eq. 3 in float64, and the cutting of clips."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bistnet.network.fusion import RESERVE, SHARPNESS, Form, Span, fuse, fuse_aligned, spans, temporal_weights
from colorbench.errors import UnknownNameError, UsageError
from colorbench.nets.correspondence import Match

FORMS: tuple[Form, ...] = ("linear", "as-printed", "average", "confidence")


def match(seed: int, *, count: int = 3, channels: int = 2, height: int = 4, width: int = 5) -> Match:
    draw = torch.Generator().manual_seed(seed)
    values = 100.0 * torch.randn(count, channels, height, width, generator=draw, dtype=torch.float64)
    return Match(values, torch.rand(count, 1, height, width, generator=draw, dtype=torch.float64) * 2.0 - 1.0)


def transcribed(forward: Match, backward: Match, position: list[float], form: Form) -> Tensor:
    """Eq. 3, one position at a time."""
    result = torch.empty_like(forward.values)
    n, c, h, w = result.shape
    for i in range(n):
        for y in range(h):
            for x in range(w):
                p = position[i]
                first, second = {"as-printed": (p, 1 - p), "average": (0.5, 0.5)}.get(form, (1 - p, p))
                if form == "confidence":
                    first *= math.exp(SHARPNESS * float(forward.similarity[i, 0, y, x]))
                    second *= math.exp(SHARPNESS * float(backward.similarity[i, 0, y, x]))
                for z in range(c):
                    mixed = first * float(forward.values[i, z, y, x]) + second * float(backward.values[i, z, y, x])
                    result[i, z, y, x] = mixed / (first + second)
    return result


@pytest.mark.parametrize("form", FORMS)
def test_fusion_is_its_formula(form: Form) -> None:
    positions = [0.0, 0.3, 1.0]
    found = fuse(match(0), match(1), torch.tensor(positions, dtype=torch.float64), form=form)
    torch.testing.assert_close(found, transcribed(match(0), match(1), positions, form), rtol=0, atol=1e-12)


def test_the_nearer_reference_weighs_more_and_the_printed_form_does_the_opposite() -> None:
    position = torch.tensor([0.2])
    forward, backward = temporal_weights(position)
    assert forward > backward
    assert temporal_weights(position, form="as-printed") == (backward, forward)


@pytest.mark.parametrize("form", ["linear", "confidence"])
def test_a_reference_s_own_frame_takes_its_colors_alone(form: Form) -> None:
    first, second = match(0), match(1)
    assert torch.equal(fuse(first, second, torch.zeros(3), form=form), first.values)
    assert torch.equal(fuse(first, second, torch.ones(3), form=form), second.values)


def test_one_reference_passes_its_warp_alone() -> None:
    assert fuse(match(0), None, torch.full((3,), 0.7)) is not None
    assert torch.equal(fuse(match(0), None, torch.full((3,), 0.7)), match(0).values)


@pytest.mark.parametrize("form", FORMS)
def test_two_equal_warps_are_unchanged(form: Form) -> None:
    found = fuse(match(0), match(0), torch.tensor([0.0, 0.4, 1.0]), form=form)
    torch.testing.assert_close(found, match(0).values, rtol=0, atol=1e-12)


def test_the_better_match_wins_halfway() -> None:
    first, second = match(0), match(1)
    sure = Match(first.values, torch.ones_like(first.similarity))
    lost = Match(second.values, -torch.ones_like(second.similarity))
    torch.testing.assert_close(fuse(sure, lost, torch.full((3,), 0.5), form="confidence"), first.values, rtol=0, atol=1e-5)


def aligned_case(off: tuple[float, float], *, position: float = 0.5) -> Tensor:
    """Colors 10 and 30 of two references, 50 of the map."""
    pixel = torch.ones(1, 1, 1, 1)
    aligned = [(torch.full((1, 2, 1, 1), color), pixel * distance) for color, distance in zip((10.0, 30.0), off, strict=True)]
    return fuse_aligned(torch.full((1, 2, 1, 1), 50.0), aligned, [0.5 * pixel, 0.5 * pixel], torch.tensor([position]))


def test_references_that_fit_are_taken_and_the_map_where_neither_does() -> None:
    shares = torch.tensor([1.0, 1.0, 2.0 * math.exp(-RESERVE)])
    both = float((shares * torch.tensor([10.0, 30.0, 50.0])).sum() / shares.sum())
    torch.testing.assert_close(aligned_case((0.0, 0.0)), torch.full((1, 2, 1, 1), both))
    torch.testing.assert_close(aligned_case((100.0, 100.0)), torch.full((1, 2, 1, 1), 50.0))
    assert 10.0 < float(aligned_case((0.0, 100.0))[0, 0]) < 25.0


def test_at_a_reference_s_own_place_in_time_the_other_counts_nothing() -> None:
    found = aligned_case((0.0, 0.0), position=0.0)
    share = math.exp(-RESERVE)
    torch.testing.assert_close(found, torch.full((1, 2, 1, 1), (10.0 + 50.0 * share) / (1.0 + share)))


def test_a_doubt_takes_its_power_of_e_from_a_reference_s_weight() -> None:
    first, second = (Match(torch.full((1, 2, 1, 1), value), torch.full((1, 1, 1, 1), 0.5)) for value in (10.0, 30.0))
    doubts = torch.tensor(math.log(3.0)).view(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    found = fuse(first, second, torch.tensor([0.5]), form="confidence", doubts=doubts)
    torch.testing.assert_close(found, torch.full((1, 2, 1, 1), 25.0))  # weights 1/3 and 1


def test_equal_confidence_is_linear() -> None:
    first, second, position = match(0), match(1), torch.tensor([0.1, 0.5, 0.8])
    second = Match(second.values, first.similarity)
    torch.testing.assert_close(fuse(first, second, position, form="confidence"), fuse(first, second, position))


@pytest.mark.parametrize("form", FORMS)
def test_gradients_reach_both_warps(form: Form) -> None:
    first, second = match(0), match(1)
    inputs = [x.requires_grad_() for x in (first.values, second.values, first.similarity, second.similarity)]
    fuse(first, second, torch.tensor([0.2, 0.5, 0.9]), form=form).square().sum().backward()  # type: ignore[no-untyped-call]
    used = inputs if form == "confidence" else inputs[:2]
    assert all(x.grad is not None and x.grad.abs().sum() > 0 for x in used)


def test_an_unknown_form_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'linear'"):
        fuse(match(0), match(1), torch.zeros(3), form="liner")  # type: ignore[arg-type]


def test_warps_of_two_shapes_and_positions_of_another_count_are_refused() -> None:
    with pytest.raises(UsageError, match="warps of"):
        fuse(match(0), match(1, height=3), torch.zeros(3))
    with pytest.raises(UsageError, match="positions of shape"):
        fuse(match(0), match(1), torch.zeros(2))


def test_two_references_at_the_ends_are_the_paper_s_case() -> None:
    assert spans([0, 89], 90) == (Span(0, 90, 0, 1, tuple(t / 89 for t in range(90))),)


def test_one_reference_colors_every_frame() -> None:
    assert spans([3], 5) == (Span(0, 5, 0, None, (0.0,) * 5),)


def test_a_clip_of_one_frame_divides_by_nothing() -> None:
    assert spans([0], 1) == (Span(0, 1, 0, None, (0.0,)),)


def test_a_clip_of_no_frames_has_no_spans() -> None:
    assert spans([0], 0) == ()


def test_references_in_any_order_keep_their_places() -> None:
    found = spans([8, 0, 4], 9)
    assert [(span.start, span.stop, span.forward, span.backward) for span in found] == [(0, 4, 1, 2), (4, 9, 2, 0)]


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1, max_size=6))))
def test_spans_hold_every_frame_once_between_its_nearest_references(case: tuple[int, set[int]]) -> None:
    n_frames, chosen = case
    references = list(chosen)
    found = spans(references, n_frames)
    assert [frame for span in found for frame in range(span.start, span.stop)] == list(range(n_frames))
    for span in found:
        for frame, position in zip(range(span.start, span.stop), span.positions, strict=True):
            assert span.forward is not None
            forward = references[span.forward]
            if span.backward is None:
                assert position == 0.0
                assert frame <= min(references) or frame >= max(references) or len(references) == 1
            else:
                backward = references[span.backward]
                assert forward <= frame <= backward
                assert position == (frame - forward) / (backward - forward)
                assert not any(forward < other < backward for other in references)


@pytest.mark.parametrize(
    ("references", "message"), [([], "no reference"), ([5], "at frame 5"), ([-1], "at frame -1"), ([2, 2], "two references")]
)
def test_references_that_can_t_be_placed_are_refused(references: list[int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        spans(references, 5)
