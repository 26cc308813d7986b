# SPDX-License-Identifier: Apache-2.0
"""Makes a model's folder of two shipped layers, as a hub has them: config.json and one .safetensors file.

    python3 docs/examples/small_model.py my_model
"""

import json
import sys
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parents[2] / "fixtures/data"
LAYERS = {"model.layers.0.mlp.up_proj": "up", "model.layers.0.mlp.down_proj": "down"}
TENSORS = ("qweight", "qzeros", "scales", "bias")
NAMES = {"int32": "I32", "float16": "F16"}  # of types, in safetensors
CONFIG = {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False, "sym": True}}


def main(folder: Path) -> None:
    header, contents = {}, b""
    for layer, fixture in LAYERS.items():
        for name in TENSORS:
            tensor = np.load(DATA / fixture / f"{name}.npy")
            header[f"{layer}.{name}"] = {"dtype": NAMES[str(tensor.dtype)], "shape": tensor.shape,
                                         "data_offsets": [len(contents), len(contents) + tensor.nbytes]}
            contents += tensor.tobytes()
    text = json.dumps(header).encode()
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + contents)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
