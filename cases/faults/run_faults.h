// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace w4::cases::faults {

/// Every fault that the rules on launches name (search/launch_rules.h): stage, id and cure.
struct RunFault {
  const char* stage;
  const char* id;
  const char* what;
  const char* cure;
};
const std::vector<RunFault>& run_faults();

}  // namespace w4::cases::faults
