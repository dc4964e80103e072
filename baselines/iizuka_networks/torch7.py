"""Torch7's binary files (``.t7``), read as data: nothing that is in one is ever run, Lua functions are passed over.

As torch/torch7's File.lua writes them, on a machine of 64 bits: little-endian, a type (int32) before each value. Tables, objects
and functions carry a number and are written once: later only the number stands for them, so a file can hold shared and circular
references. An object has a version ("V 1"), the name of its class, and its content: of a tensor sizes, strides and a storage, of
a storage its numbers, of any other class a table of its fields. Arrays are views of the mapped file: what is not looked at is
not read.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import WeightsError

Array = NDArray[np.generic]

_NIL, _NUMBER, _STRING, _TABLE, _OBJECT, _BOOLEAN, _UNNUMBERED_FUNCTION, _OLD_FUNCTION, _FUNCTION = range(9)
_ARRAY = re.compile(r"torch\.(\w+?)(Storage|Tensor)")
_NUMBERS = {
    "Byte": "u1",
    "Char": "i1",
    "Short": "<i2",
    "Int": "<i4",
    "Long": "<i8",
    "Half": "<f2",
    "Float": "<f4",
    "Double": "<f8",
    "Cuda": "<f4",
}
_MOST_AXES = 32
_DEEPEST = 300
"""Values inside of values; each takes two of the thousand calls that Python allows inside of each other."""


class Table(dict[object, object]):
    """A Lua table; whole numbers among its keys are int. A table can be a key itself: it equals none but itself there."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    def listed(self) -> Iterator[object]:
        """Values at 1, 2, 3 and so on, to the first gap."""
        place = 1
        while place in self:
            yield self[place]
            place += 1


@dataclass(eq=False, slots=True)
class TorchObject:
    """An instance of a class, as data."""

    name: str
    """Such as "nn.SpatialConvolution"; "function" for functions, which have no content."""
    content: object = None
    """A read-only array of tensors and storages; of other classes what they were written as, most often a Table of the fields."""

    def field(self, name: str) -> object:
        """A field; None where there is none."""
        return self.content.get(name) if isinstance(self.content, Table) else None


def read_torch7(path: Path) -> object:
    """The value that a file holds.

    Args:
        path: of a binary file, which is what Torch7's ``torch.save`` writes by default.

    Returns:
        None, bool, float, str, Table or TorchObject.

    Raises:
        WeightsError: no such file, cut short, or not of this format.
    """
    try:
        data = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.zeros(0, np.uint8)
    except OSError as error:
        reason = error.strerror or str(error)
        raise WeightsError(f"{path} can't be read: {reason}", wanted="a .t7 file", remedy="check the path") from error
    return _Reader(path, data.data).value()


class _Reader:
    """Where the reading stands, and what was read so far.

    Args:
        path: for messages.
        data: the file's bytes.
    """

    def __init__(self, path: Path, data: memoryview) -> None:
        self.path, self.data = path, data
        self.at = 0
        self.depth = 0
        self.known: dict[int, object] = {}

    def value(self) -> object:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.wrong(f"values are nested more than {_DEEPEST} deep")
        kind = self.integer()
        found: object = None
        if kind == _NUMBER:
            (found,) = struct.unpack("<d", self.take(8))
        elif kind == _STRING:
            found = self.text()
        elif kind == _BOOLEAN:
            found = self.integer() == 1
        elif kind == _UNNUMBERED_FUNCTION:
            found = self.function()
        elif kind in (_TABLE, _OBJECT, _OLD_FUNCTION, _FUNCTION):
            number = self.integer()
            if number not in self.known:
                self.numbered(kind, number)
            found = self.known[number]
        elif kind != _NIL:
            raise self.wrong(f"{kind} is no type of a value")
        self.depth -= 1
        return found

    def numbered(self, kind: int, number: int) -> None:
        """Becomes known before its content is read, which may refer to it."""
        if kind == _TABLE:
            table = self.known[number] = Table()
            for _ in range(self.integer()):
                key = self.value()
                table[int(key) if isinstance(key, float) and key.is_integer() else key] = self.value()
        elif kind == _OBJECT:
            name = self.text()
            made = self.known[number] = TorchObject(self.text() if name.startswith("V ") else name)
            made.content = self.content(made.name)
        else:
            self.known[number] = self.function()

    def content(self, name: str) -> object:
        """Of an object of that class."""
        array = _ARRAY.fullmatch(name)
        kind = _NUMBERS.get(array[1]) if array else None
        if array is None or kind is None:
            return self.value()
        if array[2] == "Tensor":
            return self.tensor(np.dtype(kind))
        return np.frombuffer(self.take(self.long() * np.dtype(kind).itemsize), kind)

    def tensor(self, kind: np.dtype[np.generic]) -> Array:
        axes = self.integer()
        if not 0 <= axes <= _MOST_AXES:
            raise self.wrong(f"a tensor has {axes} axes")
        sizes = tuple(self.long() for _ in range(axes))
        strides = tuple(self.long() for _ in range(axes))
        first = self.long() - 1
        storage = self.value()
        if axes == 0 or min(sizes) == 0:
            return np.zeros(sizes or 0, kind)
        numbers = storage.content if isinstance(storage, TorchObject) else None
        if not isinstance(numbers, np.ndarray) or numbers.dtype != kind:
            raise self.wrong(f"a tensor of {kind} without a storage of {kind}")
        last = first + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        if min(sizes) < 0 or min(strides) < 0 or first < 0 or last >= len(numbers):
            raise self.wrong(f"a tensor of {sizes} with strides {strides} from {first} on lies in {len(numbers)} numbers")
        steps = tuple(stride * kind.itemsize for stride in strides)
        return np.lib.stride_tricks.as_strided(numbers[first:], sizes, steps, writeable=False)

    def function(self) -> TorchObject:
        """Its byte code and its surroundings are passed over."""
        self.take(self.integer())
        self.value()
        return TorchObject("function")

    def text(self) -> str:
        return bytes(self.take(self.integer())).decode("utf-8", "replace")

    def integer(self) -> int:
        return int.from_bytes(self.take(4), "little", signed=True)

    def long(self) -> int:
        return int.from_bytes(self.take(8), "little", signed=True)

    def take(self, count: int) -> memoryview:
        if not 0 <= count <= len(self.data) - self.at:
            raise self.wrong(f"{count} bytes are to follow, {len(self.data) - self.at} are left")
        self.at += count
        return self.data[self.at - count : self.at]

    def wrong(self, what: str) -> WeightsError:
        return WeightsError(
            f"{self.path} can't be read at byte {self.at}: {what}",
            wanted="a whole binary Torch7 file (.t7)",
            remedy="it may be cut short: get it again",
        )
