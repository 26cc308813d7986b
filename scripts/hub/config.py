# SPDX-License-Identifier: Apache-2.0
"""What a model's configuration claims about one layer: config.json's quantization_config and quantize_config.json."""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from dataclasses import dataclass, field
from typing import Any
from collections.abc import Iterator

from hub.strict_json import kind_of
from w4fixture import InputError

CONFIG, LEGACY = "config.json", "quantize_config.json"
PATTERN_SECONDS = 2.0
MOST_PATTERN = 1000

# one claim may have several spellings; the first that is there counts
SPELLINGS = {"bits": ("bits", "w_bit", "num_bits"), "group_size": ("group_size", "q_group_size"),
             "symmetric": ("sym", "symmetric"), "act_order": ("desc_act",),
             "layout": ("checkpoint_format", "format", "version"), "pack_dtype": ("pack_dtype",)}
KINDS = {"bits": int, "group_size": int, "symmetric": bool, "act_order": bool, "layout": str, "pack_dtype": str}
FORMATS = {"gptq": "gptq", "gptqmodel": "gptq", "awq": "awq", "compressed-tensors": "compressed-tensors",
           "marlin": "marlin", "pair-packed": "pair-packed"}


@dataclass(frozen=True)
class Said:
    """A value and who says it: `config.json: quantization_config.bits`."""

    value: Any
    where: str

    def __str__(self) -> str:
        return f"{self.where} says {text_of(self.value)}"


@dataclass
class Claims:
    """What is said of one layer; a key is absent where nothing is said."""

    said: dict[str, Said] = field(default_factory=dict)
    skipped: Said | None = None             # the config says that this layer is not quantised
    static_groups: bool = False             # act-order that leaves g_idx trivial

    def get(self, key: str) -> Any:
        return self.said[key].value if key in self.said else None


def text_of(value: Any) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


