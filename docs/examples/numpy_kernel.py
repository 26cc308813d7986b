# SPDX-License-Identifier: Apache-2.0
"""A whole kernel in NumPy: dequantises the Marlin format and multiplies.

    ./bisect b 128 --kernel exec:'python3 docs/examples/numpy_kernel.py'
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import w4bisect  # noqa: E402


def codes_of(words: np.ndarray) -> np.ndarray:
    """words (K/16, 2N) -> codes (K, N): slot b of word 4*lane + j of each tile of 16 x 64."""
    slots = words[..., None] >> (4 * np.arange(8, dtype=np.uint32)) & 15
    # axes: row of tiles, tile, lane/4, lane%4, j, e%2, e/4, e/2%2 with e = 2*(b%4) + b/4
    slots = slots.reshape(words.shape[0], -1, 8, 4, 4, 2, 2, 2)
    k_axes = (0, 7, 3, 5)  # k = 16*row + 8*(e/2%2) + 2*(lane%4) + e%2
    n_axes = (1, 4, 6, 2)  # n = 64*tile + 16*j + 8*(e/4) + lane/4
    return slots.transpose(*k_axes, *n_axes).reshape(16 * words.shape[0], -1)


def natural(values: np.ndarray, one_group: bool) -> np.ndarray:
    """Columns from the kernel's order of scales back into the layer's."""
    if one_group:  # in 32 columns, place p holds 2*(p/8) + (p%8)%2 + 8*((p%8)/2)
        return values.reshape(len(values), -1, 4, 4, 2).transpose(0, 1, 3, 2, 4).reshape(len(values), -1)
    return values.reshape(len(values), -1, 8, 8).transpose(0, 1, 3, 2).reshape(len(values), -1)


def zeros_of(words: np.ndarray) -> np.ndarray:
    """zeros (groups, N/8) -> (groups, N): slot i of each 8 holds place 0 2 4 6 1 3 5 7 of the grouped order."""
    slots = (words[..., None] >> (4 * np.arange(8, dtype=np.uint32)) & 15).reshape(*words.shape, 2, 4)
    return natural(slots.swapaxes(-1, -2).reshape(len(words), -1), one_group=False)


def kernel(case: w4bisect.Case) -> np.ndarray:
    rows = np.arange(case.K)
    group = rows // case.group_size if case.groups > 1 else np.zeros_like(rows)
    scales = natural(case.as_float(case.scales), case.groups == 1)
    zeros = 8 if case.zeros is None else zeros_of(case.zeros).astype(np.float32)[group]
    weights = scales[group] * (codes_of(case.B)[: case.K].astype(np.float32) - zeros)
    A = case.as_float(case.A if case.perm is None else case.A[:, case.perm])
    C = (A.astype(np.float64) @ weights.astype(np.float64))[:, : case.N]
    return C if case.bias is None else C + case.as_float(case.bias)


if __name__ == "__main__":
    w4bisect.serve(kernel)
