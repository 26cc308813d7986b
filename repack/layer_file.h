// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/layer/layer.h"
#include "repack/packed.h"

#include <filesystem>
#include <string>

namespace w4::repack {

/// As fixtures::read_layer(), and Marlin-packed layers too. Such a layer has
///   B            i32 (K/16, 2N)
///   s or scales  (groups, N), fp16 or bf16, in the kernel's order
///   zeros, perm  i32 (groups, N/8) and i32 (K), where there are any; bias (N); a workspace is ignored
/// and comes back as gptq v2: codes as rows were stored, perm as g_idx, with a line in `inferred` that says so. K and N
/// of the manifest are those before padding. Throws InputError unless the tensors fit each other.
fixtures::LayerFile read_layer(const std::filesystem::path& path, const std::string& name = "");
fixtures::LayerFile layer_from(const fixtures::files::Container& container, const std::string& name = "");

/// The prefix under which layer_from() finds Marlin-packed tensors; no value: it reads the layer as stored.
std::optional<std::string> marlin_prefix(const fixtures::files::Container& container, const std::string& name);

/// The container that layer_from() reads back: B, scales, where there are any zeros, perm and bias, and the
/// activations.
fixtures::files::Container container_of(const Packed& packed, const fixtures::Layer& layer);

}  // namespace w4::repack
