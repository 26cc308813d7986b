# SPDX-License-Identifier: Apache-2.0
"""Brings what the data shows and what the config claims together. Where they differ, it is an error, never a guess."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hub.config import Claims, Said, text_of
from hub.facts import method_row
from hub.formats import DTYPES, EXTRA, Facts, fits_gemv, is_words
from hub.headers import Place
from w4fixture import CODE_BITS, CODES_PER_WORD, SYMMETRIC_ZERO_POINT, InputError, pack_rows, unpack_columns

GPTQ = ("gptq", "gptq_v1", "gptq_v2")
TRUSTED = ("data", "config")


@dataclass
class Settled:
    """What the manifest will say, and how each thing that is not plain was decided."""

    format: str
    K: int
    N: int
    group_size: int
    dtype: str
    symmetric: bool | None = None
    act_order: bool | None = None
    decided: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Judge:
    """Holds data against config for one layer."""

    where: str                  # REPO: LAYER
    trust: str | None           # data, config or neither
    notes: list[str] = field(default_factory=list)

    def agree(self, what: str, data: Any, shown_by: str, claim: Said | None) -> Any:
        """The value of both, or of the one that is trusted."""
        if claim is None or claim.value == data:
            return data
        both = f"{what}: the data shows {text_of(data)} ({shown_by}), {claim}"
        if self.trust is None:
            raise InputError(f"{self.where}: {both}; extract_fixture.py --trust data or --trust config decides")
        self.notes.append(f"{both}; {self.trust} is trusted")
        return data if self.trust == "data" else claim.value

    def refuse(self, text: str) -> InputError:
        return InputError(f"{self.where}: {text}")


def settle_headers(facts: Facts, claims: Claims, judge: Judge) -> Settled:
    """Format, width, K, N and group_size; symmetric and act_order as far as the config says."""
    _check_method(facts, claims, judge)
    bits = _bits(facts, claims, judge)
    K = facts.rows(bits)
    if K % CODES_PER_WORD or facts.N % CODES_PER_WORD:
        raise judge.refuse(f"K={K} N={facts.N}, both must be multiples of {CODES_PER_WORD}")
    settled = Settled(facts.format, K, facts.N, _group_size(facts, K, claims, judge), facts.dtype)
    _check_shapes(facts, K, judge)
    settled.format = _format(facts, claims, judge)
    settled.symmetric, settled.act_order = claims.get("symmetric"), claims.get("act_order")
    if settled.group_size == K or facts.format in ("awq", "awq-gemv", "pair-packed"):
        settled.act_order = False    # one group has no order; the other two have no way to store one
    if facts.format == "marlin":
        zeros = "zeros" in facts.places
        settled.symmetric = judge.agree("symmetric", not zeros, f"there are {'' if zeros else 'no '}zeros",
                                        claims.said.get("symmetric"))
        if settled.symmetric == zeros:
            raise judge.refuse(f"with {'' if zeros else 'no '}zeros it cannot be read so: only --trust data can be")
        settled.act_order = "perm" in facts.places
    if facts.format == "compressed-tensors" and not ("weight_zero_point" in facts.places and settled.symmetric):
        settled.symmetric = judge.agree("symmetric", "weight_zero_point" not in facts.places, "weight_zero_point is "
                                        + ("there" if "weight_zero_point" in facts.places else "absent"),
                                        claims.said.get("symmetric"))
    return settled


def _check_method(facts: Facts, claims: Claims, judge: Judge) -> None:
    if claims.skipped is not None:
        judge.agree("quantised", True, f"it has {', '.join(facts.places)}", Said(False, claims.skipped.where))
        if judge.trust == "config":
            raise judge.refuse(f"{claims.skipped.where} leaves this layer as it is: there is nothing to extract")
    claim = claims.said.get("format")
    if claim is None or (claim.value == "awq" and facts.format in ("awq", "awq-gemv", "marlin")):
        return
    expected = family(claim.value)
    if expected == facts.format:
        return
    method = claims.said.get("method")
    row = method_row(method.value) if method is not None else None
    if row is not None and facts.format not in map(family, row["formats"].values()):
        claim = method    # of no layout that the method has
    if judge.agree("format", facts.format, shape_reason(facts), claim) != facts.format:
        raise judge.refuse(f"the tensors of {facts.format} cannot be read as {expected}: only --trust data can be")
    claims.said.pop("format")    # that of another format


def family(form: str) -> str:
    """Tensors of one layout: v1 and v2 of GPTQ differ in what they hold."""
    return {"gptq_v1": "gptq", "gptq_v2": "gptq", "awq-gemm": "awq"}.get(form, form)


def shape_reason(facts: Facts) -> str:
    names = [n for n in ("qweight", "weight_packed", "B", "scales", "weight_scale", "s") if n in facts.places]
    return ", ".join(f"{n} {facts.places[n].dtype} {tuple(facts.places[n].shape)}" for n in names)


def _bits(facts: Facts, claims: Claims, judge: Judge) -> int:
    claim = claims.said.get("bits")
    packing = claims.said.get("pack_dtype")
    if packing is not None and packing.value != "int32":
        raise judge.refuse(f"{packing}, only int32 is supported")
    bits = facts.bits
    if bits is None:
        if claim is None and facts.format == "gptq":
            raise judge.refuse("neither qzeros nor g_idx nor a config tells the width of its codes")
        bits = claim.value if claim is not None else CODE_BITS    # compressed-tensors: weight_shape is held against it
    elif claim is not None:
        bits = judge.agree("bits", bits, shape_reason(facts), claim)
    if bits != CODE_BITS:
        raise judge.refuse(f"codes of {bits} bits are not supported, only {CODE_BITS} are")
    if facts.bits not in (None, CODE_BITS):
        raise judge.refuse(f"codes of {facts.bits} bits are not supported, only {CODE_BITS} are")
    return bits


def _group_size(facts: Facts, K: int, claims: Claims, judge: Judge) -> int:
    if K % facts.groups:
        raise judge.refuse(f"K={K} is not a multiple of the {facts.groups} groups of its scales: no group_size fits")
    claim = claims.said.get("group_size")
    said = K if claim is not None and claim.value == -1 else claim.value if claim is not None else 0
    if facts.format == "awq-gemv" and fits_gemv(said, facts.places):
        return said
    if claim is not None and claim.value in (-1, 0):
        claim = Said(K, f"{claim.where} ({claim.value}, one group)")
    size = judge.agree("group_size", K // facts.groups, f"K={K} over {facts.groups} groups", claim)
    if size != K // facts.groups:
        raise judge.refuse(f"scales of {facts.groups} groups cannot be read with group_size {size}: only --trust data "
                           "can")
    return size


def _check_shapes(facts: Facts, K: int, judge: Judge) -> None:
    wanted: dict[str, tuple[int, ...]] = {"bias": (facts.N,), "g_idx": (K,), "weight_g_idx": (K,), "weight_shape": (2,)}
    if facts.format in ("gptq", "awq"):
        wanted["qzeros"] = (facts.groups, facts.N // CODES_PER_WORD)
    if facts.format == "compressed-tensors":
        wanted["weight_zero_point"] = (facts.N // CODES_PER_WORD, facts.groups)
    for name, shape in wanted.items():
        if name in facts.places and facts.places[name].shape != shape:
            raise judge.refuse(f"{name} has shape {facts.places[name].shape}, expected {shape} for {facts.format} "
                               f"K={K} N={facts.N} with {facts.groups} groups")
    for name in (name for name in EXTRA if name in facts.places):
        place = facts.places[name]
        if place.dtype not in DTYPES:
            raise judge.refuse(f"{name} is {place.dtype}, expected F16, BF16 or F32")
        if math.prod(place.shape) != K:
            raise judge.refuse(f"{name} has shape {place.shape}, expected {(K,)} for K={K}")
    is_words(facts.places, ("qzeros", "weight_zero_point"), judge.where) if facts.format != "pair-packed" else None


def _format(facts: Facts, claims: Claims, judge: Judge) -> str:
    """The manifest's format as far as the config says: 'gptq' where it does not tell v1 from v2."""
    if facts.format == "awq-gemv":
        judge.notes.append(f"AWQ gemv: {shape_reason(facts)}, written as compressed-tensors, whose words are the same")
        return "compressed-tensors"
    if facts.format != "gptq":
        return facts.format
    claim = claims.said.get("format")
    return claim.value if claim is not None else "gptq" if "qzeros" in facts.places else "gptq_v1"


