# SPDX-License-Identifier: Apache-2.0
"""What a model's configuration claims about one layer; the files and keys are those of the table of facts."""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from dataclasses import dataclass, field
from typing import Any
from collections.abc import Iterator

from hub.facts import FACTS, READ, method_row, refused_called
from hub.strict_json import kind_of
from w4fixture import InputError

PATTERN_SECONDS = 2.0
MOST_PATTERN = 1000
# what the reader in C++ cannot match, which looks at the pattern without escapes and sets of characters
NOT_IN_RE2 = re.compile(r"\(\?(?:[=!>(]|<[=!]|P=)|\\[1-9]")
ESCAPED, IN_CLASS = re.compile(r"\\[^1-9]", re.DOTALL), re.compile(r"\[\^?\]?[^\]]*\]")

# one claim may have several spellings; the first that is there counts
SPELLINGS = {key: tuple(names) for key, names in FACTS["claims"].items()} | {"pack_dtype": ("pack_dtype",)}
KINDS = {"bits": int, "group_size": int, "symmetric": bool, "act_order": bool, "pack_dtype": str}
NOT_QUANTISED = 16     # bits from which on a rule leaves a layer as it is


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

    trust: str | None = None
    said: dict[str, Said] = field(default_factory=dict)
    skipped: Said | None = None             # the config says that this layer is not quantised
    static_groups: bool = False             # act-order that leaves g_idx trivial
    model_dtype: Said | None = None         # fp16 or bf16, of the model's activations

    part: int = 0                           # of the configuration, counted
    of_part: dict[str, int] = field(default_factory=dict)
    overruled: set[str] = field(default_factory=set)    # by a rule for this layer
    disputed: set[str] = field(default_factory=set)     # two parts differ, and neither is believed

    def say(self, key: str, said: Said) -> None:
        """The first part to say a thing counts. Throws InputError where a later one says another, unless one side is
        trusted: data believes neither, and no later part."""
        first = self.said.get(key)
        if key in self.overruled | self.disputed:
            return
        if first is None or leaves_open(key, first.value, said.value):
            self.said[key], self.of_part[key] = said, self.part
            return
        if first.value == said.value or leaves_open(key, said.value, first.value) or self.of_part[key] == self.part:
            return
        if self.trust is None:
            raise InputError(f"{first}, {said}: --trust config takes the first, --trust data neither")
        if self.trust == "data":
            self.disputed.add(key)
            del self.said[key]

    def overrule(self, key: str, said: Said) -> None:
        """A rule for this layer, which counts before what is said of all."""
        self.said[key] = said
        self.overruled.add(key)

    def get(self, key: str) -> Any:
        return self.said[key].value if key in self.said else None

    def told(self) -> list[str]:
        """What was said, a line for each place: `config.json: quantization_config: group_size 64 (group_size)`."""
        places: dict[str, list[str]] = {}
        for key, said in sorted(self.said.items()):
            place, _, last = said.where.rpartition(".")
            places.setdefault(place, []).append(f"{key} {text_of(said.value)} ({last})")
        return [f"{place}: {', '.join(values)}" for place, values in sorted(places.items())]


def text_of(value: Any) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def leaves_open(key: str, a: Any, b: Any) -> bool:
    """Whether `b` is one of the layouts that `a` leaves open: gptq is GPTQ of either version."""
    return key == "format" and b in FACTS["undecided"].get(a, ())


