"""How well predicted classes fit: the confusion matrix, intersection over union by class, and its mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import UsageError

Confusion = NDArray[np.int64]
"""(K, K) pixels, the true class along rows, the predicted one along columns. Those of several pictures add up."""


def confusion_matrix(labels: NDArray[np.uint8], predicted: NDArray[np.uint8], *, classes: int) -> Confusion:
    """Counts pixels by true and predicted class.

    Args:
        labels: any shape; ``classes`` and above are void and left out.
        predicted: of the same shape, under ``classes``.
        classes: K.

    Raises:
        UsageError: the shapes differ, or a prediction is no class.

    >>> confusion_matrix(np.array([0, 0, 1, 2], np.uint8), np.array([0, 1, 1, 0], np.uint8), classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    if labels.shape != predicted.shape:
        raise UsageError(f"labels {labels.shape}, predictions {predicted.shape}", wanted="equal shapes", remedy="resize neither")
    if predicted.size and predicted.max() >= classes:
        raise UsageError(f"predicted class {predicted.max()}", wanted=f"0 to {classes - 1}", remedy="take argmax over classes")
    known = labels < classes
    pairs = labels[known].astype(np.int64) * classes + predicted[known]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def class_iou(confusion: Confusion) -> NDArray[np.float64]:
    """TP / (TP + FP + FN) of each class over all pixels of all pictures.

    Returns:
        (K,) in [0, 1]; NaN for a class that is neither there nor predicted.

    >>> class_iou(np.array([[3, 1], [0, 4]])).tolist()
    [0.75, 0.8]
    """
    hits = np.diagonal(confusion).astype(np.float64)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - hits
    iou = np.full(len(hits), np.nan)
    np.divide(hits, union, out=iou, where=union > 0)
    return iou


def mean_iou(confusion: Confusion) -> float:
    """The mean of :func:`class_iou` over the classes that have one; NaN where none has.

    >>> mean_iou(np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]]))
    0.775
    """
    iou = class_iou(confusion)
    known = iou[~np.isnan(iou)]
    return float(known.mean()) if known.size else float("nan")
