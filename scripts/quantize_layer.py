#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns a dense layer and the activations that enter it into a GPTQ layer of 4-bit codes.

  scripts/quantize_layer.py --weight w.npy --activations x.npy --out layer              symmetric, groups of 128
  scripts/quantize_layer.py --weight w.npy --activations x.npy --out layer --asymmetric --act-order --clip
  scripts/quantize_layer.py --weight w.npy --out layer --method rtn                     no activations needed

GPTQ (Frantar et al., 2022) rounds the rows of W (K, N) one after another. What a row loses by rounding is carried on
to the rows not yet rounded, in the direction that hurts X @ W least: that direction comes from the Cholesky factor of
the inverse Hessian. Round-to-nearest is the same walk without carrying.
"""

from __future__ import annotations

import argparse
import math
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn
from collections.abc import Callable

import numpy as np

from w4fixture import (CODE_MASK, CODES_PER_WORD, EXIT_BAD_INPUT, SYMMETRIC_ZERO_POINT, GptqLayer, InputError,
                       encode_zero_points, exit_code_of, manifest_of, pack_columns, pack_rows, read_npy, write_fixture)
from w4text import shown

PROGRAM = "quantize_layer"
LAZY_ROWS = 128                # rows whose errors are carried on together, as one matrix product
SHRINKS = np.linspace(1.0, 0.6, 41)
FP16_SMALLEST, FP16_LARGEST = 2.0**-24, 65504.0

Progress = Callable[[int, int], None]    # rows done, rows in all


@dataclass(frozen=True)
class Options:
    """How to quantise."""

    group_size: int = 128      # rows of K that share a scale; -1 is one group
    method: str = "gptq"       # gptq or rtn
    symmetric: bool = True
    format: str = "gptq_v1"
    act_order: bool = False    # walk rows by descending diag(H): the heavy ones then still have others to lean on
    clip: bool = False         # search how far to shrink each grid
    damp: float = 0.01         # share of the mean of diag(H) that is added to it


@dataclass(frozen=True)
class Grid:
    """The 16 values that one group may take in each column."""

    scale: np.ndarray          # float64 (N), each exactly a fp16
    zero_point: np.ndarray     # int64 (N), 0..15

    def codes(self, rows: np.ndarray) -> np.ndarray:
        """Nearest codes int64 (..., N) of rows (..., N)."""
        return np.clip(np.rint(rows / self.scale) + self.zero_point, 0, CODE_MASK).astype(np.int64)

    def values(self, codes: np.ndarray) -> np.ndarray:
        return self.scale * (codes - self.zero_point)


# ---- grids ---------------------------------------------------------------------------------------------------------

def grid_of_range(low: np.ndarray, high: np.ndarray, symmetric: bool) -> Grid:
    """The grid that spans low..high, each (N), low <= 0 <= high."""
    if symmetric:
        high = np.maximum(-low, high)
        low = -high
    wanted = (high - low) / CODE_MASK
    if wanted.max() > FP16_LARGEST:
        raise InputError(f"a scale of {wanted.max():.6g} does not fit fp16 (largest is {FP16_LARGEST:.0f})")
    # rounded to what is stored before any code is chosen; a group of zeros gets scale 1, for 0 would divide by 0
    scale = np.where(wanted > 0, np.maximum(wanted, FP16_SMALLEST), 1.0).astype(np.float16).astype(np.float64)
    if symmetric:
        return Grid(scale, np.full(scale.shape, SYMMETRIC_ZERO_POINT, dtype=np.int64))
    return Grid(scale, np.clip(np.rint(-low / scale), 0, CODE_MASK).astype(np.int64))


def fit_grid(rows: np.ndarray, importance: np.ndarray, options: Options) -> Grid:
    """The grid of one group. rows (group_size, N); importance (group_size) weighs the rows' squared errors."""
    low, high = np.minimum(rows.min(axis=0), 0.0), np.maximum(rows.max(axis=0), 0.0)
    best = grid_of_range(low, high, options.symmetric)
    if not options.clip:
        return best
    best_error = grid_error(best, rows, importance)
    scale, zero_point = best.scale.copy(), best.zero_point.copy()
    for shrink in SHRINKS[1:]:
        grid = grid_of_range(shrink * low, shrink * high, options.symmetric)
        error = grid_error(grid, rows, importance)
        better = error < best_error
        best_error = np.where(better, error, best_error)
        scale, zero_point = np.where(better, grid.scale, scale), np.where(better, grid.zero_point, zero_point)
    return Grid(scale, zero_point)