class Config:
    """The quantisation part of a model's configuration, before a layer is known."""

    def __init__(self, source: Any, trust: str | None) -> None:
        self.parts: list[tuple[dict[str, Any], str]] = []    # the first to say a thing counts
        self.model_type: Any = None
        self.model_dtype: Said | None = None                # fp16 or bf16
        for place in FACTS["config_files"]:
            whole, where = source.read_json(place["file"]), source.say_where(place["file"])
            if whole is None:
                continue
            if place["keys"]:
                self.model_type = self.model_type or whole.get("model_type")
                self._take(whole, place["keys"], where, "")
            else:
                self._add(whole, where)
        self.trust = trust

    def _take(self, whole: dict[str, Any], keys: list[str], where: str, path: str) -> None:
        """What an object says, and then what its nested configs say: those of language models first."""
        for key in keys:
            self._add(whole.get(key), f"{where}: {path}{key}")
        for key in FACTS["model_dtype"]:
            dtype = FACTS["dtypes"].get(whole.get(key)) if isinstance(whole.get(key), str) else None
            if dtype and self.model_dtype is None:
                self.model_dtype = Said(dtype, f"{where}: {path}{key}")
        first = [key for key in FACTS["nested_first"] if isinstance(whole.get(key), dict)]
        others = sorted(key for key, value in whole.items() if isinstance(value, dict) and key not in (*first, *keys)
                        and key.endswith(FACTS["nested_config"]))
        for key in (*first, *others):
            self._take(whole[key], keys, where, f"{path}{key}.")

    def _add(self, part: Any, where: str) -> None:
        if part is None:
            return
        if not isinstance(part, dict):
            raise InputError(f"{where} is {kind_of(part)}, expected an object")
        self.parts.append((part, where))

    def claims_of(self, layer: str) -> Claims:
        claims = Claims(self.trust, model_dtype=self.model_dtype)
        for part, where in self.parts:
            claims.part += 1
            check_words(part, where)
            row = row_of(part, where)
            if (form := format_in(part, row, where)) is not None:
                claims.say("format", form)
            if value_of(part, "quant_method", str, where):
                claims.say("method", Said(row["names"][0], f"{where}.quant_method"))
            compressed = row["formats"][""] == "compressed-tensors"
            if compressed or part.get("config_groups") is not None:
                self._take_groups(claims, part, where, layer)
            for key in ("pack_dtype",) if compressed else KINDS:
                if (claim := claim_in(part, where, key)) is not None:
                    claims.say(key, claim)
            zero_point = value_of(part, "zero_point", bool, where)
            if zero_point is not None and "awq" in (row["formats"][""], str(claims.get("format"))[:3]):
                claims.say("symmetric", Said(not zero_point, f"{where}.zero_point"))
            claims.static_groups |= any(part.get(key) is True for key in FACTS["static_order"])
            self._take_skipped(claims, part, where, layer)
            self._take_dynamic(claims, part, where, layer)
            self._take_extra(claims, part, where, layer)
        return claims

    def named(self, refused: str) -> str:
        """Where a format that is not read is named; or empty."""
        for part, where in self.parts:
            for key in FACTS["refused_words_in"]:
                if isinstance(part.get(key), str) and refused_called(part[key]) == refused:
                    return f"{where}.{key} says {part[key]}"
        return ""

    def _take_extra(self, claims: Claims, part: dict[str, Any], where: str, layer: str) -> None:
        """auto-round: a layer's name, or a pattern -> other values; a name counts before a pattern."""
        rules = value_of(part, "extra_config", dict, where) or {}
        found = next((key for key in rules if key == layer or layer.endswith("." + key)), None)
        if found is None:
            found = next((key for key in rules if set(key) & set("*+?[(|^$\\")
                          and matches(key, layer, f"{where}.extra_config[{key!r}]")), None)
        if found is not None:
            self._overrule(claims, rules[found], f"{where}.extra_config[{found!r}]")

    def _overrule(self, claims: Claims, values: Any, place: str) -> None:
        if not isinstance(values, dict):
            raise InputError(f"{place} is {kind_of(values)}, expected an object")
        for key in KINDS:
            claim = claim_in(values, place, key)
            if claim is not None and key == "bits" and claim.value >= NOT_QUANTISED:
                claims.skipped = Said(True, claim.where)
            elif claim is not None:
                claims.overrule(key, claim)

    def _take_dynamic(self, claims: Claims, part: dict[str, Any], where: str, layer: str) -> None:
        """GPTQModel: pattern -> other values; '-:' in front of it leaves the layer as it is. The first match counts."""
        dynamic = value_of(part, "dynamic", dict, where) or {}
        for pattern, values in dynamic.items():
            place = f"{where}.dynamic[{pattern!r}]"
            if not matches(pattern[2:] if pattern.startswith(("+:", "-:")) else pattern, layer, place):
                continue
            if pattern.startswith("-:"):
                claims.skipped = Said(True, place)
                return
            self._overrule(claims, values, place)
            return

    def _take_skipped(self, claims: Claims, part: dict[str, Any], where: str, layer: str) -> None:
        for key in FACTS["skipped"]:
            for name in value_of(part, key, list, where) or []:
                if isinstance(name, str) and names_layer(name, layer, f"{where}.{key}"):
                    claims.skipped = Said(name, f"{where}.{key}")

    def _take_groups(self, claims: Claims, part: dict[str, Any], where: str, layer: str) -> None:
        """compressed-tensors: the group whose targets name the layer, else the one for all Linear modules."""
        by_name: tuple[dict[str, Any], str] | None = None
        by_class: tuple[dict[str, Any], str] | None = None
        for name, group in (value_of(part, "config_groups", dict, where) or {}).items():
            place = f"{where}.config_groups.{name}"
            if not isinstance(group, dict) or not isinstance(group.get("targets"), list):
                raise InputError(f"{place} has no array 'targets'")
            for target in group["targets"]:
                if not isinstance(target, str):
                    raise InputError(f"{place}.targets holds {text_of(target)}, expected text")
                if by_name is None and names_layer(target, layer, f"{where}.config_groups"):
                    by_name = group, place
                if by_class is None and target == "Linear":
                    by_class = group, place
        chosen = by_name or by_class
        if chosen is None:
            raise InputError(f"{where}: no target of config_groups fits layer '{layer}'")
        self._take_group(claims, chosen[0], chosen[1] + ".weights")

    def _take_group(self, claims: Claims, group: dict[str, Any], place: str) -> None:
        weights = value_of(group, "weights", dict, place.removesuffix(".weights")) or {}
        strategy = value_of(weights, "strategy", str, place)
        group_format = value_of(group, "format", str, place.removesuffix(".weights"))
        if group_format and (name := refused_called(group_format)):
            raise InputError(f"{place.removesuffix('.weights')}.format says {group_format}: {name} is not read")
        if strategy == "channel":
            claims.overrule("group_size", Said(-1, f"{place}.strategy"))
        elif strategy not in (None, "group"):
            raise InputError(f"{place}.strategy {strategy} is not supported, expected group or channel")
        if value_of(weights, "type", str, place) not in (None, "int"):
            raise InputError(f"{place}.type {weights['type']} is not supported, expected int")
        for key in ("bits", "group_size", "symmetric", "act_order"):
            if (claim := claim_in(weights, place, key)) is not None:
                claims.say(key, claim)
        if (order := weights.get("actorder")) is not None:
            claims.say("act_order", Said(order in ("group", "dynamic", True), f"{place}.actorder"))


