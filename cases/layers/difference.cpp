// SPDX-License-Identifier: Apache-2.0
#include "cases/layers/repack_model.h"
#include "repack/plain_layer.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::layers {
namespace {

using fixtures::PlainLayer;
using repack::FloatZeros;
using repack::plain_layer_of;

/// "code (3, 8): 7 and 9"; empty when all cells are equal.
template <class T>
std::string first_difference(const char* what, const Grid<T>& a, const Grid<T>& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols())
    return fmt::format("{}s: ({}, {}) and ({}, {})", what, a.rows(), a.cols(), b.rows(), b.cols());
  const auto [at_a, at_b] = std::mismatch(a.cells().begin(), a.cells().end(), b.cells().begin());
  if (at_a == a.cells().end()) return {};
  const auto cell = static_cast<int>(at_a - a.cells().begin());
  return fmt::format("{} ({}, {}): {} and {}", what, cell / a.cols(), cell % a.cols(), *at_a, *at_b);
}

Grid<std::int32_t> groups_of(const PlainLayer& plain) {
  return Grid<std::int32_t>::from(1, plain.codes.rows(), [&](int, int k) { return plain.group_of(k); });
}

}  // namespace

std::string difference(const fixtures::Layer& a, const fixtures::Layer& b) {
  const PlainLayer x = plain_layer_of(a, FloatZeros::nearest), y = plain_layer_of(b, FloatZeros::nearest);
  if (a.dtype != b.dtype) return fmt::format("dtype: {} and {}", name_of(a.dtype), name_of(b.dtype));
  for (const std::string& found :
       {first_difference("code", x.codes, y.codes), first_difference("zero point", x.zeros, y.zeros),
        first_difference("scale", x.scales, y.scales), first_difference("group of row", groups_of(x), groups_of(y)),
        first_difference("bias", x.bias, y.bias)})
    if (!found.empty()) return found;
  return {};
}

}  // namespace w4::cases::layers