def grid_error(grid: Grid, rows: np.ndarray, importance: np.ndarray) -> np.ndarray:
    """Weighted squared error (N) of rounding rows (group_size, N) to the grid."""
    return importance @ (grid.values(grid.codes(rows)) - rows) ** 2


# ---- the walk over rows --------------------------------------------------------------------------------------------

def hessian_of(activations: np.ndarray) -> np.ndarray:
    """H = 2 X^T X / n, float64 (K, K), of activations (n, K)."""
    count, features = activations.shape
    hessian = np.zeros((features, features))
    for start in range(0, count, 4096):    # a float64 copy of all rows at once may not fit
        part = activations[start:start + 4096].astype(np.float64)
        hessian += part.T @ part
    return hessian * (2.0 / count)


def inverse_cholesky(hessian: np.ndarray, damp: float) -> np.ndarray:
    """Upper U (K, K) with U^T U = (H + damp * mean(diag H) * I)^-1. Row k says how the rows after k make up for k."""
    damped = hessian + damp * np.mean(np.diag(hessian)) * np.eye(len(hessian))
    try:
        inverse = np.linalg.inv(np.linalg.cholesky(damped))
        return np.linalg.cholesky(inverse.T @ inverse).T
    except np.linalg.LinAlgError as error:
        raise InputError(f"the Hessian of the activations is not positive definite at --damp {damp:g}: "
                         "give more rows or raise --damp") from error


