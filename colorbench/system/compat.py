"""Repairs for two version mismatches of the stack, applied only where they are needed.

With a matching build of torch and torchvision, or of mmcv, nothing here does anything. The pip wheel of torchvision is
built for CUDA: beside a CPU build of torch its import fails because the operator schemas ``nms`` and ``qnms`` were never
declared. mmcv-lite has no compiled ``mmcv._ext``, which mmsegmentation imports and, for the networks used here, never calls.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from typing import Any, NoReturn

from colorbench.errors import ColorbenchError

# Libraries must outlive the import they repair: dropping one removes its declarations.
_declared: list[Any] = []


def ensure_torchvision() -> None:
    """Makes ``import torchvision`` work beside a CPU build of torch."""
    if "torchvision" in sys.modules:
        return
    from torch import library

    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        for name in [name for name in sys.modules if name == "torchvision" or name.startswith("torchvision.")]:
            del sys.modules[name]
        lacking: Any = library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for operator in ("nms", "qnms"):
            lacking.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(lacking)
        importlib.import_module("torchvision")


def ensure_mmseg() -> None:
    """Makes ``import mmseg.models`` work with mmcv-lite and sets mmsegmentation's default scope.

    Raises:
        ColorbenchError: a compiled mmcv operator is called later, which mmcv-lite does not have.
    """
    ensure_torchvision()
    if "mmcv._ext" not in sys.modules and importlib.util.find_spec("mmcv._ext") is None:
        sys.modules["mmcv._ext"] = _MissingOperators("mmcv._ext")
    from mmengine.registry import DefaultScope, init_default_scope

    if DefaultScope.get_current_instance() is None:
        init_default_scope("mmseg")


class _MissingOperators(types.ModuleType):
    """Stands in for mmcv._ext: any operator can be named, none can be called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def refuse(*_: object, **__: object) -> NoReturn:
            raise ColorbenchError(
                f"the network calls mmcv's compiled operator {name!r}, which mmcv-lite does not have",
                wanted="a network of plain convolutions, or the full mmcv",
                remedy="install mmcv 2.1 built for this torch in place of mmcv-lite",
            )

        return refuse
