# SPDX-License-Identifier: Apache-2.0
"""--list: every quantised layer of a model by headers and config alone."""

from __future__ import annotations

import json
from typing import Any

from hub.extraction import Model
from hub.progress import human
from w4fixture import InputError
from w4text import shown

COLUMNS = ("layer", "K", "N", "format", "group_size", "symmetric", "act-order", "fetch")
UNTOLD = "?"


def entry_of(model: Model, layer: str) -> dict[str, Any]:
    """null: cannot be told without the tensors."""
    try:
        plan = model.plan(layer)
    except InputError as error:
        return {"layer": layer, "problem": str(error)}
    settled = plan.settled
    format_name = None if settled.format == "gptq" else settled.format    # v1 or v2 is in qzeros
    return {"layer": layer, "K": settled.K, "N": settled.N, "format": format_name or "gptq",
            "group_size": settled.group_size, "symmetric": settled.symmetric, "act_order": settled.act_order,
            "bytes": plan.facts.bytes, "bytes_to_fetch": plan.missing_bytes()}


def listing_of(model: Model, layers: list[str]) -> list[dict[str, Any]]:
    for layer in layers:    # what cannot be fetched ends the listing, what a layer lacks is a line of it
        for tensor in model.layers[layer].values():
            model.place(tensor)
    return [entry_of(model, layer) for layer in layers]


def json_text(entries: list[dict[str, Any]]) -> str:
    return json.dumps({"schema": 1, "layers": entries}, indent=2)


def table_text(entries: list[dict[str, Any]]) -> str:
    rows = [COLUMNS] + [cells_of(entry) for entry in entries if "problem" not in entry]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [shown(entry["problem"]) for entry in entries if "problem" in entry]
    if any(UNTOLD in row for row in rows[1:]):
        lines.append(f"{UNTOLD}: the config does not say, and headers do not show it; the tensors do when it is "
                     "extracted")
    return "\n".join(lines)


def cells_of(entry: dict[str, Any]) -> tuple[str, ...]:
    def flag(value: bool | None) -> str:
        return UNTOLD if value is None else ("yes" if value else "no")
    return (shown(entry["layer"]) or "(no prefix)", str(entry["K"]), str(entry["N"]), entry["format"],
            str(entry["group_size"]), flag(entry["symmetric"]), flag(entry["act_order"]),
            human(entry["bytes_to_fetch"]))
