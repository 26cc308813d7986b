# SPDX-License-Identifier: Apache-2.0
"""What the command does with a model: list it, write fixtures, keep one for bisect."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from hub.extraction import Model, Plan, fixture_of
from hub.facts import READ
from hub.listing import json_text, listing_of, table_text
from hub.modules import NotRead
from hub.names import chosen, file_name_of, is_pattern
from hub.output import write_folder, write_whole, writer_for
from hub.progress import Progress, human
from w4fixture import InputError


def print_list(model: Model, asked: list[str], as_json: bool) -> None:
    layers = chosen_of(model, asked) if asked else list(model.layers)
    others = [] if asked else [{"layer": why.module, "problem": f"{why.module}: {why}"} for why in model.not_read()]
    if not layers and not others:
        raise InputError(f"{model.source.label}: no quantised layer (qweight, weight_packed or B with s) among its "
                         f"{len(model.files)} tensors")
    entries = listing_of(model, layers) + others
    print(json_text(entries) if as_json else table_text(entries))


def chosen_of(model: Model, asked: list[str]) -> list[str]:
    """The layers that are meant. Throws InputError, for what is not read by its name."""
    try:
        return chosen(asked, model.layers, list(model.files), model.source.label)
    except InputError:
        def answers(module: str, text: str) -> bool:
            return module == text or module.endswith("." + text)
        for text in asked:
            for layer, expert in model.experts.items():
                if answers(expert.module, text):
                    raise InputError(f"{model.source.label}: '{expert.module}' is {expert.count} experts, name one: "
                                     f"{layer} is the first") from None
            others = model.not_read()
            meant = [why for why in others if answers(why.module, text)] or ([] if model.layers else others)
            if meant:
                raise InputError(f"{model.source.label}: {meant[0].module}: {meant[0]}; read are {READ}") from None
        raise


def extract(model: Model, asked: list[str], out: Path, program: str) -> None:
    """One layer to `out`; several, or a glob, to a folder with one fixture a layer."""
    layers = chosen_of(model, asked)
    several = len(asked) > 1 or is_pattern(asked[0]) and asked[0] not in model.layers
    if several and writer_for(out) is not write_folder:
        raise InputError(f"{out}: one file cannot hold {len(layers)} fixtures: name a folder")
    names = [file_name_of(layer) for layer in layers] if several else []
    plans = [model.plan(layer) for layer in layers]
    progress = progress_of(plans, program)

    def write(path: Path) -> None:
        path.mkdir()
        for name, plan in zip(names, plans, strict=True):
            take(plan, path / name, progress)
    if several:
        write_whole(out, write)
    else:
        fetch_and_write(plans[0], out, progress)
    for plan in plans:
        plan.drop()
    progress.clear()
    for plan in plans:
        tell(plan, program)
    for why in left_over(model, asked):
        progress.say(f"{why.module}: {why}")


def left_over(model: Model, asked: list[str]) -> list[NotRead]:
    """What a glob means too, and nothing here reads."""
    globs = [text for text in asked if is_pattern(text) and text not in model.layers]
    return model.not_read(lambda module: any(fnmatchcase(module, text) for text in globs))


def fetch_and_write(plan: Plan, out: Path, progress: Progress) -> None:
    """Everything is there and checked before the first byte is written."""
    tensors, manifest = fixture_of(plan, plan.fetch(progress))
    write_whole(out, lambda path: writer_for(out)(path, tensors, manifest))


def take(plan: Plan, path: Path, progress: Progress) -> None:
    tensors, manifest = fixture_of(plan, plan.fetch(progress))
    write_folder(path, tensors, manifest)


def progress_of(plans: list[Plan], program: str) -> Progress:
    total = sum(place.size for plan in plans for places in plan.wanted().values() for place in places)
    missing = sum(plan.missing_bytes() for plan in plans)
    progress = Progress(program, total, total - missing)
    if missing:
        kept = f", {human(total - missing)} are there from an earlier run" if missing < total else ""
        progress.say(f"fetching {human(missing)}{kept}")
    return progress


def tell(plan: Plan, program: str) -> None:
    """What was written, and what had to be decided; stderr, as results are files."""
    settled = plan.settled
    Progress(program, 0).say(
        f"{plan.facts.layer or '(no prefix)'}: K={settled.K} N={settled.N} {settled.format} group_size "
        f"{settled.group_size} {'symmetric' if settled.symmetric else 'asymmetric'}"
        f"{' act-order' if settled.act_order else ''} {settled.dtype}")
    for note in plan.claims.told() + plan.judge.notes:
        Progress(program, 0).say(note)


def cached(model: Model, asked: list[str], program: str) -> Path:
    """The folder of the one layer's fixture below the cache, made where it is missing."""
    layers = chosen_of(model, asked)
    if len(layers) != 1:
        raise InputError(f"{model.source.label}: {len(layers)} layers are meant by '{' '.join(asked)}', one is wanted")
    source: Any = model.source
    if not hasattr(source, "commit"):
        raise InputError(f"{source.label}: no model of a hub: give its path without 'hf:'")
    folder = source.root / "fixtures" / source.repository.replace("/", "--") / source.commit / file_name_of(layers[0])
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    plan = model.plan(layers[0])
    progress = progress_of([plan], program)
    try:
        fetch_and_write(plan, folder, progress)
    except InputError:
        if not folder.is_dir():    # another run was not faster either
            raise
    plan.drop()
    progress.clear()
    return folder
