// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/proof/rounding_kernels.h"

#include <functional>
#include <string>
#include <vector>

namespace w4::cases::proof {

/// Errors of one way to round, in standard deviations of its class.
struct VarianceLine {
  std::string what, rounding;
  long long elements = 0;
  double rms = 0;    // 1 where the class has the right variance
  double max_z = 0;  // of the gate
};

/// Outputs of every way of rounding_ways() that is a class by itself, on random layers, until each has so many
/// elements.
std::vector<VarianceLine> simulate_variances(long long elements, const std::function<void(int, int)>& done);

/// Right kernels that round in all ways, on random small cases: those that are accused, "way: case: reason".
std::vector<std::string> accused_by_rounding(int count, const std::function<void(int, int)>& done);

/// Wrong kernels that round in all ways, on the first `cases` of kWrongCaseCount and in every `every`-th way: those
/// that pass as a class, found or asked for, though a kernel that rounds as ours does is caught.
inline constexpr int kWrongCaseCount = 7;
struct WrongKernels {
  int tried = 0;
  std::vector<std::string> missed;  // "one column in 1000: way: case: class"
};
WrongKernels missed_by_rounding(int cases, std::size_t every, const std::function<void(int, int)>& done);

std::string text_of(const std::vector<VarianceLine>& lines);

}  // namespace w4::cases::proof
