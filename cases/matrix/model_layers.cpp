// SPDX-License-Identifier: Apache-2.0
// Sizes are those of the models' own config.json: hidden_size, intermediate_size, heads, key-value heads, head_dim.
#include "cases/matrix/sets.h"

namespace w4::cases::matrix {
namespace {

constexpr ModelLayer kLayers[] = {
    {"Llama 2 7B", "qkv", 4096, 12288},
    {"Llama 2 7B", "o", 4096, 4096, true},
    {"Llama 2 7B", "gate_up", 4096, 22016},
    {"Llama 2 7B", "down", 11008, 4096, true},
    {"Llama 2 13B", "qkv", 5120, 15360},
    {"Llama 2 13B", "o", 5120, 5120, true},
    {"Llama 2 13B", "gate_up", 5120, 27648},
    {"Llama 2 13B", "down", 13824, 5120, true},
    {"Llama 2 and 3 70B", "qkv", 8192, 10240},
    {"Llama 2 and 3 70B", "o", 8192, 8192, true},
    {"Llama 2 and 3 70B", "gate_up", 8192, 57344},
    {"Llama 2 and 3 70B", "down", 28672, 8192, true},
    {"Llama 3 8B, Mistral 7B, Mixtral 8x7B", "qkv", 4096, 6144},
    {"Llama 3 8B, Mistral 7B, Mixtral 8x7B (one expert)", "gate_up", 4096, 28672},
    {"Llama 3 8B, Mistral 7B, Mixtral 8x7B (one expert)", "down", 14336, 4096, true},
    {"Qwen 2.5 3B", "qkv", 2048, 2560},
    {"Qwen 2.5 3B", "o", 2048, 2048, true},
    {"Qwen 2.5 3B", "gate_up", 2048, 22016},
    {"Qwen 2.5 3B", "down", 11008, 2048, true},
    {"Qwen 2.5 7B", "qkv", 3584, 4608},
    {"Qwen 2.5 7B", "o", 3584, 3584, true},
    {"Qwen 2.5 7B", "gate_up", 3584, 37888},
    {"Qwen 2.5 7B", "down", 18944, 3584, true},
    {"Qwen 2.5 32B", "qkv", 5120, 7168},
    {"Qwen 2.5 32B", "gate_up", 5120, 55296},
    {"Qwen 2.5 32B", "down", 27648, 5120, true},
    {"Qwen 2.5 72B", "gate_up", 8192, 59136},
    {"Qwen 2.5 72B", "down", 29568, 8192, true},
    {"Qwen 3 8B", "gate_up", 4096, 24576},
    {"Qwen 3 8B", "down", 12288, 4096, true},
    {"Qwen 3 30B-A3B", "qkv", 2048, 5120},
    {"Qwen 3 30B-A3B", "o", 4096, 2048, true},
    {"Qwen 3 30B-A3B (one expert)", "gate_up", 2048, 1536},
    {"Qwen 3 30B-A3B (one expert)", "down", 768, 2048, true},
    {"Gemma 7B", "qkv", 3072, 12288},
    {"Gemma 7B", "o", 4096, 3072, true},
    {"Gemma 7B", "gate_up", 3072, 49152},
    {"Gemma 7B", "down", 24576, 3072, true},
    {"Gemma 2 9B", "qkv", 3584, 8192},
    {"Gemma 2 9B", "o", 4096, 3584, true},
    {"Gemma 2 9B", "gate_up", 3584, 28672},
    {"Gemma 2 9B", "down", 14336, 3584, true},
    {"DeepSeek V2 Lite", "gate_up", 2048, 21888},
    {"DeepSeek V2 Lite", "down", 10944, 2048, true},
    {"DeepSeek V2 Lite (one expert)", "gate_up", 2048, 2816},
    {"DeepSeek V2 Lite (one expert)", "down", 1408, 2048, true},
    {"DeepSeek V3", "q_a", 7168, 1536},
    {"DeepSeek V3", "q_b", 1536, 24576},
    {"DeepSeek V3", "kv_a", 7168, 576},
    {"DeepSeek V3", "kv_b", 512, 32768},
    {"DeepSeek V3", "o", 16384, 7168, true},
    {"DeepSeek V3", "gate_up", 7168, 36864},
    {"DeepSeek V3", "down", 18432, 7168, true},
    {"DeepSeek V3 (one expert)", "gate_up", 7168, 4096},
    {"DeepSeek V3 (one expert)", "down", 2048, 7168, true},
};

}  // namespace

std::span<const ModelLayer> model_layers() { return kLayers; }

}  // namespace w4::cases::matrix
