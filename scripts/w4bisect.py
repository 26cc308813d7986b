# SPDX-License-Identifier: Apache-2.0
"""Makes a Python function a kernel for `bisect MODE GROUP --kernel exec:'python3 my_kernel.py'`.

    import w4bisect

    def kernel(case):
        if case.group_size == 32:
            return 125                                      # declines the case: "unsupported", no fault
        return case.A @ weights_of(case.B, case.scales)     # C (M, N), or a return code, or None with case.C written

    w4bisect.serve(kernel)

A return code is 0 for a C that was written, 125 to decline the case, and 1 with nothing written to refuse it; any other
is reported as a failure, and so is an exception, by its text.

The command stays alive and is fed case after case; with a folder and no stdin it does that one case and ends, which is
how a case is repeated by hand. What the function prints goes to stderr. The protocol: kernel/child/exec_kernel.h.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from functools import cached_property
from pathlib import Path
from typing import Any
from collections.abc import Callable

import numpy as np

TENSORS = ("A", "B", "scales", "zeros", "perm", "bias", "C")


class Case:
    """One launch: the fields of task.json (M, N, K, padded_N, padded_K, group_size, groups, dtype, symmetric, launch)
    and its arrays A, B, scales, zeros, perm, bias; None where the layer has none. C (M, N) is full of a NaN that no
    kernel writes and may be written in place. `layer` holds the tensors as the checkpoint stores them (qweight, ...).

    NumPy has no bf16: such arrays come as uint16, `as_float` gives their values. As torch tensors they are bfloat16.
    """

    def __init__(self, folder: str | os.PathLike[str], arrays: str = "numpy"):
        self.folder = Path(folder)
        self._arrays = arrays
        self._task: dict[str, Any] = json.loads((self.folder / "task.json").read_text(encoding="utf-8"))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in TENSORS:
            value = self._tensor(name)
        elif name in self._task:
            value = self._task[name]
        else:
            raise AttributeError(f"a case has no {name}")
        setattr(self, name, value)  # read once
        return value

    def as_float(self, array: np.ndarray) -> np.ndarray:
        """fp32 values of an array of the case's type."""
        if array.dtype == np.uint16:
            return (array.astype(np.uint32) << 16).view(np.float32)
        return array.astype(np.float32)

    @cached_property
    def layer(self) -> dict[str, np.ndarray]:
        folder = self.folder / self._task["layer"]
        return {path.stem: np.load(path) for path in sorted(folder.glob("*.npy"))}

    def _tensor(self, name: str) -> Any:
        if name not in self._task["files"]:
            return None
        array = np.load(self.folder / self._task["files"][name])
        return array if self._arrays == "numpy" else _torch_of(array, self.dtype)

    def finish(self, made: Any) -> int:
        """Writes C.npy; the return code."""
        if isinstance(made, (int, np.integer)) and not isinstance(made, bool):
            return int(made)
        if made is None:
            made = self.C
        self._save(made if isinstance(made, np.ndarray) else _numpy_of(made))
        return 0

    def _save(self, array: np.ndarray) -> None:
        if self.dtype == "bf16" and array.dtype == np.float16:
            array = array.astype(np.float32)
        beside = self.folder / "C.part.npy"
        np.save(beside, array)
        beside.replace(self.folder / "C.npy")


def _torch_of(array: np.ndarray, dtype: str) -> Any:
    import torch  # only where it is asked for

    if array.dtype == np.uint32:
        return torch.from_numpy(array.view(np.int32))  # torch has little use for unsigned words
    if array.dtype == np.uint16 and dtype == "bf16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _numpy_of(made: Any) -> np.ndarray:
    if hasattr(made, "detach"):
        made = made.detach().cpu()
        made = (made.float() if str(made.dtype) == "torch.bfloat16" else made).numpy()
    return np.asarray(made)


def _answer(kernel: Callable[[Case], Any], folder: str, arrays: str) -> dict[str, Any]:
    try:
        case = Case(folder, arrays)
        return {"done": True, "return_code": case.finish(kernel(case))}
    except Exception as error:  # the function's: whatever it is, it is this case's result
        traceback.print_exc()
        return {"done": True, "return_code": 1, "exception": f"{type(error).__name__}: {' '.join(str(error).split())}"}


def serve(kernel: Callable[[Case], Any], arrays: str = "numpy") -> None:
    """Runs `kernel` on case after case until there are no more. `arrays`: "numpy" or "torch"."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # answers alone go to stdout
    served = 0
    for line in sys.stdin:
        answer = _answer(kernel, json.loads(line)["folder"], arrays)
        print(json.dumps(answer), file=answers, flush=True)
        served += 1
    if served == 0 and len(sys.argv) > 1:
        sys.exit(_answer(kernel, sys.argv[-1], arrays)["return_code"])
