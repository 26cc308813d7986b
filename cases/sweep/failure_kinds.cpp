// SPDX-License-Identifier: Apache-2.0
#include "cases/sweep/failure_kinds.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::sweep {
namespace {

/// Errors of the size of rounding, everywhere: of sums in 16 bits, not of a weight that is another one.
bool looks_like_rounding(const judge::Comparison& output, DType dtype) {
  constexpr double kMostUnits = 4, kMostZ = 64;
  const double u = dtype == DType::bf16 ? 0x1p-8 : 0x1p-11;
  return output.judged == output.count && output.nrmse < kMostUnits * u && output.max_z < kMostZ;
}

std::string ending(const kernel::RunResult& result) {
  if (result.timed_out) return "a hang";
  if (!result.exception.empty()) return "an exception";
  if (result.broke_off()) return "a crash";
  if (result.return_code != 0) return fmt::format("return code {}", result.return_code);
  return "a launch error";
}

bool leaves_something(const kernel::RunResult& result) {
  return !result.guards_intact || !result.trespasses.empty() ||
         std::ranges::any_of(result.workspace, [](std::int32_t lock) { return lock != 0; });
}

}  // namespace

std::vector<std::string> failure_kinds(const kernel::RunResult& result, const judge::Comparison& output, DType dtype) {
  if (!result.ran()) return {ending(result)};
  std::vector<std::string> kinds;
  if (!output.right()) kinds.emplace_back(looks_like_rounding(output, dtype) ? "rounding" : "wrong values");
  if (leaves_something(result)) kinds.emplace_back("what it leaves behind");
  return kinds;
}

}  // namespace w4::cases::sweep
