# SPDX-License-Identifier: Apache-2.0
"""The header of a safetensors file: where each tensor lies. Everything in it is checked before it is believed."""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass

import numpy as np

from hub.strict_json import parse_object
from w4fixture import InputError

LENGTH_BYTES = 8
MOST_HEADER_BYTES = 100_000_000    # as the safetensors library has it
METADATA = "__metadata__"
MOST_OFFSET = 2**63 - 1
MOST_DIMENSIONS = 8                # as fixtures/files reads them

# bf16 has no NumPy type: its bits are carried as uint16
NUMPY_TYPES = {"BOOL": "|u1", "U8": "|u1", "I8": "|i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "BF16": "<u2",
               "U32": "<u4", "I32": "<i4", "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8",
               "F8_E4M3": "|u1", "F8_E5M2": "|u1", "F8_E8M0": "|u1"}


@dataclass(frozen=True)
class Place:
    """One tensor in a file: bytes begin..end of the file itself, not of its data."""

    name: str
    dtype: str                 # as safetensors spells it: F16, BF16, I32
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.begin

    def array(self, blob: bytes) -> np.ndarray:
        return np.frombuffer(blob, dtype=NUMPY_TYPES[self.dtype]).reshape(self.shape)


def header_length(first: bytes, file_bytes: int, where: str) -> int:
    """The bytes of the header, from the first 8 of the file."""
    if len(first) < LENGTH_BYTES:
        raise InputError(f"{where}: {file_bytes} bytes, a safetensors file starts with {LENGTH_BYTES}")
    length = int.from_bytes(first, "little")
    if length > file_bytes - LENGTH_BYTES:
        raise InputError(f"{where}: not safetensors, or truncated: a header of {length} bytes in a file of "
                         f"{file_bytes}")
    if length > MOST_HEADER_BYTES:
        raise InputError(f"{where}: a header of {length} bytes, at most {MOST_HEADER_BYTES} are read")
    return length


def parse_header(text: bytes, file_bytes: int, where: str) -> dict[str, Place]:
    """The tensors of a file by name; they must cover its data without a hole or an overlap."""
    start = LENGTH_BYTES + len(text)
    places = {name: _place(name, entry, start, f"{where}: tensor {name!r}")
              for name, entry in parse_object(text, where).items() if name != METADATA}
    covered = start
    for place in sorted(places.values(), key=lambda p: (p.begin, p.end)):
        if place.begin != covered:
            problem = "they overlap" if place.begin < covered else "a hole"
            raise InputError(f"{where}: tensor {place.name!r} starts at byte {place.begin}, the one before it ends at "
                             f"{covered}: {problem}")
        covered = place.end
    if covered != file_bytes:
        problem = "truncated" if covered > file_bytes else "oversized"
        raise InputError(f"{where}: {problem}: {file_bytes} bytes, the tensors end at {covered}")
    return places


def _place(name: str, entry: object, start: int, where: str) -> Place:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise InputError(f"{where}: its entry is not an object of dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in NUMPY_TYPES:
        raise InputError(f"{where}: dtype {dtype!r} is not known")
    if not _is_list_of_sizes(shape) or not _is_list_of_sizes(offsets) or len(offsets) != 2:
        raise InputError(f"{where}: shape {reprlib.repr(shape)} and data_offsets {reprlib.repr(offsets)} are not lists "
                         "of integers from 0 up")
    if len(shape) > MOST_DIMENSIONS:
        raise InputError(f"{where}: {len(shape)} dimensions, at most {MOST_DIMENSIONS} are read")
    needed = math.prod(shape) * np.dtype(NUMPY_TYPES[dtype]).itemsize
    if offsets[1] - offsets[0] != needed:
        raise InputError(f"{where}: shape {shape} of {dtype} takes {needed} bytes, data_offsets {offsets} span "
                         f"{offsets[1] - offsets[0]}")
    return Place(name, dtype, tuple(shape), start + offsets[0], start + offsets[1])


def _is_list_of_sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n <= MOST_OFFSET for n in value)
