// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace w4::cases::layers {

/// What became of one layer of a model.
struct LayerOutcome {
  enum class Kind {
    done,
    kept,       // done by an earlier run
    cannot,     // sound, but not to be had in this form: unsupported
    bad_input,  // unsound
    differs,    // verified, and not the same
  };
  std::string layer;
  Kind kind = Kind::done;
  std::string reason = {};
  std::uint64_t bytes = 0;  // of its tensors
};

/// Work on one layer; what it throws becomes the outcome: CannotTest is `cannot`, InputError `bad_input`.
using LayerWork = std::function<LayerOutcome(const std::string& layer)>;

/// Works on every layer, `at_once` of them at a time, and tells each outcome as soon as it is there, one at a time. The
/// result is in the order of `layers`. What is thrown beyond Error ends the walk and is thrown on.
std::vector<LayerOutcome> walk(const std::vector<std::string>& layers, int at_once, const LayerWork& work,
                               const std::function<void(const LayerOutcome&)>& told);

/// The layers whose names fit one of the shell patterns, or all when there are none. Throws InputError for a pattern
/// that fits no layer.
std::vector<std::string> layers_like(const std::vector<std::string>& layers, const std::vector<std::string>& patterns);

}  // namespace w4::cases::layers
