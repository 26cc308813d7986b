# SPDX-License-Identifier: Apache-2.0
"""What is kept between runs: tensors that are not complete yet, headers, and the fixtures of `--fixture hf:REPO`.

  ROOT/parts/KEY/TENSOR        the bytes of a tensor from its first on; KEY is of repository, commit, ETag and file
  ROOT/headers/KEY             a safetensors header, whole
  ROOT/refs/KEY                the commit that a revision had when it was last asked
  ROOT/fixtures/REPO/COMMIT/LAYER
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
from pathlib import Path
from collections.abc import Callable, Iterator

from hub.headers import Place


def cache_root() -> Path:
    """$XDG_CACHE_HOME/w4bisect; without XDG_CACHE_HOME it lies below the hub library's own home."""
    xdg = os.environ.get("XDG_CACHE_HOME")
    if xdg:
        return Path(xdg) / "w4bisect"
    home = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    return Path(home).expanduser() / "w4bisect"


def key_of(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:40]


def put(path: Path, content: bytes) -> None:
    """Writes beside and renames: whoever reads it sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(prefix=".new.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


class Parts:
    """The tensors of one file of a hub as far as they have come."""

    def __init__(self, root: Path, key: str) -> None:
        self.folder = root / "parts" / key
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, place: Place) -> Path:
        return self.folder / key_of(place.name, place.dtype, str(place.begin), str(place.end))

    def have(self, place: Place) -> int:
        """The bytes that are there, from the tensor's first on."""
        path = self.path(place)
        size = path.stat().st_size if path.exists() else 0
        if size <= place.size:
            return size
        path.unlink()    # nothing that this program wrote
        return 0

    def append(self, place: Place, content: memoryview) -> None:
        with open(self.path(place), "ab", buffering=0) as file:    # with the system at once: a killed run keeps it
            while content:
                content = content[file.write(content):]

    def read(self, place: Place) -> bytes:
        return self.path(place).read_bytes() if place.size else b""

    @contextlib.contextmanager
    def locked(self, waiting: Callable[[], None]) -> Iterator[None]:
        """One process at a time appends; `waiting` is called when another one does."""
        with open(self.folder / "lock", "wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                waiting()
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def drop(self, places: list[Place]) -> None:
        """Tensors that have been put to use. The lock stays: another run may be waiting for it."""
        with self.locked(lambda: None):
            for place in places:
                self.path(place).unlink(missing_ok=True)
