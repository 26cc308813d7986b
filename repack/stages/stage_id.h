// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace w4 {

/// The stages of the data path in order: eight repack a layer, six are the kernel's (design.md, section 2).
enum class StageId {
  checkpoint,
  codes,
  zero_points,
  act_order,
  scales,
  scale_order,
  tiles,
  fragments,
  launch,
  pipeline,
  dequant,
  multiply,
  reduce,
  epilogue
};

constexpr bool is_repacking(StageId stage) { return stage <= StageId::fragments; }

inline constexpr auto kAllStages = [] {
  std::array<StageId, static_cast<std::size_t>(StageId::epilogue) + 1> all{};
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<StageId>(i);
  return all;
}();
inline constexpr auto kRepackingStages = std::span(kAllStages).first<static_cast<std::size_t>(StageId::launch)>();
inline constexpr auto kKernelStages = std::span(kAllStages).subspan<kRepackingStages.size()>();

/// The name that options, recipes and reports use: "scale_order".
inline std::string name_of(StageId stage) {
  constexpr const char* kNames[] = {"checkpoint",  "codes",    "zero_points", "act_order", "scales",
                                    "scale_order", "tiles",    "fragments",   "launch",    "pipeline",
                                    "dequant",     "multiply", "reduce",      "epilogue"};
  static_assert(std::size(kNames) == kAllStages.size());
  return kNames[static_cast<std::size_t>(stage)];
}

inline std::optional<StageId> stage_named(std::string_view name) {
  for (const StageId stage : kAllStages)
    if (name_of(stage) == name) return stage;
  return std::nullopt;
}

}  // namespace w4
