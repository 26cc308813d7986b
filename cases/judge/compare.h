// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/judge/oracle.h"

#include <cstdint>
#include <string>

namespace w4::cases::judge {

/// The gates of numerics.md. Limits of one file alone stand there; numerics.md lists them.
inline constexpr double kMaxZ = 8.0;
inline constexpr double kWarnZ = 6.0;
inline constexpr double kMaxRmsZ = 1.25;

/// Further gates of a class of rounding that allows more than the exact model of our kernel: its errors are as large as
/// the class makes them, and no other class predicts their distribution better by this much, in logarithms of the
/// likelihood: altogether, and for each element of the sample; altogether, where no probe confirms it.
inline constexpr double kLeastRmsZ = 0.6;
inline constexpr double kRmsSpread = 2;  // rms z may exceed its limit by this part over the root of the outputs
inline constexpr double kLikelihoodSlack = 10;
inline constexpr double kLikelihoodSlackEach = 0.002;
inline constexpr double kUnconfirmedSlack = 3;
inline constexpr double kRestOfSigma = 4;    // the bound of what sums in fp32 lose, in standard deviations of that
inline constexpr double kMaxRowScore = 8.0;  // of a row of K, in standard deviations

/// An output held against the oracle.
struct Comparison {
  std::size_t count = 0;
  std::size_t zero = 0;
  std::size_t unwritten = 0;
  std::size_t nan = 0;  // written, not a number
  std::size_t inf = 0;
  std::size_t judged = 0;  // finite elements: max_z and all below are of these alone
  std::size_t wrong = 0;   // beyond the bound, unwritten, NaN and inf included
  double max_z = 0;
  double rms_z = 0;
  double nrmse = 0;
  double gain = 1;
  int worst_m = 0, worst_n = 0;
  int first_m = 0, first_n = 0;  // the first wrong element, when wrong > 0
  double first_got = 0, first_want = 0;
  std::string failed_gate = {};  // empty: right

  bool right() const { return failed_gate.empty(); }
};

/// How far C(m, n) may lie from expected.at(m, n): the gate of max z, as a distance.
double allowed_error(const Expected& expected, int m, int n);

/// How far two outputs C(m, n), right or wrong, may lie apart by rounding alone: both by that gate, and by as many
/// roundings of numbers of their own size, which may be larger than the right one.
double allowed_distance(const Expected& expected, int m, int n, double a, double b);

/// C: (M, N), bits of expected.dtype; `fill` is what C held before. Every gate is written so that NaN fails it.
Comparison compare(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill);

/// One output held against the oracle: the largest error it may have, and its z (NaN of NaN).
struct ElementError {
  double bound = 0;
  double z = 0;
  bool right() const { return z <= kMaxZ; }
};
ElementError element_error(double got, const Expected& expected, int m, int n);

/// The two parts of that bound: the standard deviation of a variance in units of (0.425 u)^2, and what accumulation and
/// subnormals add where the norm and the output are these.
double rounding_sigma(const Expected& expected, double variance);
double rounding_rest(const Expected& expected, double norm, double y);

}  // namespace w4::cases::judge
