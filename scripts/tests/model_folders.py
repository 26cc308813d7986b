# SPDX-License-Identifier: Apache-2.0
"""Quantised models as their makers' programs write them, small. The files are the safetensors library's; the programs
that quantise need PyTorch, so that tensors are made from the definitions of the formats."""

import json
import sys
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

SCRIPTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SCRIPTS))

import quantize_layer  # noqa: E402
import w4fixture  # noqa: E402

K, N, GROUP = 256, 128, 128
BLOCK = "model.layers.{}."
UP = "mlp.up_proj"
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)


def gptq_layer(seed, **options):
    """A GptqLayer of (K, N), by round-to-nearest unless act-order needs the Hessian."""
    rng = np.random.default_rng(seed)
    hessian = np.diag(rng.uniform(0.5, 2.0, K))
    chosen = quantize_layer.Options(**{"group_size": GROUP, "method": "rtn", **options})
    return quantize_layer.quantize(rng.normal(size=(K, N)), hessian, chosen)


def named(layer, tensors):
    return {f"{layer}.{part}": tensor for part, tensor in tensors.items()}


def codes_and_zeros(layer):
    """(codes (K, N), zero points (G, N), scales (G, N)) of a layer, for the other formats."""
    zeros = w4fixture.decode_zero_points(w4fixture.unpack_columns(layer.qzeros), layer.format)
    return w4fixture.unpack_rows(layer.qweight), zeros, layer.scales


def awq_tensors(seed):
    """Eight columns a word, in the order 0 2 4 6 1 3 5 7."""
    codes, zeros, scales = codes_and_zeros(gptq_layer(seed, symmetric=False))

    def packed(cells):
        eights = cells.reshape(len(cells), -1, 8)[:, :, AWQ_ORDER].reshape(len(cells), -1)
        return w4fixture.pack_columns(np.ascontiguousarray(eights))
    return {"qweight": packed(codes), "qzeros": packed(zeros), "scales": scales}


def compressed_tensors(seed, symmetric=True):
    """weight_packed (N, K/8), weight_scale (N, G), weight_zero_point (N/8, G)."""
    codes, zeros, scales = codes_and_zeros(gptq_layer(seed, symmetric=symmetric))
    tensors = {"weight_packed": np.ascontiguousarray(w4fixture.pack_rows(codes).T),
               "weight_scale": np.ascontiguousarray(scales.T), "weight_shape": np.array([N, K], dtype=np.int64)}
    return tensors if symmetric else tensors | {
        "weight_zero_point": np.ascontiguousarray(w4fixture.pack_columns(zeros.astype(np.int64)).T)}


def bf16(values):
    """fp -> bf16 by cutting, as Bits."""
    return Bits((np.asarray(values, dtype=np.float32).view(np.uint32) >> 16).astype(np.uint16), "BF16")


class Bits:
    """Bits of a type that NumPy lacks."""

    def __init__(self, array, dtype):
        self.array, self.dtype = array, dtype


def pair_tensors(seed):
    codes, zeros, scales = codes_and_zeros(gptq_layer(seed, symmetric=False))
    return {"qweight": (codes[0::2] | codes[1::2] << 4).astype(np.uint8), "scales": bf16(scales), "zeros": bf16(zeros)}


def marlin_tensors(seed):
    rng = np.random.default_rng(seed)
    return {"B": rng.integers(-2**31, 2**31, (K // 16, 2 * N)).astype(np.int32),
            "s": rng.uniform(0.01, 0.1, (K // GROUP, N)).astype(np.float16),
            "workspace": np.zeros(N // 128 * 16, dtype=np.int32)}


def gptq_config(**changes):
    return {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "sym": True, "desc_act": False,
            "checkpoint_format": "gptq"} | changes


def safetensors_bytes(tensors):
    """The file that the safetensors library writes; it puts wider types first. NumPy lacks bf16, which takes the way
    around by pointers."""
    arrays = {name: np.ascontiguousarray(t.array if isinstance(t, Bits) else t) for name, t in tensors.items()}
    if not any(isinstance(tensor, Bits) for tensor in tensors.values()):
        return safetensors.numpy.save(arrays, {"format": "pt"})
    specs = {name: safetensors.TensorSpec(
        dtype="bfloat16" if isinstance(tensors[name], Bits) else array.dtype.name, shape=list(array.shape),
        data_ptr=array.ctypes.data, data_len=array.nbytes) for name, array in arrays.items()}
    return safetensors.serialize(specs, {"format": "pt"})


def model_files(tensors, config=None, shards=1, legacy=None):
    """File name -> bytes of a model: its shards with an index, or model.safetensors alone."""
    files = {}
    if config is not None:
        files["config.json"] = json.dumps({"model_type": "llama", "quantization_config": config}).encode()
    if legacy is not None:
        files["quantize_config.json"] = json.dumps(legacy).encode()
    if shards == 1:
        return files | {"model.safetensors": safetensors_bytes(tensors)}
    names, weight_map = list(tensors), {}
    for shard in range(shards):
        file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        mine = names[shard * len(names) // shards:(shard + 1) * len(names) // shards]
        files[file] = safetensors_bytes({name: tensors[name] for name in mine})
        weight_map |= dict.fromkeys(mine, file)
    return files | {"model.safetensors.index.json": json.dumps({"metadata": {}, "weight_map": weight_map}).encode()}


def write_model(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def gptq_model(layers=2, norm=0.5, **options):
    """Tensors of a model with up_proj layers, embeddings that nobody asks for, and the norm before each layer."""
    tensors = {"model.embed_tokens.weight": np.ones((512, K), dtype=np.float16)}
    for i in range(layers):
        block = BLOCK.format(i)
        tensors[block + "post_attention_layernorm.weight"] = np.full(K, norm, dtype=np.float16)
        tensors |= named(block + UP, gptq_layer(40 + i, **options).tensors())
    return tensors
