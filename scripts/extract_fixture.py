#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes layers out of a quantised model and writes them as fixtures for bisect.

  scripts/extract_fixture.py Qwen/Qwen2.5-3B-Instruct-GPTQ-Int4 model.layers.0.mlp.up_proj -o up_proj
  scripts/extract_fixture.py OWNER/MODEL --list                     its layers, and what each costs to fetch
  scripts/extract_fixture.py model_folder '*.layers.0.*' -o layers  one fixture a layer, in a folder

SOURCE is a repository of a hub (HF_TOKEN, HF_ENDPOINT and HF_HOME count as they do for huggingface_hub), a model folder
or a .safetensors file. LAYER is a name, its end after a dot, or a glob. Of a hub only the header and the tensors asked
for are fetched; what an interrupted run has fetched is kept, and the same command goes on there.
Exit: 0, 129 bad input or anything that failed, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn
from collections.abc import Callable

from w4text import shown

PROGRAM = "extract_fixture"
ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / "build" / "venv"      # made by scripts/setup
NEEDED = ("numpy", "h5py", "huggingface_hub", "httpx2", "safetensors")
EXIT_BAD_INPUT, EXIT_INTERRUPTED = 129, 130
HUB_PREFIX = "hf:"


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse would print the usage too and exit 2; the contract is one line and 129
        print(f"{self.prog}: {shown(message)} (--help lists the options)", file=sys.stderr)
        raise SystemExit(EXIT_BAD_INPUT)


def parser() -> Parser:
    result = Parser(prog=PROGRAM, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = result.add_argument
    add("source", metavar="SOURCE", help="OWNER/MODEL, OWNER/MODEL@REVISION, a model folder or a .safetensors file")
    add("layers", metavar="LAYER", nargs="*", help="a layer's name, the end of it after a dot, or a glob; repeatable")
    add("-o", "--out", type=Path, metavar="OUT", help="what to write, by its ending: .npz, .h5, .hdf5, .safetensors or "
        "a folder of .npy files; for several layers or a glob a folder with one such folder a layer")
    add("--revision", help="branch, tag or commit (default: the main branch)")
    add("--list", action="store_true", help="print the layers instead (all, or those named)")
    add("--json", action="store_true", help="with --list: as JSON")
    add("--trust", choices=("data", "config"), help="where data and config contradict each other: which of them counts")
    add("--format", choices=("gptq_v1", "gptq_v2"), help="how zero points are stored, where nothing else tells")
    rows = result.add_mutually_exclusive_group()
    rows.add_argument("--activations", type=Path, metavar="NPY", help="rows (M, K) that enter the layer")
    rows.add_argument("--random-activations", type=int, metavar="M", help="draw M rows (default: 16), scaled by the "
                      "weight of the norm before the layer where the model has it, else of variance 1")
    rows.add_argument("--no-activations", action="store_true", help="write none")
    # what bisect calls for --fixture hf:REPO: prints the folder of the fixture, or the error, on stdout
    add("--cached", action="store_true", help=argparse.SUPPRESS)
    return result


def missing_modules() -> list[str]:
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def with_modules(arguments: list[str]) -> str | None:
    """Starts again with the interpreter that has what is missing here. Returns only where none has: what to type."""
    missing = missing_modules()
    if not missing:
        return None
    python = ENVIRONMENT / "bin" / "python"
    if python.is_file() and Path(sys.prefix) != ENVIRONMENT:
        os.execv(python, [str(python), str(Path(__file__).resolve()), *arguments])
    return f"needs the Python packages {', '.join(missing)}: type {ROOT / 'scripts' / 'setup'} extract"


def failing_line(body: Callable[[], int], failed: Callable[[str], int]) -> int:
    """Runs `body`; whatever stops it becomes one line and an exit code."""
    from w4fixture import InputError
    try:
        return body()
    except InputError as error:
        return failed(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())    # or the interpreter complains at its end
        return EXIT_BAD_INPUT
    except OSError as error:
        return failed(f"{error.filename or 'input'}: {error.strerror or error}")
    except MemoryError:
        return failed("a tensor is too large for this machine's memory")
    except KeyboardInterrupt:
        print(f"\n{PROGRAM}: interrupted; what has been fetched is kept, the same command goes on there",
              file=sys.stderr)
        return EXIT_INTERRUPTED


def open_source(text: str, revision: str | None) -> Any:
    from hub.local_source import LocalSource
    from w4fixture import InputError
    name = text.removeprefix(HUB_PREFIX)
    path = Path(text)
    if not text.startswith(HUB_PREFIX) and path.exists():
        if revision:
            raise InputError(f"--revision {revision}: {path} lies here and has no revisions")
        return LocalSource(path)
    repository, at, named = name.partition("@")
    if at and (revision or not named):
        raise InputError(f"{text}: " + ("--revision names another one" if named else "no revision after '@'"))
    if not text.startswith(HUB_PREFIX) and (name.startswith(("/", ".", "~")) or name.endswith(".safetensors")):
        raise InputError(f"{text}: no such file or folder")
    from hub.hub_source import HubSource
    return HubSource(repository, named or revision, PROGRAM)


def wishes_of(args: argparse.Namespace) -> Any:
    from hub.activations import DEFAULT_ROWS, MOST_ROWS
    from hub.extraction import Wishes
    from w4fixture import InputError
    rows = DEFAULT_ROWS if args.random_activations is None else args.random_activations
    if not 1 <= rows <= MOST_ROWS:
        raise InputError(f"--random-activations {rows}: a number of rows in 1..{MOST_ROWS}")
    return Wishes(args.trust, args.format, args.activations, None if args.no_activations else rows)


def check_arguments(args: argparse.Namespace) -> None:
    from hub.output import check_target
    from w4fixture import InputError
    if args.json and not args.list:
        raise InputError("--json goes with --list")
    if args.list or args.cached:
        if args.out:
            raise InputError(f"-o {args.out}: nothing is written with --{'list' if args.list else 'cached'}")
    elif not args.layers or not args.out:
        raise InputError("LAYER and -o OUT are missing: SOURCE LAYER -o OUT, or SOURCE --list")
    if args.out:
        check_target(args.out)


def run(args: argparse.Namespace) -> int:
    check_arguments(args)
    from hub import fixtures
    from hub.extraction import Model
    wishes = wishes_of(args)
    model = Model(open_source(args.source, args.revision), wishes)
    if args.list:
        fixtures.print_list(model, args.layers, args.json)
    elif args.cached:
        print(fixtures.cached(model, args.layers, PROGRAM))
    else:
        fixtures.extract(model, args.layers, args.out, PROGRAM)
    return 0


def main(arguments: list[str] | None = None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    args = parser().parse_args(words)
    needs = with_modules(words)

    def failed(text: str) -> int:
        line = shown(text)
        print(line if args.cached else f"{PROGRAM}: {line}", file=sys.stdout if args.cached else sys.stderr)
        return EXIT_BAD_INPUT
    if needs is not None:
        return failed(needs)
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "0" if sys.stderr.isatty() else "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    return failing_line(lambda: run(args), failed)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))    # by way of every clean-up
    sys.exit(main())
