// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/explain/weight_place.h"
#include "kernel/lane_model/lane_model.h"

#include <string>
#include <vector>

namespace w4::cases::explain {

/// Differences between registers of the warp of row m and memory, a sentence each: code, scale, dequantised weight,
/// activation. Empty: none, or the kernel never loads this weight.
std::vector<std::string> differs_in_registers(const kernel::Task& task, const repack::Recipe& recipe, int m,
                                              const Place& place);

}  // namespace w4::cases::explain
