// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/way.h"

#include "cases/probe/index_formula.h"

#include <fmt/format.h>

#include <set>

namespace w4::cases::packed {

std::string numpy_of(const std::vector<int>& order) {
  const int count = static_cast<int>(order.size());
  std::string text = probe::formula_of(order, count, fmt::format("np.arange({})", count));
  if (text.empty() || text.starts_with("bits") || text.starts_with("inside"))
    return fmt::format("[{}]", fmt::join(order, ", "));
  for (std::size_t at = 0; (at = text.find(" / ", at)) != std::string::npos;) text.replace(at, 3, " // ");
  return text;
}

std::size_t stages_in(const PackedWays& ways) {
  std::set<StageId> stages;
  for (const PackedWay& way : ways) stages.insert(way.stage);
  return stages.size();
}

}  // namespace w4::cases::packed
