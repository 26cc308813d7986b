// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/layer/model.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace w4::cases::layers {

/// The outcome of one layer of a model.
struct LayerOutcome {
  enum class Kind {
    done,
    kept,       // done by an earlier run
    cannot,     // sound, but this form does not support it
    bad_input,  // unsound
    differs,    // verification found a difference
  };
  std::string layer;
  Kind kind = Kind::done;
  std::string reason = {};
  std::uint64_t bytes = 0;                // of its tensors
  std::vector<std::string> remarks = {};  // what reading it decided
  std::vector<std::string> doubts = {};   // why it may not be the layer that was meant
};

/// Work on one layer. CannotTest becomes the outcome `cannot`, InputError `bad_input`.
using LayerWork = std::function<LayerOutcome(const std::string& layer)>;

/// Works on every layer, `at_once` of them at a time, and reports each outcome as soon as it is known, one at a time.
/// The result is in the order of `layers`. Exceptions other than Error end the walk and are rethrown.
std::vector<LayerOutcome> walk(const std::vector<std::string>& layers, int at_once, const LayerWork& work,
                               const std::function<void(const LayerOutcome&)>& told);

/// The layers whose names match one of the shell patterns, or all if there are no patterns. Throws InputError for a
/// pattern that matches no layer.
std::vector<std::string> layers_like(const std::vector<std::string>& layers, const std::vector<std::string>& patterns);

/// The names, sizes and times of the model's files, a checksum of its index and configs, and what is trusted: equal
/// when two runs read the same of the same model.
nlohmann::json identity_of(const fixtures::Model& model, fixtures::Trust trust);

/// What those two runs have in common, for an error where they differ.
inline constexpr const char* kOtherIdentity =
    "was begun from other files than those of {}, with another config or --trust, or they have changed since";

}  // namespace w4::cases::layers
