"""Confusion and IoU against counts by hand and one pixel at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bistnet.experts.semantic_score import class_iou, confusion_matrix, mean_iou
from colorbench.errors import UsageError

VOID = 4


def drawn(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Labels 0 to 3 and void, predictions 0 to 3; class 3 is rare."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.arange(5, dtype=np.uint8), (17, 23), p=[0.3, 0.3, 0.2, 0.02, 0.18])
    predicted = np.where(rng.random((17, 23)) < 0.6, labels % 4, rng.integers(0, 4, (17, 23))).astype(np.uint8)
    return labels, predicted


def naive_iou(pairs: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]], name: int) -> float:
    both = either = 0
    for labels, predicted in pairs:
        for true, found in zip(labels.ravel().tolist(), predicted.ravel().tolist(), strict=True):
            if true != VOID:
                both += true == name and found == name
                either += true == name or found == name
    return both / either


def test_iou_by_hand() -> None:
    labels = np.array([[0, 0, 0, 1], [1, 2, 2, 4]], np.uint8)
    predicted = np.array([[0, 0, 1, 1], [0, 2, 1, 3]], np.uint8)
    confusion = confusion_matrix(labels, predicted, classes=4)
    assert confusion.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    iou = class_iou(confusion)
    assert iou[:3].tolist() == [2 / 4, 1 / 4, 1 / 2]
    assert math.isnan(iou[3]), "predicted in void alone, so it neither occurs nor counts"
    assert mean_iou(confusion) == pytest.approx((2 / 4 + 1 / 4 + 1 / 2) / 3, abs=1e-15)


def test_iou_over_pictures_is_that_of_a_loop_over_their_pixels() -> None:
    pairs = [drawn(seed) for seed in range(3)]
    confusion = sum((confusion_matrix(*pair, classes=4) for pair in pairs), np.zeros((4, 4), np.int64))
    wanted = [naive_iou(pairs, name) for name in range(4)]
    assert class_iou(confusion).tolist() == pytest.approx(wanted, abs=1e-15)
    assert mean_iou(confusion) == pytest.approx(sum(wanted) / 4, abs=1e-15)


def test_right_predictions_score_one_whatever_lies_in_void() -> None:
    labels, other = drawn(5)
    predicted = np.where(labels == VOID, other, labels).astype(np.uint8)
    assert mean_iou(confusion_matrix(labels, predicted, classes=4)) == 1.0


def test_a_class_that_is_there_and_never_predicted_scores_zero() -> None:
    labels = np.array([0, 0, 1, 1], np.uint8)
    confusion = confusion_matrix(labels, np.zeros(4, np.uint8), classes=2)
    assert class_iou(confusion).tolist() == [0.5, 0.0]


def test_pictures_of_void_alone_have_no_score() -> None:
    confusion = confusion_matrix(np.full(6, VOID, np.uint8), np.zeros(6, np.uint8), classes=4)
    assert confusion.sum() == 0
    assert math.isnan(mean_iou(confusion))


def test_other_shapes_and_predictions_of_no_class_are_refused() -> None:
    with pytest.raises(UsageError, match="equal shapes"):
        confusion_matrix(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), classes=2)
    with pytest.raises(UsageError, match="predicted class 2"):
        confusion_matrix(np.zeros(2, np.uint8), np.array([0, 2], np.uint8), classes=2)
