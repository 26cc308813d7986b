// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/layers/each_layer.h"
#include "fixtures/layer/layer.h"
#include "fixtures/layer/trust.h"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace w4::cases::layers {

struct RepackModelOptions {
  std::filesystem::path model;  // its folder, or one .safetensors file
  std::filesystem::path output;
  std::vector<std::string> layers;                      // shell patterns; empty: all
  fixtures::Trust trust = fixtures::Trust::neither;     // where config and tensors contradict each other
  bool verify = false;                                  // unpack each written layer and compare bit for bit
  int jobs = 0;                                         // layers at once; 0: as many as there are cores
  std::uint64_t memory_bytes = std::uint64_t{4} << 30;  // of layers at work; one layer is always admitted
  bool quiet = false;
};

/// The outcomes of all layers, in the model's order, then of modules in few bits that are not read; with `layers`, of
/// those that fit its patterns.
struct RepackedModel {
  std::vector<LayerOutcome> layers;
  double seconds = 0;
  int at_once = 1;
  bool began_anew = false;  // repack.json of an earlier run was torn

  int count(LayerOutcome::Kind kind) const;
  std::uint64_t bytes() const;  // of the layers read now
  int exit_code() const;        // 0; 1: one differs; 129: one is unsound; 125: one cannot be repacked
};

/// Writes NAME.safetensors for each layer as soon as it is repacked: B, scales and, if the layer has them, zeros, perm
/// and bias. A layer whose file exists is read all the same, so that what is doubtful in it is told; the file is kept
/// where its checksums hold, otherwise made anew, and verified too with `verify`. Throws InputError when the model or
/// the folder cannot be used.
RepackedModel repack_model(const RepackModelOptions& options);

std::string text_of(const RepackedModel& repacked, const RepackModelOptions& options);
nlohmann::json json_of(const RepackedModel& repacked, const RepackModelOptions& options);

}  // namespace w4::cases::layers
