// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/probe/evidence.h"

#include <functional>
#include <string_view>

namespace w4::cases::probe {

/// Probes that are made only when they tell recipes apart which fit everything so far: zeros in C before the launch,
/// the identity on the layer as it is, other numbers of rows (of our own path), one thread block and many. Leaves the
/// fits that predict those answers too; all that are left when an answer is none of theirs.
void separate(const Prepared& prepared, const kernel::Launch& launch, Box& box, Evidence& evidence,
              std::vector<repack::Recipe>& fits, const std::function<void(std::string_view)>& step);

}  // namespace w4::cases::probe
