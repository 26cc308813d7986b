// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/layer/layer.h"
#include "fixtures/layer/trust.h"
#include "repack/packed.h"

#include <filesystem>
#include <string>

namespace w4::repack {

/// As fixtures::read_layer(), and Marlin-packed layers too. Such a layer has
///   B            i32 (K/16, 2N)
///   s or scales  (groups, N), fp16, bf16, or fp32, which is rounded; in the kernel's order
///   zeros, perm  i32 (groups, N/8) and i32 (K), where there are any; bias (N), a row factor; a workspace is ignored
/// and comes back as gptq v2: codes as rows were stored, perm as g_idx, with a line in `inferred` that says so. K and N
/// of the manifest are those before padding. Throws InputError unless the tensors fit each other.
/// AutoAWQ's version "marlin" calls B qweight, which its shape tells: twice as wide as scales.
fixtures::LayerFile read_layer(const std::filesystem::path& path, const std::string& name = "",
                               fixtures::Trust trust = fixtures::Trust::neither);
fixtures::LayerFile layer_from(const fixtures::files::Container& container, const std::string& name = "");

/// layer_from(), but where a model's config and the tensors contradict each other, the side that is trusted counts: of
/// the config's claims those are left aside that the tensors refute, as few as possible, each with a line in
/// `inferred`. Throws InputError where neither is trusted, or the tensors cannot be read as the config has them.
fixtures::LayerFile trusted_layer_from(const fixtures::files::Container& container, const std::string& name,
                                       fixtures::Trust trust);

/// The prefix under which layer_from() finds Marlin-packed tensors; no value: it reads the layer as stored.
std::optional<std::string> marlin_prefix(const fixtures::files::Container& container, const std::string& name);

/// The container that layer_from() reads back: B, scales, where there are any zeros, perm and bias, and the
/// activations.
fixtures::files::Container container_of(const Packed& packed, const fixtures::Layer& layer);

}  // namespace w4::repack
