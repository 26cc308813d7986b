# SPDX-License-Identifier: Apache-2.0
"""From a model and a layer's name to the tensors and the manifest of its fixture."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hub.activations import DEFAULT_ROWS, LARGEST, Rows, bf16_values, deviations, drawn, norm_of, read_rows, to_bf16
from hub.config import Claims, Config
from hub.formats import EXTRA, Facts, facts_of
from hub.headers import Place
from hub.modules import (NotRead, left_over, module_of, refused_modules, scaled_activations, slice_of,
                         stacked_experts)
from hub.names import in_order, layers_of
from hub.output import Stored
from hub.progress import Progress
from hub.settle import Judge, Settled, settle_data, settle_headers, tensors_of
from w4fixture import InputError, checksum


@dataclass(frozen=True)
class Wishes:
    """What the command line asks of every layer."""

    trust: str | None = None
    format: str | None = None              # gptq_v1 or gptq_v2, where nothing else tells
    activations: Path | None = None
    random_rows: int | None = DEFAULT_ROWS


class Model:
    """A source, its configuration and its layers."""

    def __init__(self, source: Any, wishes: Wishes) -> None:
        self.source, self.wishes = source, wishes
        self.config = Config(source, wishes.trust)
        self.files = source.files()
        tensors = list(self.files)
        refused = refused_modules(tensors, lambda _: None)    # by names: no header is fetched for it
        self.layers = {layer: parts for layer, parts in layers_of(tensors).items() if layer not in refused}
        self.experts = stacked_experts(tensors, self.place)
        for layer, expert in self.experts.items():
            self.layers.pop(expert.module, None)
            self.layers[layer] = expert.tensors
        self.layers = dict(sorted(self.layers.items(), key=lambda item: in_order(item[0])))
        self.scales = scaled_activations(tensors, self.layers)

    def not_read(self, asked: Callable[[str], bool] = lambda _: True) -> list[NotRead]:
        """Modules in few bits that are no layer that is read, of those asked for. Looks at all their headers."""
        tensors = [tensor for tensor in self.files if asked(module_of(tensor))]
        refused = refused_modules(tensors, self.place)
        claimed = {*self.layers, *(expert.module for expert in self.experts.values())}
        scales = {tensor for tensors in self.scales.values() for tensor in tensors}
        others = left_over(tensors, self.place, lambda tensor: tensor in scales or
                           module_of(tensor) in claimed or module_of(tensor) in refused)
        found = [replace(why, said=self.config.named(why.format)) for module, why in refused.items()
                 if module not in claimed] + others
        return sorted(found, key=lambda why: in_order(why.module))

    def place(self, tensor: str) -> Place:
        file = self.files[tensor]
        places = self.source.header(file)
        if tensor not in places:
            raise InputError(f"{self.source.say_where(file)}: no tensor '{tensor}', though the index says so")
        return places[tensor]

    def plan(self, layer: str) -> Plan:
        where = f"{self.source.label}: {layer}" if layer else self.source.label
        parts = self._parts(layer, where)
        facts = facts_of(layer, parts, where)
        claims, judge = self.config.claims_of(layer), Judge(where, self.wishes.trust)
        return Plan(self, facts, claims, judge, settle_headers(facts, claims, judge), self._norm(layer))

    def _parts(self, layer: str, where: str) -> dict[str, Place]:
        parts = {part: self.place(tensor) for part, tensor in self.layers[layer].items()}
        factors = sorted(part for part in EXTRA if part in parts) + self.scales.get(layer, [])
        if len(factors) > 1:
            raise InputError(f"{where}: has both {factors[0]} and {factors[1]}, one factor for each row is expected")
        if layer in self.scales:
            parts["act_scales"] = self.place(self.scales[layer][0])
        expert = self.experts.get(layer)
        for part, place in parts.items() if expert else ():
            sliced = slice_of(place, part, expert)
            if sliced is None:
                raise InputError(f"{where}: {place.name} has shape {place.shape}, expected {expert.count} experts in "
                                 "its first dimension")
            parts[part] = sliced
        return parts

    def _norm(self, layer: str) -> str | None:
        drawn_rows = self.wishes.activations is None and self.wishes.random_rows is not None
        return norm_of(layer, self.files) if drawn_rows else None


@dataclass
class Plan:
    """A layer before its tensors are there."""

    model: Model
    facts: Facts
    claims: Claims
    judge: Judge
    settled: Settled
    norm: str | None       # the tensor by which random activations are scaled

    def wanted(self) -> dict[str, list[Place]]:
        """File -> tensors."""
        result: dict[str, list[Place]] = defaultdict(list)
        places = list(self.facts.places.values()) + ([self.model.place(self.norm)] if self.norm else [])
        for place in places:
            result[self.model.files[place.name]].append(place)
        return result

    def missing_bytes(self) -> int:
        return sum(self.model.source.missing_bytes(file, places) for file, places in self.wanted().items())

    def fetch(self, progress: Progress) -> dict[str, bytes]:
        blobs: dict[str, bytes] = {}
        for file, places in self.wanted().items():
            blobs |= self.model.source.fetch(file, places, progress)
        return blobs

    def drop(self) -> None:
        for file, places in self.wanted().items():
            self.model.source.drop(file, places)


def fixture_of(plan: Plan, blobs: dict[str, bytes]) -> tuple[dict[str, Stored], dict[str, Any]]:
    """The tensors and the manifest, everything checked. Throws InputError."""
    arrays = tensors_of(plan.facts, blobs)
    settle_data(plan.settled, plan.facts, arrays, plan.claims, plan.judge, plan.model.wishes.format)
    tensors = {name: Stored(array, _stored_type(plan, name)) for name, array in arrays.items()}
    _match_scales(plan, tensors)
    _note_row_scale(plan, tensors)
    for name in ("g_idx", "weight_g_idx"):
        if name in tensors and tensors[name].dtype != "I32":
            plan.judge.notes.append(f"{name} written as I32, it is {tensors[name].dtype} in the model")
            tensors[name] = Stored(tensors[name].values.astype(np.int32), "I32")
    _match_bias(plan, tensors)
    rows = _rows(plan, blobs)
    if rows is not None:
        tensors["activations"] = Stored(rows.values, rows.dtype)
    return tensors, _manifest(plan, tensors, blobs, rows)


def _stored_type(plan: Plan, name: str) -> str:
    """Of a tensor that was undone from another layout, the type that it has now."""
    undone = {"weight_packed": "qweight", "weight_scale": "scales", "weight_zero_point": "qzeros"}
    places = plan.facts.places
    if name == "weight_shape" and name not in places:
        return "I64"
    return places[name if name in places else undone[name]].dtype


def _match_scales(plan: Plan, tensors: dict[str, Stored]) -> None:
    """fp32 scales are rounded to the model's type, else to fp16, or bf16 where that is too narrow for them; 16-bit
    ones of another type than the model stay as they are, and that is said."""
    settled, model = plan.settled, plan.claims.model_dtype
    name = next(name for name in ("scales", "weight_scale", "s") if name in tensors)
    if settled.dtype == "fp32":
        values = tensors[name].values
        sizes = np.abs(values[np.isfinite(values) & (values != 0)])
        fits = bool(((sizes >= 2.0 ** -14) & (sizes <= LARGEST["fp16"])).all())
        settled.dtype = model.value if model else "fp16" if fits else "bf16"
        rounded = to_bf16(values) if settled.dtype == "bf16" else values.astype(np.float16)
        back = bf16_values(rounded) if settled.dtype == "bf16" else rounded.astype(np.float32)
        why = model.where if model else "fp16 holds them" if fits else "fp16 is too narrow for them"
        changed = int((back != values).sum())
        plan.judge.notes.append(f"scales are fp32, rounded to {settled.dtype} ({why}): {changed} of {values.size} "
                                f"change, by at most half a unit in the last place")
        tensors[name] = Stored(rounded, "BF16" if settled.dtype == "bf16" else "F16")
    if model and model.value != settled.dtype:
        plan.judge.notes.append(f"scales are {settled.dtype}, the model is {model.value} ({model.where}): a kernel "
                                f"that computes in {model.value} rounds them")


def _note_row_scale(plan: Plan, tensors: dict[str, Stored]) -> None:
    for name, how in (("act_scales", "divided by"), ("pre_quant_scale", "times")):
        if name in tensors:
            values = bf16_values(tensors[name].values) if tensors[name].dtype == "BF16" else tensors[name].values
            wrong = np.flatnonzero(~np.isfinite(values) | (values == 0))
            if wrong.size:
                raise plan.judge.refuse(f"{name}[{wrong[0]}] is {values.flat[wrong[0]]}, expected a finite number "
                                        "other than 0")
            stored = plan.facts.places[name].name
            plan.judge.notes.append(f"{name} ({stored}): w of row k is the weight times a factor, which is undone on "
                                    f"A: a kernel is given A {how} it")


def _match_bias(plan: Plan, tensors: dict[str, Stored]) -> None:
    """A bias of another type than the scales is rounded to theirs: a kernel adds it in that type."""
    wanted = {"fp16": "F16", "bf16": "BF16"}[plan.settled.dtype]
    bias = tensors.get("bias")
    if bias is None or bias.dtype == wanted:
        return
    if bias.dtype not in ("F16", "BF16", "F32"):
        raise plan.judge.refuse(f"bias is {bias.dtype}, expected F16, BF16 or F32")
    values = bf16_values(bias.values) if bias.dtype == "BF16" else bias.values.astype(np.float32)
    with np.errstate(over="ignore"):
        rounded = to_bf16(values) if wanted == "BF16" else values.astype(np.float16)
    tensors["bias"] = Stored(rounded, wanted)
    plan.judge.notes.append(f"bias rounded to {wanted}, the type of the scales; it is {bias.dtype} in the model")


def _rows(plan: Plan, blobs: dict[str, bytes]) -> Rows | None:
    wishes, K = plan.model.wishes, plan.settled.K
    if wishes.activations is not None:
        return read_rows(wishes.activations, K, plan.facts.layer)
    if wishes.random_rows is None:
        return None
    deviation = None
    if plan.norm is not None:
        place = plan.model.place(plan.norm)
        deviation = deviations(place.array(blobs[place.name]), place, K, plan.model.config.model_type)
    return drawn(wishes.random_rows, K, plan.settled.dtype, plan.norm, deviation)


def _manifest(plan: Plan, tensors: dict[str, Stored], blobs: dict[str, bytes], rows: Rows | None) -> dict[str, Any]:
    settled, source = plan.settled, plan.model.source
    origin = {name: {"file": plan.model.files[place.name], "tensor": place.name, "dtype": place.dtype,
                     "shape": list(place.shape), "sha256": hashlib.sha256(blobs[place.name]).hexdigest()}
              for name, place in plan.facts.places.items()}
    manifest = {"schema": 1, "name": plan.facts.layer or Path(source.label).stem, "format": settled.format,
                "group_size": settled.group_size, "symmetric": bool(settled.symmetric),
                "act_order": bool(settled.act_order), "dtype": settled.dtype,
                "source": source.provenance() | {"layer": plan.facts.layer, "tensors": origin}}
    licence = source.licence()
    if licence:
        manifest["licence"] = licence
    if plan.judge.notes:
        manifest["decided"] = list(plan.judge.notes)
    if rows is not None:
        manifest["activations_source"] = rows.source
    return manifest | {"checksums": {name: checksum(tensor.values) for name, tensor in tensors.items()}}
