// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/explain/weight_place.h"
#include "kernel/lane_model/lane_model.h"

#include <string>
#include <vector>

namespace w4::cases::explain {

/// What the warp of row m finds otherwise than it lies in memory, a sentence each: a code, a scale, the number that
/// becomes of both, the activation. Empty: nothing, or the kernel does not get there.
std::vector<std::string> differs_in_registers(const kernel::Task& task, const repack::Recipe& recipe, int m,
                                              const Place& place);

}  // namespace w4::cases::explain
