// SPDX-License-Identifier: Apache-2.0
#include "kernel/lane_model/recipe.h"

#include "fixtures/error.h"
#include "repack/stages/nearest.h"

#include <algorithm>
#include <string>
#include <vector>

namespace w4::kernel::lane_model {

namespace {

/// "; did you mean "reduce"? (known: ...)"
template <class Strings>
std::string hint(std::string_view id, const Strings& known) {
  const std::string_view meant = nearest(id, {known.begin(), known.end()});
  return fmt::format("{} (known: {})", meant.empty() ? "" : fmt::format("; did you mean \"{}\"?", meant),
                     fmt::join(known, ", "));
}

/// Index of the variant that a recipe names for a stage; the reference when it names none.
template <class Way>
Way way_of(const repack::Recipe& recipe, const Stage& stage) {
  const auto named = recipe.find(name_of(stage.id));
  if (named == recipe.end()) return Way::reference;
  std::vector<std::string_view> known;
  for (const Variant& variant : stage.variants) known.push_back(variant.id);
  const auto found = std::find(known.begin(), known.end(), named->second);
  if (found == known.end())
    throw InputError("stage {} has no variant \"{}\"{}", name_of(stage.id), named->second, hint(named->second, known));
  return static_cast<Way>(found - known.begin());
}

void check_stages(const repack::Recipe& recipe) {
  std::vector<std::string> known;
  for (const StageId stage : kAllStages) known.push_back(name_of(stage));
  for (const auto& [stage, variant] : recipe)
    if (!stage_named(stage)) throw InputError("there is no stage \"{}\"{}", stage, hint(stage, known));
}

}  // namespace

std::span<const Stage> stages() {
  static const Stage kStages[] = {
      {StageId::launch, "dispatch, return code, grid", launch_variants()},
      {StageId::pipeline, "global memory to shared memory to registers", pipeline_variants()},
      {StageId::dequant, "code to fp16 or bf16", dequant_variants()},
      {StageId::multiply, "mma and accumulation", multiply_variants()},
      {StageId::reduce, "block and global reduction, locks, write-out", reduce_variants()},
      {StageId::epilogue, "per-column scale, bias, cast, store", epilogue_variants()},
  };
  return kStages;
}

Ways ways_of(const repack::Recipe& recipe) {
  check_stages(recipe);
  const std::span<const Stage> known = stages();
  return {.launch = way_of<LaunchWay>(recipe, known[0]),
          .pipeline = way_of<PipelineWay>(recipe, known[1]),
          .dequant = way_of<DequantWay>(recipe, known[2]),
          .multiply = way_of<MultiplyWay>(recipe, known[3]),
          .reduce = way_of<ReduceWay>(recipe, known[4]),
          .epilogue = way_of<EpilogueWay>(recipe, known[5])};
}

}  // namespace w4::kernel::lane_model
