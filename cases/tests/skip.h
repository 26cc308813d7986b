// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace w4::tests {

/// Says that the case that runs cannot do its work on this machine: as CTest's SKIP_REGULAR_EXPRESSION "skipped: "
/// takes it, and in the case's JUnit file. Return from the case then.
void skip(const std::string& why);

}  // namespace w4::tests
