"""Variables of a TensorFlow 1 checkpoint, read without TensorFlow.

A checkpoint PREFIX is a tensor bundle: the table PREFIX.index maps the names of variables to where their values lie in
PREFIX.data-00000-of-00001. Values of the table are messages of protocol buffers (tensorflow/core/protobuf/tensor_bundle.proto):
under the empty key a header (1 number of data files, 2 byte order), under each name an entry (1 type, 2 shape, 3 data file, 4
offset, 5 size, 6 masked CRC-32C, 7 slices). Nothing in these files runs; sizes are compared before values are read, and
checksums before they are used.

Not read: compressed tables, which TensorFlow does not write since 1.2; variables in slices; text; big-endian files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.favc_networks.crc32c import masked_crc32c
from baselines.favc_networks.sorted_table import table_entries, varint
from colorbench.errors import WeightsError

LARGEST_INDEX = 64 << 20
"""Bytes. FAVC's has about ten thousand."""

_TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}
"""Of TensorFlow's DataType: float, double, int32, int64, half."""

Message = dict[int, list[int | bytes]]
"""Fields by number; nested messages as bytes."""


@dataclass(frozen=True, slots=True)
class Variable:
    """Where a variable's values lie."""

    kind: int
    """TensorFlow's number of its type."""
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int
    sliced: bool


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened checkpoint."""

    prefix: Path
    shards: int
    variables: Mapping[str, Variable]

    def read(self, name: str) -> NDArray[Any]:
        """The values of a variable, in its shape.

        Raises:
            WeightsError: there is none of that name, of a kind that is not read, or its data file is missing, cut or damaged.
        """
        variable = self.variables.get(name)
        if variable is None:
            raise WeightsError(f"{self.prefix} has no variable {name}", wanted="another checkpoint", remedy="check which it is")
        path = self.prefix.with_name(f"{self.prefix.name}.data-{variable.shard:05d}-of-{self.shards:05d}")
        try:
            kind = np.dtype(_TYPES[variable.kind])
            if variable.sliced:
                raise ValueError("it is kept in slices")
            if variable.size != prod(variable.shape) * kind.itemsize:
                raise ValueError(f"{variable.size} bytes for a shape of {variable.shape}")
            with path.open("rb") as file:
                if variable.offset + variable.size > path.stat().st_size:
                    raise ValueError("its data file is cut short")
                file.seek(variable.offset)
                data = file.read(variable.size)
            if masked_crc32c(data) != variable.checksum:
                raise ValueError("its values have another checksum")
            return np.frombuffer(data, kind).reshape(variable.shape)
        except (KeyError, ValueError, OSError) as error:
            reason = f"type {variable.kind} is not read" if isinstance(error, KeyError) else error
            raise _damaged(path, f"variable {name}: {reason}") from error


def open_bundle(prefix: Path) -> Bundle:
    """Reads a checkpoint's index.

    Args:
        prefix: the path without ``.index``, as TensorFlow names checkpoints.

    Raises:
        WeightsError: there is none, or it is damaged or of a kind that is not read.
    """
    path = prefix.with_name(f"{prefix.name}.index")
    try:
        if path.stat().st_size > LARGEST_INDEX:
            raise ValueError(f"{path.stat().st_size} bytes for an index")
        messages = {key: _message(value) for key, value in table_entries(path.read_bytes())}
        header = messages.pop(b"")
        if _number(header, 2):
            raise ValueError("it is big-endian")
        variables = {key.decode(): _variable(message) for key, message in messages.items()}
        return Bundle(prefix, _number(header, 1), variables)
    except (KeyError, ValueError, OSError) as error:
        raise _damaged(path, "it has no header" if isinstance(error, KeyError) else error) from error


def _variable(entry: Message) -> Variable:
    shapes = [_message(value) for value in _messages(entry, 2)]
    sides = [_message(value) for shape in shapes for value in _messages(shape, 2)]
    return Variable(
        kind=_number(entry, 1),
        shape=tuple(_number(side, 1) for side in sides),
        shard=_number(entry, 3),
        offset=_number(entry, 4),
        size=_number(entry, 5),
        checksum=_number(entry, 6),
        sliced=bool(entry.get(7)),
    )


def _message(data: bytes) -> Message:
    fields: Message = {}
    for number, value in _fields(data):
        fields.setdefault(number, []).append(value)
    return fields


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values (protocol buffers, Encoding): a tag, then an integer, fixed bytes, or a length and so many bytes."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
            yield tag >> 3, value
            continue
        if tag & 7 == 2:
            length, at = varint(data, at)
        elif tag & 7 in {1, 5}:
            length = 8 if tag & 7 == 1 else 4
        else:
            raise ValueError(f"a field of kind {tag & 7}")
        if at + length > len(data):
            raise ValueError("a field reaches beyond its message")
        piece = data[at : at + length]
        yield tag >> 3, piece if tag & 7 == 2 else int.from_bytes(piece, "little")
        at += length


def _number(message: Message, field: int) -> int:
    """The last value of an integer field, 0 where it is left out."""
    value = message.get(field, [0])[-1]
    if not isinstance(value, int):
        raise ValueError(f"field {field} is no number")
    return value


def _messages(message: Message, field: int) -> list[bytes]:
    values = message.get(field, [])
    nested = [value for value in values if isinstance(value, bytes)]
    if len(nested) < len(values):
        raise ValueError(f"field {field} is no message")
    return nested


def _damaged(path: Path, reason: object) -> WeightsError:
    return WeightsError(
        f"{path} can't be read as a TensorFlow checkpoint: {reason}",
        wanted="a whole checkpoint of TensorFlow 1.2 or later, PREFIX.index and PREFIX.data-*",
        remedy="it may be cut short: get it again",
    )
