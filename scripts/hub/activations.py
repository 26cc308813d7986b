# SPDX-License-Identifier: Apache-2.0
"""Rows that enter a layer: from a file, or drawn so that they fit what is known of the layer.

Drawn rows are normal numbers of mean 0. Where the layer stands behind an RMSNorm or LayerNorm whose weight the model
holds, channel k has that weight as its standard deviation: that is what a norm puts out, correlations and outliers
apart. Elsewhere nothing of its input is known from a checkpoint, and every channel has variance 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hub.headers import Place
from w4fixture import InputError, read_npy

SEED = 16
DEFAULT_ROWS = 16      # as bisect takes for a layer without activations
MOST_ROWS = 1 << 16
LARGEST = {"fp16": 65504.0, "bf16": float(np.uint32(0x7F7F0000).view(np.float32))}

# layers that read a norm's output, and the norm's place in the block
BEHIND_A_NORM = (
    (re.compile(r"(.*)\.(?:self_attn|attention)\.(?:q|k|v|qkv)_proj"), ("input_layernorm",)),
    (re.compile(r"(.*)\.(?:mlp|block_sparse_moe)\.(?:experts\.\d+\.|shared_expert\.)?(?:gate_proj|up_proj|gate_up_proj"
                r"|w1|w3)"), ("pre_feedforward_layernorm", "post_attention_layernorm")),
)
FLOATS = {"F16": np.float16, "F32": np.float32}


@dataclass(frozen=True)
class Rows:
    """Activations (M, K) as stored; `source` goes into the manifest."""

    values: np.ndarray
    dtype: str             # F16, BF16 (as uint16), F32
    source: dict[str, Any]


def norm_of(layer: str, tensors: dict[str, str]) -> str | None:
    """The tensor that scales what enters the layer."""
    for pattern, norms in BEHIND_A_NORM:
        found = pattern.fullmatch(layer)
        for norm in norms if found else ():
            name = f"{found.group(1)}.{norm}.weight"
            if name in tensors:
                return name
    return None


def bf16_values(bits: np.ndarray) -> np.ndarray:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def to_bf16(values: np.ndarray) -> np.ndarray:
    """fp32 -> the nearest bf16, ties to even, as uint16."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def deviations(weight: np.ndarray, place: Place, K: int, model_type: Any) -> np.ndarray | None:
    """The standard deviation of each channel behind a norm; None where its weight says nothing usable."""
    if place.shape != (K,) or place.dtype not in (*FLOATS, "BF16"):
        return None
    values = bf16_values(weight) if place.dtype == "BF16" else weight.astype(np.float32)
    if isinstance(model_type, str) and model_type.startswith("gemma"):
        values = values + 1    # Gemma stores a norm's weight less one
    return np.abs(values) if np.isfinite(values).all() else None


def drawn(rows: int, K: int, dtype: str, norm: str | None, deviation: np.ndarray | None) -> Rows:
    values = np.random.default_rng(SEED).standard_normal((rows, K), dtype=np.float32)
    source: dict[str, Any] = {"kind": "random", "seed": SEED, "rows": rows, "standard_deviation": 1}
    if deviation is not None:
        values *= deviation
        source["standard_deviation"] = f"|{norm}|"
    values = np.clip(values, -LARGEST[dtype], LARGEST[dtype])
    if dtype == "bf16":
        return Rows(to_bf16(values), "BF16", source)
    return Rows(values.astype(np.float16), "F16", source)


def read_rows(path: Path, K: int, layer: str) -> Rows:
    """(M, K) of fp16 or fp32 from a .npy file; fp64 is rounded to fp32."""
    values = read_npy(path)
    if values.dtype.kind != "f" or values.dtype.itemsize > 8:
        raise InputError(f"{path}: activations are {values.dtype}, expected float16, float32 or float64")
    if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] != K:
        raise InputError(f"{path}: activations have shape {values.shape}, expected (M, {K}) for {layer}")
    if not np.isfinite(values).all():
        raise InputError(f"{path}: activations hold values that are not finite")
    wide = values.dtype.itemsize > 2
    stored = values.astype(np.float32 if wide else np.float16)
    if not np.isfinite(stored).all():
        raise InputError(f"{path}: activations go beyond fp32")
    return Rows(stored, "F32" if wide else "F16", {"kind": "file", "file": path.name})