class Config:
    """The quantisation part of a model's configuration, before a layer is known."""

    def __init__(self, source: Any, trust: str | None) -> None:
        self.parts: list[tuple[dict[str, Any], str]] = []    # the first to say a thing counts
        whole = source.read_json(CONFIG) or {}
        where = source.say_where(CONFIG)
        nested = whole.get("text_config")
        self._add(whole.get("quantization_config"), f"{where}: quantization_config")
        if isinstance(nested, dict):
            self._add(nested.get("quantization_config"), f"{where}: text_config.quantization_config")
        self._add(source.read_json(LEGACY), source.say_where(LEGACY))
        self.model_type = whole.get("model_type")
        if trust is None:
            self._check_agreement()

    def _add(self, part: Any, where: str) -> None:
        if part is None:
            return
        if not isinstance(part, dict):
            raise InputError(f"{where} is {kind_of(part)}, expected an object")
        self.parts.append((part, where))

    def _check_agreement(self) -> None:
        for key in KINDS:
            said = [claim for part, where in self.parts if (claim := claim_in(part, where, key))]
            for other in said[1:]:
                if other.value != said[0].value:
                    raise InputError(f"{said[0]}, {other}: --trust config takes the first, --trust data neither")

    def claims_of(self, layer: str) -> Claims:
        claims = Claims()
        for part, where in self.parts:
            method = value_of(part, "quant_method", str, where)
            if method is not None:
                claims.said.setdefault("method", Said(method, f"{where}.quant_method"))
            if part.get("is_marlin_format") is True:
                claims.said.setdefault("layout", Said("marlin", f"{where}.is_marlin_format"))
            if "config_groups" in part:
                self._take_groups(claims, part, where, layer)
            for key in KINDS:
                if (claim := claim_in(part, where, key)) is not None:
                    claims.said.setdefault(key, claim)
            if part.get("zero_point") is not None and (method or "").startswith("awq"):
                zero_point = value_of(part, "zero_point", bool, where)
                claims.said.setdefault("symmetric", Said(not zero_point, f"{where}.zero_point"))
            claims.static_groups |= part.get("static_groups") is True or part.get("act_group_aware") is True
            self._take_skipped(claims, part, where, layer)
            self._take_dynamic(claims, part, where, layer)
        return claims

    def _take_dynamic(self, claims: Claims, part: dict[str, Any], where: str, layer: str) -> None:
        """GPTQModel: pattern -> other values; '-:' in front of it leaves the layer as it is. The first match counts."""
        dynamic = value_of(part, "dynamic", dict, where) or {}
        for pattern, values in dynamic.items():
            place = f"{where}.dynamic[{pattern!r}]"
            if not matches(pattern.removeprefix("-:").removeprefix("+:"), layer, place):
                continue
            if pattern.startswith("-:"):
                claims.skipped = Said(True, place)
                return
            if not isinstance(values, dict):
                raise InputError(f"{place} is {kind_of(values)}, expected an object")
            for key in KINDS:
                if (claim := claim_in(values, place, key)) is not None:
                    claims.said[key] = claim
            return

    def _take_skipped(self, claims: Claims, part: dict[str, Any], where: str, layer: str) -> None:
        for key in ("modules_to_not_convert", "ignore"):
            for name in value_of(part, key, list, where) or []:
                if isinstance(name, str) and names_layer(name, layer, f"{where}.{key}"):
                    claims.skipped = Said(name, f"{where}.{key}")

    def _take_groups(self, claims: Claims, part: dict[str, Any], where: str, layer: str) -> None:
        """compressed-tensors: the group whose targets name the layer, else the one for all Linear modules."""
        groups = value_of(part, "config_groups", dict, where) or {}
        found: dict[str, dict[str, Any]] = {}
        for name, group in groups.items():
            place = f"{where}.config_groups.{name}"
            if not isinstance(group, dict):
                raise InputError(f"{place} is {kind_of(group)}, expected an object")
            for target in value_of(group, "targets", list, place) or []:
                if isinstance(target, str) and (target == "Linear" or names_layer(target, layer, place)):
                    found[f"{target == 'Linear'} {place}"] = group
        if not found:
            return
        key = min(found)    # a name before a class
        place = key.split(" ", 1)[1] + ".weights"
        self._take_group(claims, value_of(found[key], "weights", dict, place) or {}, place)

    def _take_group(self, claims: Claims, weights: dict[str, Any], place: str) -> None:
        for key in ("bits", "group_size", "symmetric"):
            if (claim := claim_in(weights, place, key)) is not None:
                claims.said.setdefault(key, claim)
        strategy = value_of(weights, "strategy", str, place)
        if strategy == "channel":
            claims.said["group_size"] = Said(-1, f"{place}.strategy channel")
        elif strategy not in (None, "group"):
            raise InputError(f"{place}.strategy {strategy} is not supported, expected group or channel")
        if value_of(weights, "type", str, place) not in (None, "int"):
            raise InputError(f"{place}.type {weights['type']} is not supported, expected int")
        if "actorder" in weights:
            order = weights["actorder"]
            claims.said["act_order"] = Said(order in ("group", "dynamic", True), f"{place}.actorder")


def claim_in(part: dict[str, Any], where: str, key: str) -> Said | None:
    for spelling in SPELLINGS[key]:
        value = value_of(part, spelling, KINDS[key], where)
        if value is not None:
            return Said(value.lower() if isinstance(value, str) else value, f"{where}.{spelling}")
    return None


def value_of(part: dict[str, Any], key: str, kind: type, where: str) -> Any:
    value = part.get(key)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        wanted = {int: "an integer", bool: "true or false", str: "text", dict: "an object", list: "a list"}[kind]
        raise InputError(f"{where}.{key} is {str(value)[:60]!r}, expected {wanted}")
    return value


def names_layer(text: str, layer: str, where: str) -> bool:
    """compressed-tensors' way to name modules ('re:' is a pattern), AWQ's is a part of the name."""
    if text.startswith("re:"):
        return matches(text[3:], layer, where)
    return layer == text or f".{text}." in f".{layer}."


def matches(pattern: str, layer: str, where: str) -> bool:
    """re.match, within a time limit: patterns come with the model."""
    if len(pattern) > MOST_PATTERN:
        raise InputError(f"{where}: a pattern of {len(pattern)} characters, at most {MOST_PATTERN} are read")
    try:
        with time_limit(f"{where}: matching it takes longer than {PATTERN_SECONDS:.0f} s"):
            return re.match(pattern, layer) is not None
    except (re.error, RecursionError, OverflowError) as error:
        raise InputError(f"{where}: no pattern: {error}") from error


@contextlib.contextmanager
def time_limit(message: str) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield    # no signals there
        return

    def stop(*_: Any) -> None:
        raise InputError(message)
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, PATTERN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
