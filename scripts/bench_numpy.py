#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Repacks GPTQ words to the Marlin format with NumPy, as the published converters spell it, and prints the speed.

  scripts/bench_numpy.py                          K=2048 N=11008 and K=4096 N=12288, groups of 128
  scripts/bench_numpy.py --shape 4096,4096 --act-order

The work is that of `bench_repack`: unpack the codes, sort the rows by group, cut into 16 x 16 blocks, permute the 1024
codes of each tile, pack 8 to a word, permute the scales. GB/s is of packed words.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

CODES_PER_WORD = 8
CODE_BITS = 4
CODE_MASK = 15
TILE = 16
GROUP_SIZE = 128
INTERLEAVE = [0, 2, 4, 6, 1, 3, 5, 7]


def weight_permutation() -> np.ndarray:
    """Where each of the 1024 codes of a tile comes from: four 16 x 16 blocks one after another."""
    order = []
    for lane in range(32):
        column = lane // 4
        rows = [2 * (lane % 4), 2 * (lane % 4) + 1, 2 * (lane % 4 + 4), 2 * (lane % 4 + 4) + 1]
        fragment = [16 * row + column + 8 * half for half in (0, 1) for row in rows]
        for block in range(4):
            order += [place + 256 * block for place in fragment]
    return np.array(order).reshape(-1, CODES_PER_WORD)[:, INTERLEAVE].ravel()


def scale_permutation() -> np.ndarray:
    return np.array([i + 8 * j for i in range(8) for j in range(8)])


def unpack(qweight: np.ndarray) -> np.ndarray:
    """qweight int32 (K/8, N) -> codes int32 (K, N)."""
    words = qweight.view(np.uint32)
    codes = np.zeros((words.shape[0] * CODES_PER_WORD, words.shape[1]), dtype=np.int32)
    for slot in range(CODES_PER_WORD):
        codes[slot::CODES_PER_WORD] = (words >> np.uint32(CODE_BITS * slot)) & np.uint32(CODE_MASK)
    return codes


def pack(codes: np.ndarray) -> np.ndarray:
    """codes (R, C) -> int32 (R, C/8)."""
    codes = codes.astype(np.uint32)
    words = np.zeros((codes.shape[0], codes.shape[1] // CODES_PER_WORD), dtype=np.uint32)
    for slot in range(CODES_PER_WORD):
        words |= codes[:, slot::CODES_PER_WORD] << np.uint32(CODE_BITS * slot)
    return words.view(np.int32)


def repack(qweight: np.ndarray, scales: np.ndarray, g_idx: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Words int32 (K/16, 2N), scales (K/group_size, N) in the kernel's order, the rows' order or nothing."""
    codes = unpack(qweight)
    order = np.argsort(g_idx, kind="stable") if g_idx is not None else np.arange(0)
    if g_idx is not None:
        codes = codes[order]
    rows, columns = codes.shape
    blocks = codes.reshape(rows // TILE, TILE, columns // TILE, TILE).transpose(0, 2, 1, 3)
    tiles = blocks.reshape(-1, 1024)[:, weight_permutation()]
    words = pack(tiles.reshape(rows // TILE, columns * TILE))
    return words, scales.reshape(-1, 64)[:, scale_permutation()].reshape(scales.shape), order


def measured(K: int, N: int, act_order: bool, repeat: int) -> float:
    """Median seconds of `repeat` runs after one to warm up."""
    random = np.random.default_rng(7)
    qweight = random.integers(-2**31, 2**31, (K // CODES_PER_WORD, N), dtype=np.int64).astype(np.int32)
    scales = random.random((K // GROUP_SIZE, N)).astype(np.float16)
    g_idx = np.arange(K) % (K // GROUP_SIZE) if act_order else None
    seconds = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        repack(qweight, scales, g_idx)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def shape_of(text: str) -> tuple[int, int]:
    K, N = (int(part) for part in text.split(","))
    if K <= 0 or N <= 0 or K % GROUP_SIZE or N % 64:
        raise argparse.ArgumentTypeError(f"K={K} is no multiple of {GROUP_SIZE}, or N={N} none of 64")
    return K, N


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=shape_of, action="append", help="K,N; may be given several times")
    parser.add_argument("--act-order", action="store_true", help="with a g_idx that is not sorted")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    for K, N in options.shape or [(2048, 11008), (4096, 12288)]:
        seconds = measured(K, N, options.act_order, options.repeat)
        print(f"K={K} N={N}: {1000 * seconds:.1f} ms, {K * N / 2 / seconds / 1e9:.4f} GB/s of packed words")


if __name__ == "__main__":
    main()
