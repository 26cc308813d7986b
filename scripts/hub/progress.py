# SPDX-License-Identifier: Apache-2.0
"""How far a transfer is, on stderr: a bar on a terminal, elsewhere a line every few seconds."""

from __future__ import annotations

import sys
import time

from w4text import shown

LINE_EVERY_SECONDS = 5.0
BAR_EVERY_SECONDS = 0.1
BAR_WIDTH = 30


def human(count: float) -> str:
    """12.3 MB, decimal as hubs count."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


class Progress:
    """Bytes of a transfer. `have` of the `total` are there from an earlier run."""

    def __init__(self, program: str, total: int, have: int = 0) -> None:
        self.program, self.total, self.done, self.fetched = program, total, have, 0
        self.terminal = sys.stderr.isatty()
        self.began = self.shown = time.monotonic()

    def add(self, count: int) -> None:
        self.done += count
        self.fetched += count
        now = time.monotonic()
        if now - self.shown >= (BAR_EVERY_SECONDS if self.terminal else LINE_EVERY_SECONDS):
            self.shown = now
            self._show(now)

    def _show(self, now: float) -> None:
        rate = f"{human(self.fetched / max(now - self.began, 1e-9))}/s"
        said = f"{human(self.done)} of {human(self.total)}, {rate}"
        if not self.terminal:
            print(f"{self.program}: {said}", file=sys.stderr, flush=True)
            return
        filled = BAR_WIDTH * self.done // max(self.total, 1)
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        print(f"\r\033[K{self.program}: [{bar}] {said}", end="", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        self.clear()
        print(f"{self.program}: {shown(text)}", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self.terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
