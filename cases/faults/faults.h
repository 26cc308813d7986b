// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/lane_model.h"
#include "repack/stages/stage.h"

#include <string>
#include <string_view>
#include <vector>

namespace w4::cases::faults {

/// A known wrong way to do a stage, of the repack or of the kernel, as one list.
struct Fault {
  std::string stage;
  std::string variant;  // what --set takes
  std::string name;  // what --inject takes and findings say: the catalogue's id, ":form" behind it when it has several
  std::string id;    // the catalogue's id; empty: a toggle that is no known fault
  std::string what;
  std::string cure;
  std::string visible;
  bool repeats_differ = false;
};

/// Every variant but the references, in the order of the stages.
const std::vector<Fault>& faults();

/// The stage of that name. Throws InputError for an unknown one.
StageId parse_stage(std::string_view name);

/// Known faults that a search tries together. Three are thousands of predictions, minutes on a large layer; many cases,
/// or many trials of one, are searched with fewer.
inline constexpr int kMostFaultsAtOnce = 3, kFewFaultsAtOnce = 2;

/// The recipe that `--inject NAME[,NAME]` plants. A fault with several forms takes the first unless "name:form" says
/// which. Throws InputError for unknown names (with the nearest known one) and for two faults of one stage.
repack::Recipe recipe_of_faults(const std::vector<std::string>& names);

/// The recipe of `--set STAGE=VARIANT`. Throws InputError for unknown stages and variants.
repack::Recipe recipe_of_settings(const std::vector<std::string>& settings);

/// The fault behind a stage's variant. Throws InputError for an unknown one.
const Fault& fault_of(std::string_view stage, std::string_view variant);

/// Two recipes as one; throws InputError when both name a stage.
repack::Recipe merged(const repack::Recipe& a, const repack::Recipe& b);

/// ", did you mean 'x'?" when something known is near, otherwise nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace w4::cases::faults