# ---- with the tensors ------------------------------------------------------------------------------------------------

def settle_data(settled: Settled, facts: Facts, tensors: dict[str, np.ndarray], claims: Claims, judge: Judge,
                format_asked: str | None) -> None:
    """Symmetric, v1 or v2, act-order: what the contents of qzeros, g_idx and weight_shape show."""
    if "weight_shape" in tensors:
        said = [int(n) for n in tensors["weight_shape"]]
        if said != [settled.N, settled.K]:
            raise judge.refuse(f"weight_shape says N={said[0]} K={said[1]}, weight_packed "
                               f"{facts.places['weight_packed'].shape} has N={settled.N} K={settled.K} at 4 bits")
    if facts.format == "gptq":
        _settle_gptq(settled, tensors, claims, judge, format_asked)
    elif facts.format == "awq":
        # the order inside a word does not matter for whether all are 8
        _settle_symmetric(settled, common_value(tensors, unpack_columns), SYMMETRIC_ZERO_POINT, claims, judge)
    elif facts.format == "compressed-tensors" and "weight_zero_point" in tensors and claims.get("symmetric"):
        stored = unpack_columns(tensors["weight_zero_point"])    # in any order: it is asked whether all are 8
        symmetric = bool((stored == SYMMETRIC_ZERO_POINT).all())
        settled.symmetric = judge.agree("symmetric", symmetric, "weight_zero_point is there"
                                        + ("" if symmetric else ", and not 8 everywhere"), claims.said["symmetric"])
    elif facts.format == "awq-gemv":
        _settle_gemv(settled, facts, tensors, claims, judge)
    elif facts.format == "pair-packed":
        zeros = tensors["qzeros"]
        same = SYMMETRIC_ZERO_POINT if (zeros == bf16_bits(SYMMETRIC_ZERO_POINT)).all() else None
        _settle_symmetric(settled, same, SYMMETRIC_ZERO_POINT, claims, judge)
    for name in ("g_idx", "weight_g_idx"):
        if name in tensors and facts.places[name].dtype not in ("I32", "I64"):
            raise judge.refuse(f"{name} is {facts.places[name].dtype}, expected I32 or I64")
        if name in tensors and tensors[name].size and (tensors[name] == -1).all():
            judge.notes.append(f"g_idx dropped: it is -1 for all {tensors.pop(name).size} rows, which means that it "
                               "was never set")
        if name in tensors:
            _settle_order(settled, name, tensors[name], claims, judge)
    if facts.format != "marlin" and (settled.act_order is None or not {"g_idx", "weight_g_idx"} & set(tensors)):
        _settle_without_g_idx(settled, claims, judge)
    settled.decided = judge.notes


