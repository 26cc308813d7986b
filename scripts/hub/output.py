# SPDX-License-Identifier: Apache-2.0
"""A fixture on disk: a folder of .npy files, an .npz, HDF5 or safetensors, written beside and renamed into place."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from collections.abc import Callable

import numpy as np

from w4fixture import InputError, npy_bytes

MANIFEST = "fixture.json"
SAFETENSORS_NAMES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "I32": "int32", "U32": "uint32",
                     "I64": "int64", "U8": "uint8"}


@dataclass(frozen=True)
class Stored:
    """A tensor with its type as safetensors spells it; BF16 is carried as uint16."""

    values: np.ndarray
    dtype: str


def check_target(path: Path) -> None:
    """That something can be written there. Throws InputError."""
    if path.exists() or path.is_symlink():
        raise InputError(f"{path}: exists already, nothing is overwritten")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent}: no such folder to write {path.name} into")
    if path.suffix in (".npy", ".json", ".zip", ".pt", ".bin"):
        raise InputError(f"{path}: ending '{path.suffix}' is none of .npz .h5 .hdf5 .safetensors; without one a folder "
                         f"of .npy files is written")


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Calls write(temporary path in the same folder), then renames: an interrupted write leaves nothing."""
    check_target(path)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name[:60]}.", dir=path.parent))
    try:
        fresh = scratch / path.name
        write(fresh)
        check_target(path)    # somebody else may have been faster
        os.rename(fresh, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def writer_for(path: Path) -> Callable[[Path, dict[str, Stored], dict[str, Any]], None]:
    """By the ending: .npz, .h5 or .hdf5, .safetensors, otherwise a folder."""
    return {".npz": write_npz, ".h5": write_hdf5, ".hdf5": write_hdf5, ".safetensors": write_safetensors}.get(
        path.suffix, write_folder)


def manifest_text(manifest: dict[str, Any]) -> str:
    return json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_folder(path: Path, tensors: dict[str, Stored], manifest: dict[str, Any]) -> None:
    path.mkdir()
    for name, tensor in tensors.items():
        (path / f"{name}.npy").write_bytes(npy_bytes(tensor.values))
    (path / MANIFEST).write_text(manifest_text(manifest), encoding="utf-8", newline="\n")


def write_npz(path: Path, tensors: dict[str, Stored], manifest: dict[str, Any]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, tensor in tensors.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), npy_bytes(tensor.values))
        archive.writestr(zipfile.ZipInfo(MANIFEST), manifest_text(manifest))


def write_hdf5(path: Path, tensors: dict[str, Stored], manifest: dict[str, Any]) -> None:
    import h5py    # slow to load, and no other kind of output needs it
    with h5py.File(path, "w") as file:
        for name, tensor in tensors.items():
            file.create_dataset(name, data=tensor.values)
        for key, value in manifest.items():
            file.attrs[key] = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def write_safetensors(path: Path, tensors: dict[str, Stored], manifest: dict[str, Any]) -> None:
    from safetensors import TensorSpec, serialize_file
    arrays = {name: np.ascontiguousarray(tensor.values) for name, tensor in tensors.items()}    # kept until written
    specs = {name: TensorSpec(dtype=SAFETENSORS_NAMES[tensors[name].dtype], shape=list(array.shape),
                              data_ptr=array.ctypes.data, data_len=array.nbytes) for name, array in arrays.items()}
    metadata = {key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                for key, value in manifest.items()}
    serialize_file(specs, path, metadata=metadata)
    path.chmod(0o644)
