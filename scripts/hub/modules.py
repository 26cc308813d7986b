# SPDX-License-Identifier: Apache-2.0
"""Which module a tensor belongs to, which experts are stacked, and what nothing here reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from collections.abc import Callable

from hub.facts import FACTS, refused_by
from hub.headers import Place

EXPERTS = FACTS["experts"]
BELOW_WEIGHT = ".weight."       # bitsandbytes: up_proj.weight.absmax
OTHER_SUFFIXES = ("_blocks", "_scale_2", "_scale_inv", "_input_scale")
NO_CODES = ("F16", "BF16", "F32", "F64", "BOOL", "I64", "U64")
SHOWN = 4

PlaceOf = Callable[[str], "Place | None"]    # none: its file is not there


@dataclass(frozen=True)
class Expert:
    """One expert of a projection whose experts are stacked in 3-D tensors: the layer experts.3.up_proj."""

    module: str
    tensors: dict[str, str]    # by plain part
    index: int
    count: int


@dataclass(frozen=True)
class NotRead:
    module: str
    format: str                # empty: none that is known
    shown: str
    said: str = ""             # where the config names the format

    def __str__(self) -> str:
        if not self.format:
            return f"not read, of no format that is known here: it holds {self.shown}"
        return f"{self.format} is not read; it holds {self.shown}{', and ' if self.said else ''}{self.said}"


def _without_suffix(last: str, suffixes: list[str]) -> tuple[str, str] | None:
    found = [suffix for suffix in suffixes if last.endswith(suffix) and len(last) > len(suffix)]
    longest = max(found, key=len, default="")
    return (last[:-len(longest)], longest) if longest else None


def module_of(tensor: str) -> str:
    if BELOW_WEIGHT in tensor:
        return tensor[:tensor.index(BELOW_WEIGHT)]
    module, _, last = tensor.rpartition(".")
    if module != "experts" and not module.endswith(".experts"):
        return module
    projection = _without_suffix(last, [*EXPERTS["suffixes"], *OTHER_SUFFIXES])
    return f"{module}.{projection[0] if projection else last}"


def stacked_experts(tensors: list[str], place: PlaceOf) -> dict[str, Expert]:
    """By layer. Looks at the headers of what may be one alone."""
    modules: dict[str, dict[str, str]] = {}
    for tensor in tensors:
        module = module_of(tensor)
        if not re.fullmatch(EXPERTS["module"], module):
            continue
        before, _, last = tensor.rpartition(".")
        if before == module:
            modules.setdefault(module, {})[last] = tensor
        elif projection := _without_suffix(last, list(EXPERTS["suffixes"])):
            modules.setdefault(module, {})[EXPERTS["suffixes"][projection[1]]] = tensor
    experts = {}
    for module, parts in modules.items():
        for codes in FACTS["codes"]:
            stored = place(parts[codes]) if codes in parts else None
            if stored is None or len(stored.shape) != 3 or stored.dtype not in ("I32", "U32"):
                continue
            parent, _, projection_name = module.rpartition(".")
            for e in range(stored.shape[0]):
                experts[f"{parent}.{e}.{projection_name}"] = Expert(module, parts, e, stored.shape[0])
    return experts


def scaled_activations(tensors: list[str], layers: dict[str, dict[str, str]]) -> dict[str, list[str]]:
    """Layer -> the tensors by which AWQ's ScaledActivation before it divides; more than one is wrong."""
    found: dict[str, list[str]] = {}
    for tensor in tensors:
        module, _, last = tensor.rpartition(".")
        parent, _, name = module.rpartition(".")
        if last != "scales" or not re.fullmatch(FACTS["activation"]["module"], name):
            continue
        for follower in FACTS["activation"]["followed_by"]:
            layer = f"{parent}.{follower}" if parent else follower
            if layer in layers:
                found.setdefault(layer, []).append(tensor)
                break
    return found


def _shown(module: str, tensor: str, place: Place | None) -> str:
    name = tensor[len(module) + 1:] if tensor.startswith((module + ".", module + "_")) else tensor
    return name if place is None else f"{name} {place.dtype} {shape_text(place.shape)}"


def shape_text(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


def refused_modules(tensors: list[str], place: PlaceOf) -> dict[str, NotRead]:
    """Modules of which a tensor is typical of a format that is not read."""
    refused: dict[str, NotRead] = {}
    for tensor in sorted(tensors):
        stored = place(tensor)
        name, module = refused_by(tensor, stored.dtype if stored else ""), module_of(tensor)
        if name:
            refused.setdefault(module, NotRead(module, name, _shown(module, tensor, stored)))
    return refused


def left_over(tensors: list[str], place: PlaceOf, claimed: Callable[[str], bool]) -> list[NotRead]:
    """What may hold codes and belongs to nothing that is read, and parts of layers without their codes."""
    found: dict[str, list[str]] = {}
    for tensor in sorted(tensors):
        last = tensor.rpartition(".")[2]
        if claimed(tensor) or last in FACTS["none"]:
            continue
        stored, module = place(tensor), module_of(tensor)
        codes = stored is not None and stored.dtype not in NO_CODES and len(stored.shape) >= 2
        if codes or last in FACTS["part_of_codes"]:
            found.setdefault(module, []).append(_shown(module, tensor, stored))
    return [NotRead(module, "", ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else ""))
            for module, names in found.items()]


def slice_of(place: Place, part: str, expert: Expert) -> Place | None:
    """The expert's part of a stacked tensor; none where its first dimension is not the experts'."""
    if part == "weight_shape" and place.shape == (3,):
        size = place.size // 3
        return Place(place.name, place.dtype, (2,), place.begin + size, place.end)
    if len(place.shape) < 2 or place.shape[0] != expert.count:
        return None
    size = place.size // expert.count
    begin = place.begin + expert.index * size
    return Place(place.name, place.dtype, place.shape[1:], begin, begin + size)
