// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace w4::cases {

/// The folder of the scripts and shipped layers: $W4_ROOT, the installed tree, or the sources.
std::filesystem::path source_root();

/// The command that a user types: "./bisect" in the sources, "w4bisect" in an installed tree (it is in its bin).
std::string launcher();

}  // namespace w4::cases
