// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/shrink/shrink_case.h"

#include <filesystem>

namespace w4::cases::shrink {

/// Writes a folder that does not depend on w4bisect: main.cpp (docs/examples/reproducer.cpp), plugin.h, case.h with the
/// sizes, data/ with the packed tensors, A, the right output and its tolerance, fixture/, and a README of three lines.
/// The packed tensors are right, also when a fault is planted. Throws InputError when the folder exists.
void write_reproducer(const ShrunkCase& shrunk, const std::filesystem::path& folder);

}  // namespace w4::cases::shrink
