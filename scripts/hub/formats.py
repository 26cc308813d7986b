# SPDX-License-Identifier: Apache-2.0
"""What the names, types and shapes of a layer's tensors say by themselves: format, K, N, groups, bits."""

from __future__ import annotations

from dataclasses import dataclass

from hub.facts import READ, refused_by
from hub.headers import Place
from w4fixture import CODE_BITS, CODES_PER_WORD, InputError

WORD_BITS = 32
TILE = 16              # rows of K in a row of Marlin's words
DTYPES = {"F16": "fp16", "BF16": "bf16", "F32": "fp32"}
EXTRA = ("pre_quant_scale", "act_scales")    # beside a layer of any format
GEMV_GROUPS = (128, 64, 32)


@dataclass(frozen=True)
class Facts:
    """A layer by its headers alone."""

    layer: str
    format: str                # gptq, awq, awq-gemv, compressed-tensors, pair-packed, marlin
    N: int
    K: int | None              # none: it takes the width of a code, which the headers do not show
    groups: int
    bits: int | None
    dtype: str                 # fp16, bf16 or fp32, of the scales
    places: dict[str, Place]   # by the part's plain name

    def rows(self, bits: int) -> int:
        """K, for codes of that width."""
        if self.K is not None:
            return self.K
        words = self.places["weight_packed"].shape[1] if self.format == "compressed-tensors" else \
            self.places["qweight"].shape[0]
        return words * WORD_BITS // bits

    @property
    def bytes(self) -> int:
        return sum(place.size for place in self.places.values())


def facts_of(layer: str, parts: dict[str, Place], where: str) -> Facts:
    """Throws InputError for tensors that are no layer of a known format."""
    for place in parts.values():
        if name := refused_by(place.name, place.dtype):
            raise InputError(f"{where}: {place.name} is {place.dtype}: {name} is not read; read are {READ}")
    if "weight_packed" in parts:
        return _compressed(layer, parts, where)
    if "qweight" not in parts:
        return _marlin(layer, parts, where)
    if parts["qweight"].dtype == "U8":
        return _pairs(layer, parts, where)
    return _words(layer, parts, where)


def need(parts: dict[str, Place], wanted: tuple[str, ...], where: str) -> None:
    for name in wanted:
        if name not in parts:
            raise InputError(f"{where}: no tensor {name} beside {', '.join(sorted(parts))}")
        if len(parts[name].shape) != 2 or 0 in parts[name].shape:
            raise InputError(f"{where}: {name} has shape {parts[name].shape}, expected two dimensions from 1 up")


def is_words(parts: dict[str, Place], names: tuple[str, ...], where: str) -> None:
    for name in names:
        if name in parts and parts[name].dtype not in ("I32", "U32"):
            raise InputError(f"{where}: {name} is {parts[name].dtype}, expected I32: other words are not supported")


def dtype_of(scales: Place, where: str) -> str:
    if scales.dtype not in DTYPES:
        raise InputError(f"{where}: {scales.name} is {scales.dtype}, expected F16, BF16 or F32")
    return DTYPES[scales.dtype]


def kept(parts: dict[str, Place], names: tuple[str, ...]) -> dict[str, Place]:
    return {name: parts[name] for name in (*names, *EXTRA) if name in parts}


def bits_by_zeros(parts: dict[str, Place], N: int, where: str) -> int | None:
    """The width of a code, from qzeros (G, N * bits / 32)."""
    if "qzeros" not in parts:
        return None
    need(parts, ("qzeros",), where)
    columns = parts["qzeros"].shape[1]
    if columns * WORD_BITS % N:
        raise InputError(f"{where}: qzeros {parts['qzeros'].shape} fit no width of codes for N={N}")
    return columns * WORD_BITS // N


def _words(layer: str, parts: dict[str, Place], where: str) -> Facts:
    """GPTQ or AWQ: qweight (K * bits / 32, N) or (K, N * bits / 32)."""
    need(parts, ("qweight", "scales"), where)
    is_words(parts, ("qweight", "qzeros"), where)
    (rows, columns), (groups, N) = parts["qweight"].shape, parts["scales"].shape
    dtype = dtype_of(parts["scales"], where)
    if columns == 2 * N:    # AutoAWQ's version marlin
        return _marlin(layer, parts | {"B": parts["qweight"], "s": parts["scales"]}, where)
    if gemv_shapes(parts):
        size = next((size for size in GEMV_GROUPS if fits_gemv(size, parts)), columns * CODES_PER_WORD)
        return Facts(layer, "awq-gemv", rows, columns * CODES_PER_WORD, columns * CODES_PER_WORD // size, CODE_BITS,
                     dtype, kept(parts, ("qweight", "scales", "qzeros", "bias")))
    if columns == N:
        places = kept(parts, ("qweight", "scales", "qzeros", "g_idx", "bias"))
        bits = bits_by_zeros(parts, N, where)
        if bits is None and "g_idx" in parts and parts["g_idx"].shape:
            bits = rows * WORD_BITS // max(parts["g_idx"].shape[0], 1)
        K = rows * WORD_BITS // bits if bits else None
        return Facts(layer, "gptq", N, K, groups, bits, dtype, places)
    if rows == groups:
        raise InputError(f"{where}: qweight {parts['qweight'].shape} and scales {parts['scales'].shape} are AWQ's gemv "
                         f"layout, which is not supported without qzeros (N, w) and scales (N, 8w)")
    if columns * WORD_BITS % N == 0 and columns < N:
        return Facts(layer, "awq", N, rows, groups, columns * WORD_BITS // N, dtype,
                     kept(parts, ("qweight", "scales", "qzeros", "bias")))
    raise InputError(f"{where}: qweight {parts['qweight'].shape} and scales {parts['scales'].shape} fit neither gptq "
                     f"({columns} columns against N={N}) nor awq ({columns * CODES_PER_WORD} against N={N})")


