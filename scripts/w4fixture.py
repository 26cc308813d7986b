# SPDX-License-Identifier: Apache-2.0
"""A GPTQ layer as checkpoints store it, and the folder of .npy files that holds one.

Letters as everywhere here: K is the reduction length, N the output features, G = K / group_size the groups.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from collections.abc import Callable

import numpy as np

from w4text import shown

CODE_BITS = 4
CODES_PER_WORD = 32 // CODE_BITS
CODE_MASK = (1 << CODE_BITS) - 1
SYMMETRIC_ZERO_POINT = (CODE_MASK + 1) // 2
FORMATS = ("gptq_v1", "gptq_v2")
EXIT_BAD_INPUT, EXIT_INTERRUPTED = 129, 130


class InputError(Exception):
    """What the caller gave cannot be used; the message is one line, shown(), with what, the values and the file."""

    def __init__(self, message: str) -> None:
        super().__init__(shown(message))


def exit_code_of(program: str, body: Callable[[], int]) -> int:
    """Runs `body`; bad input, failing files and too little memory become one line on stderr and exit 129, an
    interruption exit 130."""
    try:
        return body()
    except InputError as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename or 'input'}: {error.strerror or error}"
    except MemoryError:
        message = "a tensor is too large for this machine's memory"
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    print(f"{program}: {shown(message)}", file=sys.stderr)
    return EXIT_BAD_INPUT


# ---- words ---------------------------------------------------------------------------------------------------------

def pack_rows(codes: np.ndarray) -> np.ndarray:
    """codes (K, N) in 0..15 -> qweight int32 (K/8, N): slot i of word (r, n) is row 8r+i, bits 4i..4i+3."""
    rows, columns = codes.shape
    slots = _checked_codes(codes, rows).reshape(rows // CODES_PER_WORD, CODES_PER_WORD, columns)
    shifts = np.arange(CODES_PER_WORD, dtype=np.uint32)[:, None] * CODE_BITS
    # unsigned until the end: slot 7 of an int32 is its sign bit
    return np.bitwise_or.reduce(slots << shifts, axis=1).view(np.int32)


def unpack_rows(words: np.ndarray) -> np.ndarray:
    """qweight int32 (K/8, N) -> codes uint8 (K, N)."""
    shifts = np.arange(CODES_PER_WORD, dtype=np.uint32)[:, None] * CODE_BITS
    slots = (words.view(np.uint32)[:, None, :] >> shifts) & CODE_MASK
    return slots.reshape(-1, words.shape[1]).astype(np.uint8)


def pack_columns(codes: np.ndarray) -> np.ndarray:
    """codes (G, N) in 0..15 -> int32 (G, N/8): slot i of word (g, c) is column 8c+i. The order of qzeros."""
    return np.ascontiguousarray(pack_rows(np.ascontiguousarray(codes.T)).T)


def unpack_columns(words: np.ndarray) -> np.ndarray:
    """int32 (G, N/8) -> codes uint8 (G, N)."""
    return np.ascontiguousarray(unpack_rows(np.ascontiguousarray(words.T)).T)


def _checked_codes(codes: np.ndarray, length: int) -> np.ndarray:
    if length % CODES_PER_WORD:
        raise InputError(f"cannot pack {length} codes along an axis: not a multiple of {CODES_PER_WORD}")
    if codes.size and (codes.min() < 0 or codes.max() > CODE_MASK):
        # a code of 16 would spill into its neighbour's slot
        raise InputError(f"codes lie in {codes.min()}..{codes.max()}, they must lie in 0..{CODE_MASK}")
    return np.ascontiguousarray(codes, dtype=np.uint32)


def encode_zero_points(zero_points: np.ndarray, format_name: str) -> np.ndarray:
    """Zero points 0..15 -> what a qzeros slot holds: v1 stores z-1 (0 wraps to 15), v2 stores z."""
    return (zero_points.astype(np.int64) - _zero_offset(format_name)) & CODE_MASK


def decode_zero_points(stored: np.ndarray, format_name: str) -> np.ndarray:
    """What a qzeros slot holds -> zero points 0..15."""
    return (stored.astype(np.int64) + _zero_offset(format_name)) & CODE_MASK


def _zero_offset(format_name: str) -> int:
    if format_name not in FORMATS:
        raise InputError(f"unknown format {format_name!r}, known are {', '.join(FORMATS)}")
    return 1 if format_name == "gptq_v1" else 0


# ---- layer ---------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class GptqLayer:
    """The tensors of one layer, w(k, n) = scale(g_idx[k], n) * (code(k, n) - zero_point(g_idx[k], n))."""

    format: str                # one of FORMATS
    symmetric: bool
    qweight: np.ndarray        # int32 (K/8, N)
    scales: np.ndarray         # fp16 (G, N)
    qzeros: np.ndarray         # int32 (G, N/8)
    g_idx: np.ndarray | None   # int32 (K), only where rows are not in the order of their groups

    @property
    def group_size(self) -> int:
        return self.qweight.shape[0] * CODES_PER_WORD // self.scales.shape[0]

    @property
    def group_of_row(self) -> np.ndarray:
        """int (K): the group of each original row."""
        if self.g_idx is not None:
            return self.g_idx
        return np.arange(self.qweight.shape[0] * CODES_PER_WORD) // self.group_size

    def dequantize(self) -> np.ndarray:
        """float64 (K, N): the weights that a right kernel multiplies by."""
        zero_points = decode_zero_points(unpack_columns(self.qzeros), self.format)
        groups = self.group_of_row
        return self.scales.astype(np.float64)[groups] * (unpack_rows(self.qweight) - zero_points[groups])

    def tensors(self) -> dict[str, np.ndarray]:
        named = {"qweight": self.qweight, "scales": self.scales, "qzeros": self.qzeros}
        return named if self.g_idx is None else named | {"g_idx": self.g_idx}


# ---- folder --------------------------------------------------------------------------------------------------------

def read_npy(path: Path) -> np.ndarray:
    """One array of numbers; pickled objects, truncated files and other formats are refused in one line."""
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, MemoryError, OverflowError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a readable .npy file ({error})") from error
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path}: an archive of arrays, expected a single .npy")
    return array


def little_endian_bytes(tensor: np.ndarray) -> bytes:
    """The tensor's elements in C order, little endian: what a checksum covers and a .npy file holds."""
    return np.ascontiguousarray(tensor, dtype=tensor.dtype.newbyteorder("<")).tobytes()


