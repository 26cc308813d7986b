# SPDX-License-Identifier: Apache-2.0
"""Text from outside as a line of a terminal may hold it. The same in C++: fixtures/text.h."""

from __future__ import annotations

import re

# Controls, ends of lines and paragraphs, direction of text, what XML forbids, and halves of surrogate pairs, which
# stand for bytes that are not UTF-8.
NOT_SHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]")
SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def shown(text: str) -> str:
    r"""The text with what would end its line or steer a terminal as "\n", "\t", "\r", or "\x1b" for each byte."""
    return NOT_SHOWN.sub(lambda found: SHORT.get(found[0]) or _bytes_of(found[0]), text)


def _bytes_of(character: str) -> str:
    came_as_byte = "\udc80" <= character <= "\udcff"
    encoded = character.encode("utf-8", "surrogateescape" if came_as_byte else "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in encoded)
