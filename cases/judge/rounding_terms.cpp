// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/rounding_terms.h"

#include "fixtures/half.h"

#include <algorithm>
#include <cmath>

namespace w4::cases::judge {
namespace {

constexpr int kComparedRows = 32;

/// The square of a product of scale and integer; 0 where it is a number of the type.
double rounding_square(double product, DType dtype) {
  const auto value = static_cast<float>(product);
  return value == product && value_of(bits_of(value, dtype), dtype) == value ? 0.0 : product * product;
}

}  // namespace

RoundingTerms::RoundingTerms(std::size_t cells)
    : product_squares(cells),
      known_cuts(cells),
      groups(cells),
      weights(cells),
      codes(cells),
      zeros(cells),
      zero_sum(cells),
      cuts_sum(cells),
      cuts_square(cells),
      blocks(cells) {}

void GroupProducts::set(int column, double scale, double zero, DType dtype) {
  const auto at = static_cast<std::size_t>(column);
  zero_product[at] = scale * zero;
  zero_square[at] = rounding_square(scale * zero, dtype);
  for (std::size_t code = 0; code < code_square.size(); ++code) {
    code_square[code][at] = rounding_square(scale * static_cast<double>(code), dtype);
    weight_square[code][at] = rounding_square(scale * (static_cast<double>(code) - zero), dtype);
  }
}

TermSums::TermSums(int rows) : rows_(rows), row_sums_(static_cast<std::size_t>(rows)) {
  for (auto* cells : {&group_begin_, &block_begin_, &known_, &groups_, &weights_, &codes_, &zeros_, &zero_sum_,
                      &cuts_sum_, &cuts_square_, &blocks_})
    cells->assign(static_cast<std::size_t>(rows) * kTermStrip, 0.0);
}

void TermSums::add(const double* a, const std::uint8_t* codes, const GroupProducts& group) {
  std::array<double, kTermStrip> of_codes, of_weights;
  for (std::size_t i = 0; i < kTermStrip; ++i) {
    of_codes[i] = group.code_square[codes[i]][i];
    of_weights[i] = group.weight_square[codes[i]][i];
  }
  for (int m = 0; m < rows_; ++m) {
    row_sums_[static_cast<std::size_t>(m)] += a[m];
    const double square = a[m] * a[m];
    double* const code_sums = &codes_[static_cast<std::size_t>(m) * kTermStrip];
    double* const weight_sums = &weights_[static_cast<std::size_t>(m) * kTermStrip];
    for (std::size_t i = 0; i < kTermStrip; ++i) {
      code_sums[i] += square * of_codes[i];
      weight_sums[i] += square * of_weights[i];
    }
  }
}

void TermSums::end_group(const std::vector<double>& y, const GroupProducts& group) {
  for (std::size_t cell = 0; cell < y.size(); ++cell) {
    const std::size_t column = cell % kTermStrip;
    const double own = y[cell] - group_begin_[cell], a = row_sums_[cell / kTermStrip];
    groups_[cell] += own * own;
    zeros_[cell] += group.zero_square[column] * a * a;
    zero_sum_[cell] += group.zero_product[column] * a;
  }
  group_begin_ = y;
  std::ranges::fill(row_sums_, 0.0);
}

void TermSums::end_block(const std::vector<double>& y) {
  for (std::size_t cell = 0; cell < y.size(); ++cell) {
    const double own = y[cell] - block_begin_[cell];
    blocks_[cell] += own * own;
  }
  block_begin_ = y;
}

void TermSums::end_cut(const std::vector<double>& y) {
  ++cuts_;
  for (std::size_t cell = 0; cell < y.size(); ++cell) {
    cuts_sum_[cell] += y[cell];
    cuts_square_[cell] += y[cell] * y[cell];
  }
}

void TermSums::hand_over(const std::vector<double>& y) {
  for (std::size_t cell = 0; cell < y.size(); ++cell) known_[cell] += y[cell] * y[cell];
}

void TermSums::store(int row, int column, double products, std::size_t to, RoundingTerms& out) const {
  const std::size_t cell = static_cast<std::size_t>(row) * kTermStrip + static_cast<std::size_t>(column);
  const double cuts = std::max(1, cuts_);
  out.product_squares[to] = static_cast<float>(products);
  out.known_cuts[to] = static_cast<float>(known_[cell]);
  out.groups[to] = static_cast<float>(groups_[cell]);
  out.weights[to] = static_cast<float>(weights_[cell]);
  out.codes[to] = static_cast<float>(codes_[cell]);
  out.zeros[to] = static_cast<float>(zeros_[cell]);
  out.zero_sum[to] = static_cast<float>(zero_sum_[cell]);
  out.cuts_sum[to] = static_cast<float>(cuts_sum_[cell] / cuts);
  out.cuts_square[to] = static_cast<float>(cuts_square_[cell] / cuts);
  out.blocks[to] = static_cast<float>(blocks_[cell]);
}

double independent_rows(std::span<const double> columns_of_a, int M, int K) {
  const int rows = std::min(M, kComparedRows), step = M / rows;
  std::vector<double> gram(static_cast<std::size_t>(rows) * rows);
  for (int k = 0; k < K; ++k) {
    const double* const a = &columns_of_a[static_cast<std::size_t>(k) * M];
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j <= i; ++j) gram[static_cast<std::size_t>(i) * rows + j] += a[i * step] * a[j * step];
  }
  const auto at = [&](int i, int j) { return gram[static_cast<std::size_t>(i) * rows + j]; };
  double trace = 0, squares = 0;
  for (int i = 0; i < rows; ++i) {
    if (at(i, i) > 0) ++trace;
    for (int j = 0; j <= i; ++j)
      if (const double scale = at(i, i) * at(j, j); scale > 0)
        squares += (i == j ? 1 : 2) * at(i, j) * at(i, j) / scale;
  }
  return squares > 0 ? trace * trace / squares : 1.0;
}

}  // namespace w4::cases::judge
