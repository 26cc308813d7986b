// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace w4::cases {

/// Where this program's scripts and shipped layers lie: $W4_ROOT, the installed tree it is in, or its sources.
std::filesystem::path source_root();

/// The command that starts this program for a person: "./bisect" in its sources, "w4bisect" in an installed tree, which
/// has that one in its bin.
std::string launcher();

}  // namespace w4::cases
