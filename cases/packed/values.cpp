// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/values.h"

#include "fixtures/half.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

namespace w4::cases::packed {
namespace {

using Scales = Grid<std::uint16_t>;

/// A finite number rounded to an 8-bit float with that many bits of fraction, its exponents unlimited.
double rounded_to(double value, int fraction_bits) {
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, fraction_bits + 1)), exponent - fraction_bits - 1);
}

/// All numbers, sorted; padding's zeros are left out.
std::vector<double> sorted_values(const Scales& scales, DType dtype) {
  std::vector<double> values;
  for (const std::uint16_t bits : scales.cells())
    if (const double value = value_of(bits, dtype); value != 0 && !std::isnan(value)) values.push_back(value);
  std::ranges::sort(values);
  return values;
}

/// Between which numbers a gain must lie for `want` to round to `got`, in their types.
struct Interval {
  double low = 0, high = std::numeric_limits<double>::infinity();
};

Interval gains(const std::vector<double>& got, const std::vector<double>& want, DType dtype) {
  Interval all;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const std::uint16_t bits = bits_of(static_cast<float>(std::abs(got[i])), dtype);
    if (bits == 0) continue;
    const double here = value_of(bits, dtype);
    const double below = value_of(static_cast<std::uint16_t>(bits - 1), dtype);
    const double above = value_of(static_cast<std::uint16_t>(bits + 1), dtype);
    const double by = std::abs(want[i]);
    all.low = std::max(all.low, (here + below) / 2 / by);
    all.high = std::min(all.high, std::isfinite(above) ? (here + above) / 2 / by : all.high);
  }
  return all;
}

/// The fraction with the smallest denominator between two positive numbers.
std::pair<long long, long long> simplest(double low, double high) {
  const double whole = std::floor(low);
  if (whole == low) return {static_cast<long long>(low), 1};
  if (whole + 1 <= high) return {static_cast<long long>(whole) + 1, 1};
  const auto [p, q] = simplest(1 / (high - whole), 1 / (low - whole));
  return {static_cast<long long>(whole) * p + q, p};
}

/// The gain with its text: a power of two, a simple fraction, or six digits.
struct Gain {
  double value;
  std::string text;
  bool power_of_two = false;
};

std::optional<Gain> gain_between(const Interval& interval) {
  if (!(interval.low <= interval.high) || interval.low <= 0 || !std::isfinite(interval.high)) return std::nullopt;
  const double power = std::exp2(std::ceil(std::log2(interval.low) - 1e-9));
  if (interval.low <= power && power <= interval.high) {
    const int exponent = static_cast<int>(std::lround(std::log2(power)));
    return Gain{power, exponent > 0 && exponent < 8 ? fmt::format("{:g}", power) : fmt::format("2^{}", exponent), true};
  }
  if (interval.low > 1e-4 && interval.high < 1e6) {
    const auto [p, q] = simplest(interval.low, interval.high);
    if (q <= 256)
      return Gain{static_cast<double>(p) / static_cast<double>(q),
                  q == 1 ? fmt::format("{}", p) : fmt::format("{} / {}", p, q)};
  }
  const double middle = (interval.low + interval.high) / 2;
  return Gain{middle, fmt::format("{:.6g}", middle)};
}

void add_gains(const Scales& got, const Scales& want, DType dtype, std::vector<ScaleFunction>& all) {
  const std::vector<double> g = sorted_values(got, dtype);
  std::vector<double> w = sorted_values(want, dtype);
  if (g.size() != w.size() || g.empty()) return;
  const bool negative = g.front() < 0 && w.front() > 0;
  if (negative) std::ranges::reverse(w);
  const auto gain = gain_between(gains(g, w, dtype));
  if (!gain) return;
  const double factor = negative ? -gain->value : gain->value;
  const auto scaled = [dtype, factor](std::uint16_t bits) {
    return bits_of(static_cast<float>(factor * value_of(bits, dtype)), dtype);
  };
  const bool invertible = std::ranges::all_of(want.cells(), [&](std::uint16_t bits) {
    return bits_of(static_cast<float>(value_of(scaled(bits), dtype) / factor), dtype) == bits;
  });
  const std::string sign = negative ? "-" : "";
  ScaleFunction way{
      fmt::format("{}scales * {}{}", gain->power_of_two ? "like scale-exponent-bias: " : "", sign, gain->text), scaled};
  if (gain->value == 1 && negative) way.fault = "-scales";
  if (invertible)
    way.undo = fmt::format("scales = (scales.astype(np.float64) / {}{:.17g}).astype(scales.dtype)", sign, gain->value);
  all.push_back(std::move(way));
}

}  // namespace