def check_words(part: dict[str, Any], where: str) -> None:
    """Formats that are not read, by name."""
    for key in FACTS["refused_words_in"]:
        name = refused_called(part[key]) if isinstance(part.get(key), str) else None
        if name:
            raise InputError(f"{where}.{key} says {part[key]}: {name} is not read; read are {READ}")


def row_of(part: dict[str, Any], where: str) -> dict[str, Any]:
    """The row of the facts for a part's method; AutoAWQ's and compressed-tensors' own files may not say it."""
    method = value_of(part, "quant_method", str, where)
    alone = "compressed-tensors" if part.get("config_groups") is not None else \
        "awq" if part.get("w_bit") is not None else "gptq"
    row = method_row(method.lower() if method else alone)
    if row is None:
        raise InputError(f"{where}.quant_method says {method}: not read; read are {READ}")
    return row


def format_in(part: dict[str, Any], row: dict[str, Any], where: str) -> Said | None:
    """The format that a part names: by its layout where it says one, else by its method."""
    if part.get("is_marlin_format") is True and "marlin" in row["formats"]:
        return Said("marlin", f"{where}.is_marlin_format")
    for key in row["layout"]:
        word = value_of(part, key, str, where)
        if not word:
            continue
        if word.lower() not in row["formats"]:
            known = ", ".join(sorted(name for name in row["formats"] if name))
            raise InputError(f"{where}.{key} says {word}, which is not supported: for {row['names'][0]} {known} are")
        return Said(row["formats"][word.lower()], f"{where}.{key}")
    return Said(row["formats"][""], f"{where}.quant_method") if part.get("quant_method") else None


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
    if looks := NOT_IN_RE2.search(IN_CLASS.sub("", ESCAPED.sub("", pattern))):
        raise InputError(f"{where}: the pattern '{pattern}' holds {looks[0]}: patterns that look ahead, behind or back "
                         "are not read")
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
