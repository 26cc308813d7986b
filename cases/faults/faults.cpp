// SPDX-License-Identifier: Apache-2.0
#include "cases/faults/faults.h"

#include "fixtures/error.h"
#include "repack/stages/nearest.h"

namespace w4::cases::faults {
namespace {

/// The catalogue joins two faults under some ids; here each has its own.
struct Alias {
  std::string_view catalogue, ours;
};
constexpr Alias kAliases[] = {{"perm1024-missing-or-partial", "perm1024-partial"},
                              {"perm-a-missing-or-inverse", "perm-a-missing"}};

template <class Variant>
Fault fault_from(StageId stage, const Variant& variant) {
  Fault fault{.stage = name_of(stage),
              .variant = std::string(variant.id),
              .name = std::string(variant.fault.empty() ? variant.id : variant.fault),
              .id = std::string(variant.fault),
              .what = std::string(variant.what),
              .cure = std::string(variant.cure),
              .visible = std::string(variant.visible)};
  if (!variant.fault.empty() && variant.fault != variant.id) fault.name += ":" + fault.variant;
  return fault;
}

std::vector<Fault> collect() {
  std::vector<Fault> all;
  for (const repack::Stage& stage : repack::stages())
    for (const repack::Variant& variant : stage.variants.subspan(1)) all.push_back(fault_from(stage.id, variant));
  for (const kernel::lane_model::Stage& stage : kernel::lane_model::stages()) {
    for (const kernel::lane_model::Variant& variant : stage.variants.subspan(1)) {
      all.push_back(fault_from(stage.id, variant));
      all.back().repeats_differ = variant.repeats_differ;
    }
  }
  return all;
}

const Fault& fault_named(std::string_view name) {
  std::vector<std::string> known;
  for (const Alias& alias : kAliases)
    if (name == alias.catalogue) name = alias.ours;
  for (const Fault& fault : faults()) {
    if (fault.id.empty()) continue;
    if (name == fault.name || name == fault.id) return fault;
    known.push_back(fault.name);
  }
  throw InputError("unknown fault '{}'{}; --list-faults prints all", name, did_you_mean(name, known));
}

void plant(repack::Recipe& recipe, const std::string& stage, const std::string& variant) {
  const auto [entry, fresh] = recipe.emplace(stage, variant);
  if (!fresh && entry->second != variant)
    throw InputError("'{}' and '{}' are both ways to do stage {}: a stage is done in one way at a time", entry->second,
                     variant, stage);
}

}  // namespace

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all = collect();
  return all;
}

StageId parse_stage(std::string_view name) {
  if (const std::optional<StageId> stage = stage_named(name)) return *stage;
  std::vector<std::string> known;
  for (const StageId stage : kAllStages) known.push_back(name_of(stage));
  throw InputError("unknown stage '{}'{}", name, did_you_mean(name, known));
}

repack::Recipe recipe_of_faults(const std::vector<std::string>& names) {
  repack::Recipe recipe;
  for (const std::string& name : names) {
    const Fault& fault = fault_named(name);
    plant(recipe, fault.stage, fault.variant);
  }
  return recipe;
}

repack::Recipe recipe_of_settings(const std::vector<std::string>& settings) {
  repack::Recipe recipe;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos) throw InputError("--set {}: STAGE=VARIANT is expected", setting);
    const std::string stage = setting.substr(0, equals);
    const std::string variant = setting.substr(equals + 1);
    parse_stage(stage);
    if (variant != "reference") fault_of(stage, variant);
    plant(recipe, stage, variant);
  }
  return recipe;
}

const Fault& fault_of(std::string_view stage, std::string_view variant) {
  std::vector<std::string> known;
  for (const Fault& fault : faults()) {
    if (fault.stage != stage) continue;
    if (fault.variant == variant) return fault;
    known.push_back(fault.variant);
  }
  throw InputError("stage {} has no variant '{}'{}; it has reference, {}", stage, variant, did_you_mean(variant, known),
                   fmt::join(known, ", "));
}

repack::Recipe merged(const repack::Recipe& a, const repack::Recipe& b) {
  repack::Recipe both = a;
  for (const auto& [stage, variant] : b) plant(both, stage, variant);
  return both;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const std::string_view meant = nearest(word, {known.begin(), known.end()});
  return meant.empty() ? "" : fmt::format(", did you mean '{}'?", meant);
}

}  // namespace w4::cases::faults