std::vector<ScaleFunction> scale_functions(const Scales& got, const Scales& want, DType dtype) {
  const DType other = dtype == DType::fp16 ? DType::bf16 : DType::fp16;
  const std::string here = dtype == DType::fp16 ? "fp16" : "bf16", there = dtype == DType::fp16 ? "bf16" : "fp16";
  const auto of_value = [dtype](const auto& f) {
    return
        [dtype, f](std::uint16_t bits) { return bits_of(static_cast<float>(f(double{value_of(bits, dtype)})), dtype); };
  };
  std::vector<ScaleFunction> all;
  add_gains(got, want, dtype, all);
  all.push_back({fmt::format("like scale-dtype-reinterpret: bits of {} under the name of {}", there, here),
                 [=](std::uint16_t bits) { return bits_of(value_of(bits, dtype), other); }});
  if (other == DType::bf16)
    all.push_back(
        {"like scale-dtype-reinterpret: the upper 16 bits of fp32 under the name of fp16", [=](std::uint16_t bits) {
           return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value_of(bits, dtype)) >> 16);
         }});
  all.push_back(
      {fmt::format("like scale-dtype-reinterpret: the bits of {} are read as {} and rounded to {}", here, there, here),
       [=](std::uint16_t bits) { return bits_of(value_of(bits, other), dtype); }});
  all.push_back({fmt::format("scales rounded to {}", there), [=](std::uint16_t bits) {
                   return bits_of(value_of(bits_of(value_of(bits, dtype), other), other), dtype);
                 }});
  if (other == DType::bf16)
    all.push_back({"scales cut off to bf16", [=](std::uint16_t bits) {
                     const std::uint32_t wide = std::bit_cast<std::uint32_t>(value_of(bits, dtype));
                     return bits_of(std::bit_cast<float>(wide & 0xFFFF0000u), dtype);
                   }});
  for (const auto& [name, fraction] : {std::pair("fp8 e4m3", 3), std::pair("fp8 e5m2", 2)})
    all.push_back({fmt::format("scales rounded to {}", name),
                   of_value([fraction = fraction](double value) { return rounded_to(value, fraction); })});
  all.push_back({"bytes of the scales swapped",
                 [](std::uint16_t bits) { return static_cast<std::uint16_t>(bits << 8 | bits >> 8); },
                 "scales = scales.view(np.uint16).byteswap().view(scales.dtype)"});
  all.push_back({"1 / scales", of_value([](double value) { return value == 0 ? 0 : 1 / value; })});
  all.push_back({"scales squared", of_value([](double value) { return value * value; })});
  all.push_back({"|scales|", of_value([](double value) { return std::abs(value); })});
  const std::vector<double> g = sorted_values(got, dtype);
  if (!g.empty()) {
    const double top = g.back(), bottom = g.front();
    all.push_back(
        {fmt::format("scales clipped at {:g}", top), of_value([top](double value) { return std::min(value, top); })});
    all.push_back({fmt::format("scales clipped at {:g} from below", bottom),
                   of_value([bottom](double value) { return value == 0 ? value : std::max(value, bottom); })});
  }
  for (const std::uint16_t value : {got[0], got[got.size() - 1]})
    all.push_back({fmt::format("every scale is {:g} (0x{:04x})", value_of(value, dtype), value),
                   [value](std::uint16_t) { return value; }});
  return all;
}

}  // namespace w4::cases::packed
