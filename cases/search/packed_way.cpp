// SPDX-License-Identifier: Apache-2.0
#include "cases/search/packed_way.h"

#include <set>

namespace w4::cases::search {

std::size_t stages_in(const PackedWays& ways) {
  std::set<StageId> stages;
  for (const PackedWay& way : ways) stages.insert(way.stage);
  return stages.size();
}

}  // namespace w4::cases::search
