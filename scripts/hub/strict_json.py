# SPDX-License-Identifier: Apache-2.0
"""JSON from strangers: no NaN, no key twice, no depth that ends the interpreter."""

from __future__ import annotations

import json
from typing import Any

from w4fixture import InputError


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"holds {text}, which is no JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"key {key!r} is given twice")
        result[key] = value
    return result


def parse_object(text: bytes, where: str) -> dict[str, Any]:
    """The object that `text` is. Throws InputError, naming `where`."""
    try:
        value = json.loads(text.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not UTF-8 at byte {error.start}") from error
    except (ValueError, RecursionError) as error:
        problem = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{where}: not valid JSON: {problem}") from error
    _refuse_odd_text(text, value, where)
    if not isinstance(value, dict):
        raise InputError(f"{where}: is {kind_of(value)}, expected an object")
    return value


def _refuse_odd_text(text: bytes, value: Any, where: str) -> None:
    """NUL and lone surrogates come in as escapes alone; no file, terminal or attribute takes them."""
    if b"\\u0000" in text:
        raise InputError(f"{where}: holds a text with a NUL")
    if b"\\ud" in text.lower():
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            raise InputError(f"{where}: holds a text with half a surrogate pair") from error


def kind_of(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
