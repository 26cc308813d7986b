# SPDX-License-Identifier: Apache-2.0
"""Which tensors make a layer, and which layers a command line means."""

from __future__ import annotations

import difflib
import fnmatch
import re

from hub.facts import FACTS
from w4fixture import InputError

CODES = tuple(FACTS["codes"])    # either makes a layer; Marlin checkpoints call theirs B, and s beside it
PARTS = tuple(FACTS["parts"])
SHOWN = 5


def layers_of(tensors: list[str]) -> dict[str, dict[str, str]]:
    """Layer -> part -> tensor, in the order of the names. A tensor without a dot belongs to the layer ''."""
    parts: dict[str, dict[str, str]] = {}
    for tensor in tensors:
        layer, _, part = tensor.rpartition(".")
        if part in PARTS:
            parts.setdefault(layer, {})[part] = tensor
    sound = {layer: found for layer, found in parts.items()
             if any(code in found for code in CODES) or ("B" in found and ("s" in found or "scales" in found))}
    return dict(sorted(sound.items(), key=lambda item: in_order(item[0])))


def in_order(name: str) -> list[tuple[int, str]]:
    """layers.9 before layers.10"""
    return [(int(word), "") if word.isdecimal() and len(word) < 10 else (-1, word) for word in re.split(r"(\d+)", name)]


def is_pattern(text: str) -> bool:
    return any(c in text for c in "*?[")


def chosen(asked: list[str], layers: dict[str, dict[str, str]], tensors: list[str], label: str) -> list[str]:
    """The layers meant by exact names, ends after a dot and globs; each once, in the model's order for a glob."""
    found: dict[str, None] = {}
    for text in asked:
        found |= dict.fromkeys(meant_by(text, layers, tensors, label))
    return list(found)


def meant_by(text: str, layers: dict[str, dict[str, str]], tensors: list[str], label: str) -> list[str]:
    if text in layers:
        return [text]
    if is_pattern(text):
        names = [name for name in layers if fnmatch.fnmatchcase(name, text)]
        if not names:
            raise InputError(f"{label}: no quantised layer matches '{text}'; it has {shown(list(layers))}")
        return names
    names = [name for name in layers if name.endswith("." + text)]
    if len(names) > 1:
        raise InputError(f"{label}: layer '{text}' may be any of {len(names)}: {shown(names)}; give more of its name, "
                         f"or '*.{text}' for all")
    if not names:
        raise InputError(absent(text, layers, tensors, label))
    return names


def absent(text: str, layers: dict[str, dict[str, str]], tensors: list[str], label: str) -> str:
    held = sorted({t.rpartition(".")[2] for t in tensors if t.rpartition(".")[0] == text})
    if held:
        return f"{label}: layer '{text}' is not quantised to 4 bits in a way known here: it holds {shown(held)}"
    if not layers:
        return f"{label}: no quantised layer (qweight, weight_packed or B with s) among its {len(tensors)} tensors"
    close = near(text, list(layers))
    known = f"near it: {', '.join(close)}" if close else f"it has {shown(list(layers))}"
    return f"{label}: no layer '{text}'; {known}"


def near(name: str, known: list[str]) -> list[str]:
    """Layers of which the name, or its end, is spelt nearly so."""
    dots = name.count(".")
    ends = {".".join(k.split(".")[-dots - 1:]): k for k in known} | {k: k for k in known}
    return list(dict.fromkeys(ends[end] for end in difflib.get_close_matches(name, ends, n=3)))


def shown(names: list[str]) -> str:
    listed = ", ".join(name or "(no prefix)" for name in names[:SHOWN])
    return listed + (f", ... ({len(names)})" if len(names) > SHOWN else "")


def file_name_of(layer: str) -> str:
    """The layer's name as that of a file or folder."""
    if not layer or layer.startswith(".") or re.search(r"[/\\\0-\x1f]", layer) or len(layer.encode("utf-8")) > 200:
        raise InputError(f"layer {layer!r} has a name that no file can have")
    return layer
