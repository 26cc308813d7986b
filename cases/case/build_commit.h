// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace w4::cases {

/// The commit that this program was built from, "9ed4f10460e5"; with " changed" where its files had been changed;
/// "unknown" where the sources were no git repository. Its definition is written by each build (scripts/commit.cmake).
std::string build_commit();

}  // namespace w4::cases
