// SPDX-License-Identifier: Apache-2.0
// Strategies that make the values of a case plain; the other values that stay are needed by the failure.
#include "cases/shrink/ddmin.h"
#include "cases/shrink/shrink.h"
#include "fixtures/half.h"
#include "fixtures/layer/codes.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::shrink {
namespace {

/// One kind of value and its plain value.
template <class T>
struct Values {
  Grid<T>& (*grid)(PlainCase&);
  float to;          // the plain value; codes and zero points as integers, others in the layer's type
  bool spares_zero;  // zero counts as plain too
};

template <class T>
T bits_in(const PlainCase& plain, float value) {
  if constexpr (sizeof(T) == 1)
    return static_cast<T>(value);
  else
    return bits_of(value, plain.layer.dtype);
}

template <class T>
Grid<T> grid_in(PlainCase plain, const Values<T>& values) {
  return values.grid(plain);  // copies share their cells
}

/// The cells that are not plain.
template <class T>
std::vector<int> odd_cells(const PlainCase& plain, const Values<T>& values) {
  const Grid<T> grid = grid_in(plain, values);
  const T target = bits_in<T>(plain, values.to), zero = bits_in<T>(plain, 0);
  std::vector<int> odd;
  for (std::size_t i = 0; i < grid.size(); ++i)
    if (grid[i] != target && !(values.spares_zero && grid[i] == zero)) odd.push_back(static_cast<int>(i));
  return odd;
}

/// The case with all odd cells but `kept` set to the plain value.
template <class T>
PlainCase settled(const PlainCase& plain, const Values<T>& values, const std::vector<int>& kept) {
  PlainCase out = plain;
  const Grid<T> before = grid_in(plain, values);
  values.grid(out) = Grid<T>::made(before.rows(), before.cols(), [&](std::span<T> cells) {
    std::copy(before.cells().begin(), before.cells().end(), cells.begin());
    for (const int cell : odd_cells(plain, values))
      cells[static_cast<std::size_t>(cell)] = bits_in<T>(plain, values.to);
    for (const int cell : kept) cells[static_cast<std::size_t>(cell)] = before[static_cast<std::size_t>(cell)];
  });
  return out;
}

template <class T>
void settle(Shrinker& search, const Values<T>& values) {
  const PlainCase whole = search.best();
  const std::vector<int> odd = odd_cells(whole, values);
  if (odd.empty() || search.take(settled(whole, values, {}))) return;
  ddmin(odd, [&](const std::vector<int>& kept) { return search.take(settled(whole, values, kept)); });
}

/// "3 of 64", or "none".
template <class T>
std::string count_of(const PlainCase& plain, const Values<T>& values) {
  const std::size_t odd = odd_cells(plain, values).size();
  return odd == 0 ? "none" : fmt::format("{} of {}", odd, grid_in(plain, values).size());
}

Grid<std::uint8_t>& codes(PlainCase& plain) { return plain.layer.codes; }
Grid<std::uint8_t>& zeros(PlainCase& plain) { return plain.layer.zeros; }
Grid<std::uint16_t>& scales(PlainCase& plain) { return plain.layer.scales; }
Grid<std::uint16_t>& bias(PlainCase& plain) { return plain.layer.bias; }
Grid<std::uint16_t>& activations(PlainCase& plain) { return plain.A; }

constexpr Values<std::uint16_t> kScales{scales, 1, false};
constexpr Values<std::uint8_t> kCodes{codes, kSymmetricZero, false};
constexpr Values<std::uint8_t> kZeros{zeros, kSymmetricZero, false};
constexpr Values<std::uint16_t> kBias{bias, 0, false};
constexpr Values<std::uint16_t> kUnitBias{bias, 1, true};
constexpr Values<std::uint16_t> kActivations{activations, 0, false};
constexpr Values<std::uint16_t> kUnitActivations{activations, 1, true};  // one-hot, if one is left in a row

template <const auto& values>
constexpr Strategy strategy(const char* what) {
  return {what, [](const PlainCase& plain) { return count_of(plain, values); },
          [](Shrinker& search) { settle(search, values); }};
}

}  // namespace

std::vector<Strategy> value_strategies() {
  // Activations first: a weight that meets no activation does not matter any more.
  return {strategy<kActivations>("activations not 0"),
          strategy<kUnitActivations>("activations neither 0 nor 1"),
          strategy<kScales>("scales not 1"),
          strategy<kCodes>("codes not 8"),
          strategy<kZeros>("zero points not 8"),
          strategy<kBias>("entries of bias not 0"),
          strategy<kUnitBias>("entries of bias neither 0 nor 1")};
}

}  // namespace w4::cases::shrink
