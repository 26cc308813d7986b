# SPDX-License-Identifier: Apache-2.0
"""Packed tensors that NumPy made wrong: the stage that --packed names, and the line of NumPy that it prints, which is run and must
put the tensors right in every bit."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect")).parent
LAYERS = {"sym": ROOT / "fixtures/data/up", "act": ROOT / "fixtures/data/up_asym_act"}
SLOTS = np.arange(0, 32, 4, dtype=np.uint32)

pytestmark = pytest.mark.skipif(not (BUILD / "fixture").exists(), reason="bisect and fixture are not built")


def nibbles(words):
    return words.view(np.uint32)[..., None] >> SLOTS & 15


def words(codes):
    return (codes.astype(np.uint32) << SLOTS).sum(-1, dtype=np.uint32).view(np.int32)


def in_tiles(B, place):
    """Each tile's 1024 codes: place p holds what belongs to place(p)."""
    return words(nibbles(B).reshape(-1, 1024)[:, place(np.arange(1024))].reshape(*B.shape, 8))


def zero_table(zeros, table):
    return words(np.asarray(table)[nibbles(zeros)])


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    packed = {}
    for name, layer in LAYERS.items():
        path = tmp_path_factory.mktemp(name) / "packed.npz"
        subprocess.run([BUILD / "fixture", "convert", layer, path, "--to", "marlin"], check=True, capture_output=True)
        with np.load(path) as file:
            packed[name] = {key: file[key] for key in ("B", "scales", "zeros", "perm") if key in file}
    return packed


CHANGES = {
    "perm is inverted": ("act", ["act_order"], {"perm": lambda t: t["perm"].argsort().astype(np.int32)}),
    "perm is as stored": ("act", ["act_order"], {"perm": lambda t: np.arange(len(t["perm"]), dtype=np.int32)}),
    "zero points + 1": ("act", ["zero_points"], {"zeros": lambda t: zero_table(t["zeros"], (np.arange(16) + 1) % 16)}),
    "nibbles of zero points swapped": ("act", ["scale_order"], {"zeros": lambda t: words(nibbles(t["zeros"])[..., ::-1])}),
    "scales halved": ("sym", ["scales"], {"scales": lambda t: (t["scales"] / 2).astype(np.float16)}),
    "scales backwards in 64": ("sym", ["scale_order"], {"scales": lambda t: t["scales"].reshape(-1, 64)[:, ::-1].reshape(t["scales"].shape)}),
    "codes inverted, words reversed": ("sym", ["codes", "fragments"], {"B": lambda t: in_tiles(words(15 - nibbles(t["B"])), lambda p: p ^ 7)}),
    "rows of tiles backwards": ("sym", ["tiles"], {"B": lambda t: t["B"][::-1]}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_printed_line_puts_packed_tensors_right(change, right, tmp_path):
    name, stages, edits = CHANGES[change]
    wrong = right[name] | {key: np.ascontiguousarray(edit(right[name])) for key, edit in edits.items()}
    np.savez(tmp_path / "wrong.npz", **wrong)
    done = subprocess.run([BUILD / "bisect", "b", "128", "--fixture", LAYERS[name], "--m", "1", "--packed", tmp_path / "wrong.npz",
                           "--json", "-"], capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    culprits = json.loads(done.stdout)["culprits"]
    assert [culprit["stage"] for culprit in culprits] == stages, culprits
    lines = [line.removeprefix("undo: ") for culprit in reversed(culprits) for line in culprit["evidence"] if line.startswith("undo: ")]
    assert len(lines) == len(stages), culprits
    g_idx = LAYERS[name] / "g_idx.npy"
    tensors = wrong | {"np": np, "g_idx": np.load(g_idx) if g_idx.exists() else None}
    for line in lines:
        exec(line, tensors)
    for key, tensor in right[name].items():
        assert tensors[key].dtype == tensor.dtype and np.array_equal(tensors[key], tensor), (key, lines)
