// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/record.h"

#include <string>

namespace w4::cases::matrix {

/// What is known of a case that is no pass, as lines: reason, culprits with their evidence and cures, error figures,
/// how often it failed, and the command that repeats it.
std::string finding_text(const Record& record);

}  // namespace w4::cases::matrix
