// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/ctest_gpu.h"

#include "cases/case/case_id.h"

#include <cstdlib>

namespace w4::cases::matrix {

std::optional<std::string> gpu_given_by_ctest() {
  const char* const given = std::getenv("CTEST_RESOURCE_GROUP_0_GPUS");
  if (given == nullptr) return {};
  const std::string_view id = split(split(given, ';')[0], ',')[0];
  if (!id.starts_with("id:")) return {};
  return std::string(id.substr(3));
}

}  // namespace w4::cases::matrix