def gemv_shapes(parts: dict[str, Place]) -> bool:
    """AutoAWQ's gemv: qweight (N, K/8), qzeros (N, w), scales (N, 8w), w padded beyond the groups by zeros."""
    if "qzeros" not in parts or len(parts["qzeros"].shape) != 2:
        return False
    words, scales, zeros = (parts[name].shape for name in ("qweight", "scales", "qzeros"))
    return (words[0] == scales[0] == zeros[0] and words[0] % CODES_PER_WORD == 0
            and zeros[1] * CODES_PER_WORD == scales[1] and scales[1] not in (words[1], words[1] * CODES_PER_WORD))


def fits_gemv(size: int, parts: dict[str, Place]) -> bool:
    """Whether scales are padded as they are for groups of this size."""
    K, width = parts["qweight"].shape[1] * CODES_PER_WORD, parts["scales"].shape[1]
    if size < 1 or K % size:
        return False
    step = 1 if size >= 128 else 128 // size
    words = -(-(K // size) // CODES_PER_WORD)
    return -(-words // step) * step * CODES_PER_WORD == width


def _pairs(layer: str, parts: dict[str, Place], where: str) -> Facts:
    """uint8 (K/2, N); zero points are numbers of the type of the scales, called qzeros or zeros."""
    named = dict(parts)
    if "zeros" in named and "qzeros" not in named:
        named["qzeros"] = named.pop("zeros")
    need(named, ("qweight", "scales", "qzeros"), where)
    (pairs, columns), (groups, N) = named["qweight"].shape, named["scales"].shape
    if columns != N or named["qzeros"].shape != (groups, N):
        raise InputError(f"{where}: qweight {named['qweight'].shape}, scales {named['scales'].shape} and zeros "
                         f"{named['qzeros'].shape} are no pair-packed layer")
    if named["scales"].dtype != "BF16" or named["qzeros"].dtype != "BF16":
        raise InputError(f"{where}: scales are {named['scales'].dtype} and zeros {named['qzeros'].dtype}, pair-packed "
                         f"ones are BF16")
    return Facts(layer, "pair-packed", N, 2 * pairs, groups, CODE_BITS, "bf16",
                 kept(named, ("qweight", "scales", "qzeros", "bias")))


def _compressed(layer: str, parts: dict[str, Place], where: str) -> Facts:
    """weight_packed (N, K * bits / 32), weight_scale (N, G); weight_shape holds N and K."""
    if "qweight" in parts:
        raise InputError(f"{where}: has both qweight and weight_packed")
    need(parts, ("weight_packed", "weight_scale"), where)
    is_words(parts, ("weight_packed", "weight_zero_point"), where)
    (N, _), (scale_rows, groups) = parts["weight_packed"].shape, parts["weight_scale"].shape
    if scale_rows != N:
        raise InputError(f"{where}: weight_packed {parts['weight_packed'].shape} has N={N}, weight_scale "
                         f"{parts['weight_scale'].shape} has N={scale_rows}")
    bits = None
    if "weight_zero_point" in parts:
        need(parts, ("weight_zero_point",), where)
        bits = parts["weight_zero_point"].shape[0] * WORD_BITS // N
    return Facts(layer, "compressed-tensors", N, None, groups, bits, dtype_of(parts["weight_scale"], where),
                 kept(parts, ("weight_packed", "weight_scale", "weight_zero_point", "weight_g_idx", "weight_shape",
                              "bias")))


def _marlin(layer: str, parts: dict[str, Place], where: str) -> Facts:
    """B int32 (K/16, 2N), s fp16 (G, N), both in the kernel's order."""
    if "s" not in parts and "scales" in parts:
        parts = parts | {"s": parts["scales"]}
    need(parts, ("B", "s"), where)
    if "qzeros" in parts:
        raise InputError(f"{where}: Marlin-packed words beside qzeros are not read: zero points of Marlin are called "
                         "zeros")
    is_words(parts, ("B",), where)
    (tiles, words), (groups, N) = parts["B"].shape, parts["s"].shape
    if words * WORD_BITS % (TILE * N):
        raise InputError(f"{where}: B {parts['B'].shape} and s {parts['s'].shape} fit no width of codes")
    return Facts(layer, "marlin", N, tiles * TILE, groups, words * WORD_BITS // (TILE * N),
                 dtype_of(parts["s"], where), kept(parts, ("B", "s", "zeros", "perm", "bias")))
