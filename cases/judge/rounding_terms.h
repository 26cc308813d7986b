// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/dtype.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace w4::cases::judge {

/// The sums of which the variance of each class of rounding is made (numerics.md), row-major (M, N), each in squared
/// outputs unless it is said to be a sum. s, q, z: scale, code, zero point; A_g: sum of a over the rows of a group.
struct RoundingTerms {
  std::vector<float> bias;             // (N), the addend; empty: none
  std::vector<float> product_squares;  // a * w, squared
  std::vector<float> known_cuts;       // partial sums at the cuts of the plan, squared
  std::vector<float> groups;           // sums of each group, squared
  std::vector<float> weights;          // a * w, squared, where w needs more than 16 bits
  std::vector<float> codes;            // a * s * q, squared, where s * q needs more than 16 bits
  std::vector<float> zeros;            // s * z * A_g, squared, where s * z needs more than 16 bits
  std::vector<float> zero_sum;         // sum over groups of s * z * A_g: a sum
  std::vector<float> cuts_sum;         // mean over kCutEvery-th rows of the partial sum there: a sum
  std::vector<float> cuts_square;      // mean of its square
  std::vector<float> blocks;           // sums of kBlock rows, squared
  int most_cuts = 0;                   // places where a sum can be cut: one every kCutEvery rows
  double independent_rows = 1;         // how many rows of A there are that are no multiples of one another, at most M

  explicit RoundingTerms(std::size_t cells = 0);
};

inline constexpr int kCutEvery = 64;   // rows of K: no thread block takes fewer at once
inline constexpr int kBlock = 16;      // rows of K in one mma
inline constexpr int kTermStrip = 64;  // columns that are summed together

/// Scales and zero points of one group in a strip of columns, and what rounds of their products.
struct GroupProducts {
  std::array<double, kTermStrip> zero_product{};                   // s * z
  std::array<double, kTermStrip> zero_square{};                    // its square; 0 where 16 bits hold it
  std::array<std::array<double, kTermStrip>, 16> code_square{};    // (s * q)^2 of each code; 0 where 16 bits hold it
  std::array<std::array<double, kTermStrip>, 16> weight_square{};  // (s * (q - z))^2 of each code, likewise

  void set(int column, double scale, double zero, DType dtype);
};

/// The terms of one strip of columns for some rows of A, while K is gone through.
class TermSums {
 public:
  explicit TermSums(int rows);

  /// Row k of K has been added to `y` (rows, kTermStrip). a: of these rows; codes: of the strip.
  void add(const double* a, const std::uint8_t* codes, const GroupProducts& group);
  /// The last row of a group has been added. y: sums so far.
  void end_group(const std::vector<double>& y, const GroupProducts& group);
  void end_block(const std::vector<double>& y);
  void end_cut(const std::vector<double>& y);
  void hand_over(const std::vector<double>& y);

  /// Writes what belongs to cell (row, column) of the strip to place `to` of the whole. products: sum of (a * w)^2.
  void store(int row, int column, double products, std::size_t to, RoundingTerms& out) const;

 private:
  int rows_;
  int cuts_ = 0;
  std::vector<double> row_sums_;                   // A_g so far, (rows)
  std::vector<double> group_begin_, block_begin_;  // y there, (rows, kTermStrip), as all below
  std::vector<double> known_, groups_, weights_, codes_, zeros_, zero_sum_, cuts_sum_, cuts_square_, blocks_;
};

/// How many independent rows (M, K) has, by the participation ratio of the Gram matrix of at most 32 of them.
double independent_rows(std::span<const double> columns_of_a, int M, int K);

}  // namespace w4::cases::judge
