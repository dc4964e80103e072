"""Looking through a film: shots, and which reference looks like which."""

from __future__ import annotations

import json
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from bistnet.film.assignment import Use, assign, shot_spans
from bistnet.film.placing import Place
from bistnet.film.survey import Survey, look_through
from colorbench.clips.likeness import describe_picture
from colorbench.clips.shots import Shot
from colorbench.errors import FramesError, UsageError
from colorbench.types import RgbFrame


def scene(seed: int, count: int) -> list[RgbFrame]:
    """A camera that pans over a picture of its own, a pixel a frame."""
    small = np.random.default_rng(seed).integers(20, 236, (6, 12, 3)).astype(np.uint8)
    wide = cv2.resize(small, (144, 64), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(wide[:, at : at + 96]) for at in range(count)]


A, B, C = scene(1, 12), scene(2, 10), scene(3, 8)
FILM = [*A, *B, *C]


def looked(film: list[RgbFrame], pictures: list[RgbFrame], known: list[int] | None = None, *, least: float = 0.5) -> Survey:
    names = [f"r{number}" for number in range(len(pictures))]
    places = None if known is None else [Place(name, index, "at") for name, index in zip(names, known, strict=True)]
    return look_through(film, np.stack([describe_picture(picture) for picture in pictures]), names, places, least=least)


def used(survey: Survey, *, least: float = 0.5) -> list[list[tuple[int, int, bool]]]:
    return [[(use.reference, use.index, use.own) for use in colors.uses] for colors in assign(survey, least=least)]


def test_references_are_found_in_their_shots() -> None:
    survey = looked(FILM, [C[5], A[4], B[9]])
    assert survey.shots == (Shot(0, 11), Shot(12, 21), Shot(22, 29))
    assert [place.index for place in survey.places] == [27, 4, 21]
    assert all(place.likeness == pytest.approx(1.0, abs=1e-5) for place in survey.places)
    assert used(survey) == [[(1, 4, True)], [(2, 21, True)], [(0, 27, True)]]


def test_a_sight_is_the_frame_of_a_shot_that_looks_most_like_a_reference() -> None:
    survey = looked(FILM, [B[3]])
    for shot, (sight,) in zip(survey.shots, survey.sights, strict=True):
        every = [float(describe_picture(B[3]) @ describe_picture(FILM[at])) for at in range(shot.first, shot.last + 1)]
        assert sight.index == shot.first + int(np.argmax(every))
        assert sight.likeness == pytest.approx(max(every), abs=1e-6)


def test_known_places_stay_and_get_their_likeness() -> None:
    survey = looked(FILM, [A[4], B[2]], known=[13, 14])
    assert [place.index for place in survey.places] == [13, 14]
    assert survey.places[1].likeness == pytest.approx(1.0, abs=1e-5)
    assert (survey.places[0].likeness or 0.0) < 0.9


def test_a_reference_that_looks_like_no_frame_is_refused_unless_less_will_do() -> None:
    other = scene(9, 1)[0]
    with pytest.raises(FramesError, match="'r1' looks like no frame"):
        looked(FILM, [A[0], other])
    assert len(looked(FILM, [A[0], other], least=-1.0).places) == 2


def test_two_references_of_one_frame_are_refused() -> None:
    with pytest.raises(UsageError, match="both at frame 3"):
        looked(FILM, [A[3], A[3]])


def test_a_shot_without_a_reference_borrows_the_most_similar_or_none() -> None:
    again = [*A, *B, *A, *C]
    survey = looked(again, [A[2], B[5]])
    assert used(survey) == [[(0, 2, True)], [(1, 17, True)], [(0, 24, False)], []]
    assert used(survey, least=-1.0)[3]


def test_several_references_of_a_shot_are_all_used_in_the_order_of_their_frames() -> None:
    survey = looked(FILM, [A[11], B[0], A[1], A[6]], known=[11, 12, 1, 6])
    assert used(survey)[0] == [(2, 1, True), (3, 6, True), (0, 11, True)]
    assert used(survey)[1] == [(1, 12, True)]


def test_spans_stay_within_shots_and_hold_every_frame_once() -> None:
    survey = looked(FILM, [A[11], B[4], A[1]], known=[11, 16, 1])
    spans = shot_spans(assign(survey, least=0.9))
    assert [index for span in spans for index in range(span.start, span.stop)] == list(range(30))
    for span in spans:
        assert any(shot.first <= span.start and span.stop - 1 <= shot.last for shot in survey.shots)
        assert len(span.positions) == span.stop - span.start
    by_frame = {index: (span.forward, span.backward) for span in spans for index in range(span.start, span.stop)}
    assert by_frame[0] == (2, None)
    assert by_frame[5] == (2, 0)
    assert by_frame[11] == (2, 0)
    assert by_frame[12] == by_frame[21] == (1, None)
    assert by_frame[22] == by_frame[29] == (None, None)


def test_a_survey_survives_as_json() -> None:
    survey = looked(FILM, [A[4], B[2]])
    assert Survey.from_record(json.loads(json.dumps(survey.to_record()))) == survey


def test_the_film_is_read_once() -> None:
    read: list[int] = []

    def frames() -> Iterator[RgbFrame]:
        for index, frame in enumerate(FILM):
            read.append(index)
            yield frame

    look_through(frames(), describe_picture(A[0])[None], ["r"], None, least=0.5)
    assert read == list(range(30))


def test_a_use_says_how_alike_it_is() -> None:
    survey = looked(FILM, [A[4]])
    assert assign(survey, least=0.5)[0].uses == (Use(0, 4, survey.sights[0][0].likeness, True),)
