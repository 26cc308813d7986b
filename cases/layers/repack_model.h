// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/layers/each_layer.h"
#include "fixtures/layer/layer.h"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace w4::cases::layers {

struct RepackModelOptions {
  std::filesystem::path model;
  std::filesystem::path output;
  std::vector<std::string> layers;                      // shell patterns; empty: all
  bool verify = false;                                  // undo what was written, and compare bit for bit
  int jobs = 0;                                         // layers at once; 0: as many as there are cores
  std::uint64_t memory_bytes = std::uint64_t{4} << 30;  // of layers at work; one is always let in
  bool quiet = false;
};

/// Every layer of a model into Marlin format, and what became of each, in their order.
struct RepackedModel {
  std::vector<LayerOutcome> layers;
  double seconds = 0;
  int at_once = 1;

  int count(LayerOutcome::Kind kind) const;
  std::uint64_t bytes() const;  // of the layers repacked now
  int exit_code() const;        // 0; 1: one differs; 129: one is unsound; 125: one cannot be repacked
};

/// Writes NAME.safetensors for each layer as soon as it is repacked, under the layer's name: B, scales, and where there
/// are any zeros, perm, bias. A layer whose file is there is kept; with `verify` it is verified all the same. Throws
/// InputError when the model or the folder cannot be used at all.
RepackedModel repack_model(const RepackModelOptions& options);

/// The first thing in which two layers differ that is more than how they are stored: a code, zero point, scale, group
/// of a row, bias. Empty: nothing.
std::string difference(const fixtures::Layer& a, const fixtures::Layer& b);

std::string text_of(const RepackedModel& repacked, const RepackModelOptions& options);
nlohmann::json json_of(const RepackedModel& repacked, const RepackModelOptions& options);

}  // namespace w4::cases::layers
