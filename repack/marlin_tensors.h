// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/packed.h"

#include <string>
#include <vector>

namespace w4::repack {

/// The tensor `prefix`.`name`, with an empty prefix `name` alone; null: there is none.
const fixtures::files::Tensor* find_tensor(const fixtures::files::Container& container, const std::string& prefix,
                                           const char* name);

/// Marlin-packed tensors without a stored layer beside them: shapes follow from B, and the manifest must agree with
/// them. Each inferred value adds a line to `inferred`. Throws InputError.
Packed read_marlin(const fixtures::files::Container& container, const std::string& prefix,
                   std::vector<std::string>& inferred);

}  // namespace w4::repack