def quantize_block(rows: np.ndarray, upper: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Rounds rows (b, N) one by one, carrying errors on inside the block (rows is overwritten).

    upper is the block's own part (b, b) of U. Returns codes (b, N) and the errors (b, N) for the rows after the block.
    """
    codes, errors = np.empty(rows.shape, dtype=np.int64), np.empty_like(rows)
    for k, row in enumerate(rows):
        codes[k] = grid.codes(row)
        errors[k] = (row - grid.values(codes[k])) / upper[k, k]
        rows[k + 1:] -= upper[k, k + 1:, None] * errors[k]
    return codes, errors


def walk_gptq(weight: np.ndarray, hessian: np.ndarray, options: Options,
              progress: Progress) -> tuple[np.ndarray, list[Grid]]:
    """Codes (K, N) and the grid of each group, errors carried on. weight (K, N), hessian (K, K), in walking order."""
    total, group_size = len(weight), options.group_size
    rows, codes = weight.copy(), np.empty(weight.shape, dtype=np.int64)
    upper, importance = inverse_cholesky(hessian, options.damp), np.diag(hessian)
    # blocks end where groups end: then a grid is always fitted to rows that carry every earlier error
    block = math.gcd(group_size, LAZY_ROWS)
    grids: list[Grid] = []
    for start in range(0, total, block):
        stop, group = start + block, slice(start, start + group_size)
        if start % group_size == 0:
            grids.append(fit_grid(rows[group], importance[group], options))
        inside, after = upper[start:stop, start:stop], upper[start:stop, stop:]
        codes[start:stop], errors = quantize_block(rows[start:stop], inside, grids[-1])
        rows[stop:] -= after.T @ errors
        progress(stop, total)
    return codes, grids


def walk_nearest(weight: np.ndarray, hessian: np.ndarray, options: Options,
                 progress: Progress) -> tuple[np.ndarray, list[Grid]]:
    """Codes (K, N) and the grid of each group, every row for itself. Only diag(H) is used, to fit the grids."""
    importance, grids, parts = np.diag(hessian), [], []
    for start in range(0, len(weight), options.group_size):
        group = slice(start, start + options.group_size)
        grids.append(fit_grid(weight[group], importance[group], options))
        parts.append(grids[-1].codes(weight[group]))
        progress(group.stop, len(weight))
    return np.concatenate(parts), grids


WALKS = {"gptq": walk_gptq, "rtn": walk_nearest}


def quantize(weight: np.ndarray, hessian: np.ndarray, options: Options,
             progress: Progress = lambda done, total: None) -> GptqLayer:
    """The GPTQ layer of a dense weight (K, N) and the Hessian (K, K) of the activations that enter it."""
    options = checked(options, weight)
    total, group_size = len(weight), options.group_size
    order = np.argsort(-np.diag(hessian), kind="stable") if options.act_order else np.arange(total)
    walked, grids = WALKS[options.method](weight[order].astype(np.float64), hessian[np.ix_(order, order)], options,
                                          progress)
    codes = np.empty_like(walked)
    codes[order] = walked                  # codes stay in the checkpoint's row order, only g_idx tells of the walk
    g_idx = np.empty(total, dtype=np.int32)
    g_idx[order] = np.arange(total) // group_size
    zero_points = np.stack([grid.zero_point for grid in grids])
    return GptqLayer(format=options.format, symmetric=options.symmetric, qweight=pack_rows(codes),
                     scales=np.stack([grid.scale for grid in grids]).astype(np.float16),
                     qzeros=pack_columns(encode_zero_points(zero_points, options.format)),
                     g_idx=g_idx if options.act_order else None)


def checked(options: Options, weight: np.ndarray) -> Options:
    """The options with group_size -1 resolved, after a look at whether weight (K, N) takes them."""
    total, columns = weight.shape
    group_size = total if options.group_size == -1 else options.group_size
    if total == 0 or columns == 0 or total % CODES_PER_WORD or columns % CODES_PER_WORD:
        raise InputError(f"K={total} and N={columns} must be positive multiples of {CODES_PER_WORD}")
    if group_size < 1 or total % group_size:
        raise InputError(f"group_size={options.group_size} does not divide K={total}")
    if not (math.isfinite(options.damp) and options.damp >= 0):
        raise InputError(f"damp={options.damp} must be a finite number, 0 or more")
    return replace(options, group_size=group_size)


def weighted_error(weight: np.ndarray, layer: GptqLayer, hessian: np.ndarray) -> float:
    """||X (W - What)||_F / ||X W||_F, from H = 2 X^T X / n; weight W (K, N)."""
    def squared_norm(w: np.ndarray) -> float:
        return max(float(np.sum(w * (hessian @ w))), 0.0)    # rounding may leave a zero just below it
    whole = squared_norm(weight)
    return math.sqrt(squared_norm(weight - layer.dequantize()) / whole) if whole else 0.0


# ---- command line --------------------------------------------------------------------------------------------------

class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse would print the usage too and exit 2; the contract is one line and 129
        print(f"{self.prog}: {shown(message)} (--help lists the options)", file=sys.stderr)
        raise SystemExit(EXIT_BAD_INPUT)


def parser() -> Parser:
    result = Parser(prog=PROGRAM, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = result.add_argument
    add("--weight", type=Path, required=True, metavar="NPY", help="dense weight, (out, in) unless --weight-is-kn")
    add("--weight-is-kn", action="store_true", help="the weight lies as (K, N) = (in, out)")
    add("--bias", type=Path, metavar="NPY", help="bias (N), stored as fp16")
    add("--activations", type=Path, metavar="NPY", help="rows that enter the layer, (n, K)")
    add("--out", type=Path, required=True, metavar="FOLDER", help="new folder for the layer")
    add("--name", help="the layer's name in fixture.json (default: the folder's)")
    add("--source", help="where the dense layer comes from, for fixture.json")
    add("--licence", help="licence of the weights, for fixture.json")
    add("--method", choices=sorted(WALKS), default="gptq", help="default gptq; rtn is round-to-nearest")
    add("--group-size", type=int, default=128, metavar="ROWS", help="rows that share a scale, -1: all (default 128)")
    add("--format", choices=("v1", "v2"), default="v1", help="v1 stores zero points minus 1 (default), v2 as is")
    add("--asymmetric", action="store_true", help="a zero point of its own for each group and column")
    add("--act-order", action="store_true", help="walk the rows by descending diag(H); writes g_idx")
    add("--clip", action="store_true", help="search how far to shrink each grid")
    add("--damp", type=float, default=0.01, metavar="SHARE", help="share of mean(diag(H)) added to it (default 0.01)")
    add("--keep-rows", type=int, default=96, metavar="ROWS", help="activation rows to store (default 96)")
    return result


def read_numbers(path: Path, what: str, dimensions: int) -> np.ndarray:
    """A finite array of floats with the given number of dimensions."""
    array = read_npy(path)
    if array.dtype.kind != "f" or array.ndim != dimensions:
        raise InputError(f"{path}: {what} is {array.dtype} with shape {array.shape}, "
                         f"expected {dimensions} dimension(s) of floats")
    if array.size == 0:
        raise InputError(f"{path}: {what} is empty, shape {array.shape}")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InputError(f"{path}: {what}{list(where)} is {array[where]}, expected finite numbers")
    return array


def as_fp16(array: np.ndarray, what: str) -> np.ndarray:
    largest = float(np.abs(array).max())
    if largest > FP16_LARGEST:
        raise InputError(f"{what} reaches {largest:.6g} and does not fit fp16 (largest is {FP16_LARGEST:.0f})")
    return array.astype(np.float16)


def spread_rows(activations: np.ndarray, count: int) -> np.ndarray:
    """`count` rows of activations (n, K), evenly spread from the first to the last; all of them if there are fewer."""
    kept = min(count, len(activations))
    return activations[np.arange(kept) * len(activations) // max(kept, 1)]


def read_layer(args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Weight float64 (K, N), bias (N) or None, activations (n, K) or None, checked against each other."""
    weight = read_numbers(args.weight, "weight", 2).astype(np.float64)
    weight = weight if args.weight_is_kn else weight.T
    bias = read_numbers(args.bias, "bias", 1) if args.bias else None
    activations = read_numbers(args.activations, "activations", 2) if args.activations else None
    if bias is not None and len(bias) != weight.shape[1]:
        raise InputError(f"{args.bias}: bias has {len(bias)} elements, the weight has N={weight.shape[1]}")
    if activations is not None and activations.shape[1] != weight.shape[0]:
        raise InputError(f"{args.activations}: activations have {activations.shape[1]} columns, the weight has "
                         f"K={weight.shape[0]} (is it stored as (K, N)? then --weight-is-kn)")
    if activations is None and (args.method == "gptq" or args.act_order):
        raise InputError(f"{'--act-order' if args.act_order else '--method gptq'} needs --activations")
    return weight, bias, activations


def show_progress(done: int, total: int) -> None:
    if done == total or sys.stderr.isatty():    # a log gets the last line only
        start, end = ("\r" if sys.stderr.isatty() else ""), ("\n" if done == total else "")
        print(f"{start}{PROGRAM}: {done} of {total} rows", end=end, file=sys.stderr, flush=True)


def run(args: argparse.Namespace) -> int:
    if args.keep_rows < 0:
        raise InputError(f"--keep-rows {args.keep_rows} must be 0 or more")
    if args.out.exists():
        raise InputError(f"{args.out}: exists already, nothing is overwritten")    # before the work, not after it
    weight, bias, activations = read_layer(args)
    options = Options(group_size=args.group_size, method=args.method, symmetric=not args.asymmetric,
                      format=f"gptq_{args.format}", act_order=args.act_order, clip=args.clip, damp=args.damp)
    checked(options, weight)
    tensors: dict[str, np.ndarray] = {}
    if bias is not None:
        tensors["bias"] = as_fp16(bias, "bias")
    if activations is not None and args.keep_rows:
        tensors["activations"] = as_fp16(spread_rows(activations, args.keep_rows), "activations")
    hessian = np.eye(len(weight)) if activations is None else hessian_of(activations)
    layer = quantize(weight, hessian, options, show_progress)
    tensors = layer.tensors() | tensors
    write_fixture(args.out, tensors, manifest_of(layer, args.name or args.out.name, tensors, facts_of(args, options)))
    print(f"{shown(str(args.out))}: K={weight.shape[0]} N={weight.shape[1]} group_size={layer.group_size} "
          f"{args.method}, weighted error {weighted_error(weight, layer, hessian):.6f}")
    return 0


def facts_of(args: argparse.Namespace, options: Options) -> dict[str, Any]:
    facts: dict[str, Any] = {key: value for key in ("source", "licence") if (value := getattr(args, key))}
    return facts | {"quantiser": {"method": options.method, "clip": options.clip, "damp": options.damp}}


def main(arguments: list[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    return exit_code_of(PROGRAM, lambda: run(args))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))    # by way of every clean-up
    sys.exit(main())
