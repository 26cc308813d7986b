# SPDX-License-Identifier: Apache-2.0
"""What checkpoints call things: fixtures/layer/checkpoint_facts.json, which the reader in C++ has compiled in."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "fixtures/layer/checkpoint_facts.json").read_text(encoding="utf-8"))
READ: str = FACTS["read"]


def method_row(method: str) -> dict[str, Any] | None:
    """The row of a quantisation method; none: it is not read."""
    return next((row for row in FACTS["methods"] if method in row["names"]), None)


def refused_called(word: str) -> str | None:
    """The format that is not read which a word of a configuration names: NVFP4 for nvfp4-pack-quantized."""
    return next((row["name"] for row in FACTS["refused"] if word.lower() in row.get("words", [])), None)


@cache
def _patterns() -> list[tuple[str, str, re.Pattern[str]]]:
    split = [(row["name"], *(["", text] if " " not in text else text.split(" ", 1)))
             for row in FACTS["refused"] for text in row.get("tensors", [])]
    return [(name, dtype, re.compile(pattern)) for name, dtype, pattern in split]


def refused_by(tensor: str, dtype: str) -> str | None:
    """The format that is not read of which a tensor is typical; `dtype` as safetensors spells it, or empty."""
    return next((name for name, wanted, pattern in _patterns()
                 if wanted in ("", dtype) and pattern.search(tensor)), None)


def refused_file(suffix: str) -> str | None:
    return next((row["name"] for row in FACTS["refused"] if suffix in row.get("endings", [])), None)