def _settle_gemv(settled: Settled, facts: Facts, tensors: dict[str, np.ndarray], claims: Claims, judge: Judge) -> None:
    """The tensors of AWQ's gemv layout as compressed-tensors has them: nothing padded, zero points packed along N."""
    groups = settled.K // settled.group_size
    scales, zeros = tensors.pop("scales"), tensors.pop("qzeros")
    if scales[:, groups:].any():
        raise judge.refuse(f"AWQ gemv: scales beyond the {groups} groups of {settled.group_size} rows are not 0")
    stored = unpack_columns(zeros)[:, :groups]
    tensors["weight_packed"] = tensors.pop("qweight")
    tensors["weight_scale"] = np.ascontiguousarray(scales[:, :groups])
    tensors["weight_zero_point"] = pack_rows(np.ascontiguousarray(stored))
    tensors["weight_shape"] = np.array([settled.N, settled.K], np.int64)
    same = SYMMETRIC_ZERO_POINT if (stored == SYMMETRIC_ZERO_POINT).all() else None
    _settle_symmetric(settled, same, SYMMETRIC_ZERO_POINT, claims, judge)


def common_value(tensors: dict[str, np.ndarray], unpack: Any) -> int | None:
    """What every slot of qzeros holds; none where they differ. 8 where there is no qzeros."""
    if "qzeros" not in tensors:
        return SYMMETRIC_ZERO_POINT
    stored = unpack(tensors["qzeros"])
    return int(stored.flat[0]) if (stored == stored.flat[0]).all() else None


