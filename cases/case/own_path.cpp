// SPDX-License-Identifier: Apache-2.0
#include "cases/case/own_path.h"

#include "kernel/lane_model/lane_model.h"

#include <algorithm>

namespace w4::cases {

repack::Recipe OwnPath::with(const repack::Recipe& put_right) const {
  repack::Recipe recipe = hidden_;
  for (const auto& [stage, variant] : put_right) recipe[stage] = variant;
  return recipe;
}

repack::Weights OwnPath::stage(StageId id, const repack::Weights& before, const repack::Recipe& put_right) const {
  if (const auto own = stage_ways_.find(id); own != stage_ways_.end() && !put_right.contains(name_of(id)))
    return own->second(before);
  const repack::Recipe recipe = with(put_right);
  const auto way = recipe.find(name_of(id));
  return repack::variant_of(repack::stage_of(id), way == recipe.end() ? "reference" : way->second).apply(before);
}

kernel::RunResult OwnPath::run(const kernel::Task& task, const repack::Recipe& put_right) const {
  const auto named = [&](StageId stage) { return put_right.contains(name_of(stage)); };
  if (kernel_way_ && std::none_of(kKernelStages.begin(), kKernelStages.end(), named)) return kernel_way_(task);
  return kernel::lane_model::run_lane_model(task, with(put_right));
}

}  // namespace w4::cases
