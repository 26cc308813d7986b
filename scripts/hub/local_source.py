# SPDX-License-Identifier: Apache-2.0
"""A model in a folder, or a single safetensors file. The same questions as a model on a hub (hub_source.py)."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hub.facts import READ, refused_file
from hub.headers import LENGTH_BYTES, Place, header_length, parse_header
from hub.strict_json import parse_object
from w4fixture import InputError
from w4text import shown

INDEX = "model.safetensors.index.json"
CONFIGS = ("config.json", "quantize_config.json")
MOST_JSON_BYTES = 256 << 20
CARD = "README.md"
MOST_CARD_BYTES = 1 << 20


def plain_file_name(name: object, where: str) -> str:
    """A file name that leads nowhere else, and that a terminal may show."""
    if not isinstance(name, str) or not name or name.startswith(".") or set(name) & set("/\\") or shown(name) != name:
        raise InputError(f"{where}: names the file {name!r}, expected a plain file name")
    return name


def files_by_index(index: dict[str, Any], where: str) -> dict[str, str]:
    """Tensor -> file, from the text of an index."""
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict):
        raise InputError(f"{where}: has no object weight_map")
    return {tensor: plain_file_name(file, where) for tensor, file in weight_map.items()}


def weight_files(names: list[str], where: str) -> list[str]:
    """The safetensors files of a model that has no index."""
    found = sorted(name for name in names if name.endswith(".safetensors") and "/" not in name and name[0] != ".")
    if not found:
        for name in sorted(names):
            if refused := refused_file(os.path.splitext(name)[1]):
                raise InputError(f"{where}/{name}: {refused} is not read; read are {READ}")
        raise InputError(f"{where}: holds no .safetensors file")
    return ["model.safetensors"] if "model.safetensors" in found else [plain_file_name(name, where) for name in found]


def licence_in_card(text: str) -> str | None:
    """The `license:` of a model card's front matter."""
    head = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    found = re.search(r"(?m)^license:\s*[\"']?([\w.+-]+)[\"']?\s*$", head.group(1)) if head else None
    return found.group(1) if found else None


class FileReader:
    """The tensors of one safetensors file on this machine."""

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, path.stat().st_size

    def header(self) -> dict[str, Place]:
        with open(self.path, "rb") as file:
            length = header_length(file.read(LENGTH_BYTES), self.size, str(self.path))
            return parse_header(file.read(length), self.size, str(self.path))

    def read(self, place: Place) -> bytes:
        with open(self.path, "rb") as file:
            file.seek(place.begin)
            content = file.read(place.size)
        if len(content) != place.size:
            raise InputError(f"{self.path}: truncated: tensor {place.name!r} has {len(content)} of {place.size} bytes")
        return content


class LocalSource:
    """`path`: a model folder or a .safetensors file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path if path.is_dir() else path.parent
        self.label = str(path)
        self._headers: dict[str, dict[str, Place]] = {}
        self._files: dict[str, str] | None = None
        if (name := refused_file(path.suffix)) and path.is_file():
            raise InputError(f"{path}: {name} is not read; read are {READ}")
        if not path.is_dir() and path.suffix != ".safetensors":
            raise InputError(f"{path}: a model is a folder or a .safetensors file")

    def say_where(self, file: str) -> str:
        return str(self.folder / file)

    def provenance(self) -> dict[str, Any]:
        return {"path": self.path.name or str(self.path)}

    def licence(self) -> str | None:
        card = self.folder / CARD
        if not card.is_file():
            return None
        with open(card, "rb") as file:
            return licence_in_card(file.read(MOST_CARD_BYTES).decode("utf-8", "replace"))

    def read_json(self, name: str) -> dict[str, Any] | None:
        path = self.folder / name
        if not path.is_file():
            return None
        if path.stat().st_size > MOST_JSON_BYTES:
            raise InputError(f"{path}: {path.stat().st_size} bytes, at most {MOST_JSON_BYTES} are read")
        return parse_object(path.read_bytes(), str(path))

    def files(self) -> dict[str, str]:
        """Tensor -> file."""
        if self._files is None:
            index = self.read_json(INDEX) if self.path.is_dir() else None
            if index is not None:
                self._files = files_by_index(index, str(self.path / INDEX))
            else:
                names = sorted(os.listdir(self.path)) if self.path.is_dir() else [self.path.name]
                self._files = files_by_header(self, weight_files(names, self.label))
        return self._files

    def header(self, file: str) -> dict[str, Place]:
        if file not in self._headers:
            path = self.folder / file
            if not path.is_file():
                raise InputError(f"{path}: not there, though {INDEX} names it")
            self._headers[file] = FileReader(path).header()
        return self._headers[file]

    def missing_bytes(self, file: str, places: list[Place]) -> int:
        return 0

    def fetch(self, file: str, places: list[Place], progress: Any = None) -> dict[str, bytes]:
        reader = FileReader(self.folder / file)
        return {place.name: reader.read(place) for place in places}

    def drop(self, file: str, places: list[Place]) -> None:
        pass


def files_by_header(source: Any, files: list[str]) -> dict[str, str]:
    """Tensor -> file where no index says it."""
    result: dict[str, str] = {}
    for file in files:
        for tensor in source.header(file):
            if tensor in result:
                raise InputError(f"{source.label}: tensor {tensor!r} is in {result[tensor]} and in {file}")
            result[tensor] = file
    return result