def bf16_bits(value: float) -> int:
    return int(np.float32(value).view(np.uint32) >> 16)


def _settle_gptq(settled: Settled, tensors: dict[str, np.ndarray], claims: Claims, judge: Judge,
                 format_asked: str | None) -> None:
    if "qzeros" not in tensors:
        settled.symmetric = judge.agree("symmetric", True, "no qzeros", claims.said.get("symmetric"))
        if settled.format == "gptq":
            settled.format = "gptq_v1"
        return
    common = common_value(tensors, unpack_columns)
    shown = {SYMMETRIC_ZERO_POINT - 1: "gptq_v1", SYMMETRIC_ZERO_POINT: "gptq_v2"}.get(common)
    if format_asked is not None:
        settled.format = format_asked
        judge.notes.append(f"format {format_asked}: --format says so")
    elif shown is not None:
        claim = claims.said["format"] if settled.format != "gptq" and "format" in claims.said else None
        # an asymmetric layer whose zero points are all 7 or 9 is no layer that a quantiser made
        settled.format = judge.agree("format", shown, f"every stored zero point is {common}", claim)
    elif settled.format == "gptq" and claims.said:
        settled.format = "gptq_v1"
        judge.notes.append("format gptq_v1: a GPTQ config without checkpoint_format is of the time before v2")
    elif settled.format == "gptq":
        raise judge.refuse("stored zero points do not tell GPTQ v1 from v2, and no config does: give --format gptq_v1 "
                           "or --format gptq_v2")
    symmetric_stored = SYMMETRIC_ZERO_POINT - (settled.format == "gptq_v1")
    _settle_symmetric(settled, common, symmetric_stored, claims, judge)


def _settle_symmetric(settled: Settled, common: int | None, symmetric_stored: int, claims: Claims,
                      judge: Judge) -> None:
    shown_by = "stored zero points differ" if common is None else f"every stored zero point is {common}"
    settled.symmetric = judge.agree("symmetric", common == symmetric_stored, shown_by, claims.said.get("symmetric"))


def _settle_order(settled: Settled, name: str, g_idx: np.ndarray, claims: Claims, judge: Judge) -> None:
    groups = settled.K // settled.group_size
    if g_idx.min() < 0 or g_idx.max() >= groups:
        raise judge.refuse(f"{name} lies in {g_idx.min()}..{g_idx.max()}, outside 0..{groups - 1} ({groups} groups)")
    trivial = bool((g_idx == np.arange(settled.K) // settled.group_size).all())
    claim = claims.said.get("act_order")
    if trivial and (groups == 1 or claims.static_groups):
        claim = None    # then an act-order checkpoint has a trivial g_idx too
    shown_by = f"{name} is {'' if trivial else 'not '}k / group_size"
    chosen = judge.agree("act_order", not trivial, shown_by, claim)
    settled.act_order = not trivial    # a manifest cannot change what g_idx does; a trusted config is a note
    if chosen != settled.act_order:
        judge.notes.append(f"act_order {text_of(settled.act_order)} is written all the same: that is what {name} does")


def _settle_without_g_idx(settled: Settled, claims: Claims, judge: Judge) -> None:
    claim = claims.said.get("act_order")
    if claim is not None and claim.value and settled.format in ("gptq_v1", "gptq_v2", "compressed-tensors") \
            and settled.group_size < settled.K and not claims.static_groups:
        judge.agree("act_order", False, "no g_idx", claim)
    settled.act_order = False


def tensors_of(facts: Facts, blobs: dict[str, bytes]) -> dict[str, np.ndarray]:
    """Arrays by plain name; bf16 as uint16."""
    def array(place: Place) -> np.ndarray:
        return place.array(blobs[place.name])
    return {name: array(place) for name, place in facts.places.items()}