def checksum(tensor: np.ndarray) -> str:
    return "sha256:" + hashlib.sha256(little_endian_bytes(tensor)).hexdigest()


def npy_bytes(tensor: np.ndarray) -> bytes:
    """A version 1.0 .npy file. Spelled out because np.save pads its header differently from release to release,
    and a shipped fixture must come out byte for byte the same from all of them."""
    descr = tensor.dtype.newbyteorder("<").str
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tensor.shape}, }}"
    magic, alignment = b"\x93NUMPY\x01\x00", 64
    padding = -(len(magic) + 2 + len(header) + 1) % alignment
    header += " " * padding + "\n"
    return magic + len(header).to_bytes(2, "little") + header.encode("ascii") + little_endian_bytes(tensor)


def manifest_of(layer: GptqLayer, name: str, tensors: dict[str, np.ndarray], facts: dict[str, Any]) -> dict[str, Any]:
    """fixture.json of a layer, keys in their fixed order; `facts` holds source, licence and what was measured."""
    return {
        "schema": 1,
        "name": name,
        "format": layer.format,
        "group_size": layer.group_size,
        "symmetric": layer.symmetric,
        "act_order": layer.g_idx is not None,
        "dtype": "fp16",
        **facts,
        "checksums": {key: checksum(value) for key, value in tensors.items()},
    }


def write_fixture(folder: Path, tensors: dict[str, np.ndarray], manifest: dict[str, Any],
                  replace: bool = False) -> None:
    """Writes the folder as a whole: everything beside it first, then one rename. Never half written."""
    if folder.exists() and not replace:
        raise InputError(f"{folder}: exists already, nothing is overwritten")
    if not folder.parent.is_dir():
        raise InputError(f"{folder.parent}: no such folder to write {folder.name} into")
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, tensor in tensors.items():
            (beside / f"{name}.npy").write_bytes(npy_bytes(tensor))
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        (beside / "fixture.json").write_text(text, encoding="utf-8", newline="\n")
        beside.chmod(0o755)    # mkdtemp makes a private folder, a fixture is for everybody
        _put_in_place(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _put_in_place(fresh: Path, folder: Path) -> None:
    if not folder.exists():
        os.rename(fresh, folder)
        return
    retired = fresh.with_name(fresh.name + ".old")
    os.rename(folder, retired)
    try:
        os.rename(fresh, folder)
    except OSError:
        os.rename(retired, folder)
        raise
    shutil.rmtree(retired)
