// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace w4::cases::matrix {

/// The GPU that CTest gives this process by its resource specification, as CUDA_VISIBLE_DEVICES names it: CTest sets
/// CTEST_RESOURCE_GROUP_0_GPUS="id:3,slots:1". None outside CTest, or without a specification.
std::optional<std::string> gpu_given_by_ctest();

}  // namespace w4::cases::matrix
