// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/oracle.h"

#include "cases/judge/nibbles.h"
#include "cases/judge/rounding_terms.h"

#include "fixtures/half.h"
#include "fixtures/parallel.h"

#include <array>
#include <cmath>
#include <optional>

namespace w4::cases::judge {
namespace {

using fixtures::Format;
using fixtures::Layer;
using fixtures::ZeroEncoding;

constexpr int kStrip = kTermStrip;  // columns one task works on

/// w(k, n) of a layer, format by format, by definition. AWQ's eight columns stand in the order 0 2 4 6 1 3 5 7.
class LayerWeights {
 public:
  explicit LayerWeights(const Layer& layer) : layer_(layer) {
    scales_ = fixtures::files::grid_of<std::uint16_t>(layer.scales);
    if (layer.g_idx) g_idx_ = fixtures::files::grid_of<std::int32_t>(*layer.g_idx);
    if (layer.format == Format::pair_packed) {
      pairs_ = fixtures::files::grid_of<std::uint8_t>(layer.qweight);
      float_zeros_ = fixtures::files::grid_of<std::uint16_t>(*layer.qzeros);
    } else {
      words_ = fixtures::files::grid_of<std::uint32_t>(layer.qweight);
      if (!layer.symmetric) zero_words_ = fixtures::files::grid_of<std::uint32_t>(layer.qzeros.value());
    }
  }

  WeightParts parts(int k, int n) const {
    WeightParts parts = of_group(group_of(k), n);
    parts.code = code(k, n);
    return parts;
  }
  WeightParts of_group(int group, int n) const {
    return {.group = group, .zero = zero(group, n), .scale = scale(group, n)};
  }

  int group_of(int k) const { return g_idx_.empty() ? k / layer_.group_size : g_idx_(0, k); }

  /// w(k, n) for n in [n0, n0 + count).
  void row(int k, int n0, int count, double* out) const {
    const int group = group_of(k);
    for (int i = 0; i < count; ++i) out[i] = scale(group, n0 + i) * (code(k, n0 + i) - zero(group, n0 + i));
  }
  void codes(int k, int n0, int count, std::uint8_t* out) const {
    for (int i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(code(k, n0 + i));
  }
  GroupProducts products(int group, int n0, int count) const {
    GroupProducts products;
    for (int i = 0; i < count; ++i) products.set(i, scale(group, n0 + i), zero(group, n0 + i), layer_.dtype);
    return products;
  }

 private:
  double code(int k, int n) const {
    switch (layer_.format) {
      case Format::gptq: return nibble(words_(k / 8, n), k % 8);
      case Format::awq: return nibble(words_(k, n / 8), awq_position(n));
      case Format::compressed_tensors: return nibble(words_(n, k / 8), k % 8);
      case Format::pair_packed: return k % 2 == 0 ? pairs_(k / 2, n) & 15 : pairs_(k / 2, n) >> 4;
    }
    return 0;
  }

  double zero(int group, int n) const {
    if (layer_.format == Format::pair_packed) return value_of(float_zeros_(group, n), DType::bf16);
    if (layer_.symmetric) return 8;
    switch (layer_.format) {
      case Format::awq: return nibble(zero_words_(group, n / 8), awq_position(n));
      case Format::compressed_tensors: return nibble(zero_words_(n / 8, group), n % 8);
      default: break;
    }
    const int stored = nibble(zero_words_(group, n / 8), n % 8);
    return layer_.zero_encoding == ZeroEncoding::minus_one ? (stored + 1) % 16 : stored;
  }

  double scale(int group, int n) const {
    const bool by_column = layer_.format == Format::compressed_tensors;
    return value_of(by_column ? scales_(n, group) : scales_(group, n), layer_.dtype);
  }

  const Layer& layer_;
  Grid<std::uint32_t> words_;
  Grid<std::uint8_t> pairs_;
  Grid<std::uint32_t> zero_words_;
  Grid<std::uint16_t> float_zeros_;
  Grid<std::uint16_t> scales_;
  Grid<std::int32_t> g_idx_;
};

/// Two columns: one operation in every build, with sanitizers and without optimisation too.
using Two [[gnu::vector_size(16), gnu::may_alias]] = double;

/// Sums of one strip of columns for one problem's rows of A, from the last row of K to the first.
struct Strip {
  int rows;
  std::vector<double> y, square, handed_over;  // (rows, kStrip)
  explicit Strip(int rows_) : rows(rows_), y(cells()), square(cells()), handed_over(cells()) {}
  std::size_t cells() const { return static_cast<std::size_t>(rows) * kStrip; }

  void add(const double* a, const double* w) {
    const auto* weights = reinterpret_cast<const Two*>(w);
    for (int m = 0; m < rows; ++m) {
      auto* sum = reinterpret_cast<Two*>(&y[static_cast<std::size_t>(m) * kStrip]);
      auto* squares = reinterpret_cast<Two*>(&square[static_cast<std::size_t>(m) * kStrip]);
      for (int i = 0; i < kStrip / 2; ++i) {
        const Two product = a[m] * weights[i];
        sum[i] += product;
        squares[i] += product * product;
      }
    }
  }
  void hand_over() {
    for (std::size_t i = 0; i < cells(); ++i) handed_over[i] += y[i] * y[i];
  }
};

/// Gathers the terms of a strip beside its sums. Rows of K come from the last to the first, group after group.
class StripTerms {
 public:
  StripTerms(const LayerWeights& weights, int n0, int count, int rows)
      : weights_(weights), n0_(n0), count_(count), sums_(rows) {}

  /// Row k, the one at `position` in the order of summation, has been added to y; `next` is summed after it.
  void add(int position, int k, int next, const double* a, const std::vector<double>& y) {
    if (const int group = weights_.group_of(k); group != group_) {
      group_ = group;
      products_ = weights_.products(group, n0_, count_);
    }
    std::array<std::uint8_t, kStrip> codes{};
    weights_.codes(k, n0_, count_, codes.data());
    sums_.add(a, codes.data(), products_);
    if (position == 0 || weights_.group_of(next) != group_) sums_.end_group(y, products_);
    if (position % kBlock == 0) sums_.end_block(y);
    if (position % kCutEvery == 0 && position > 0) sums_.end_cut(y);
  }
  void hand_over(const std::vector<double>& y) { sums_.hand_over(y); }

  void store(int m0, const Strip& strip, int N, RoundingTerms& out) const {
    for (int m = 0; m < strip.rows; ++m)
      for (int i = 0; i < count_; ++i)
        sums_.store(m, i, strip.square[static_cast<std::size_t>(m) * kStrip + i],
                    static_cast<std::size_t>(m0 + m) * N + n0_ + i, out);
  }

 private:
  const LayerWeights& weights_;
  int n0_, count_;
  int group_ = -1;
  GroupProducts products_ = {};
  TermSums sums_;
};

std::vector<double> transposed(const Grid<std::uint16_t>& A, DType dtype) {
  std::vector<double> out(A.size());
  for (int m = 0; m < A.rows(); ++m)
    for (int k = 0; k < A.cols(); ++k) out[static_cast<std::size_t>(k) * A.rows() + m] = value_of(A(m, k), dtype);
  return out;
}

void store(const Strip& strip, int m0, int n0, int count, const std::vector<double>& bias, bool grouped,
           Expected& out) {
  for (int m = 0; m < strip.rows; ++m) {
    for (int i = 0; i < count; ++i) {
      const std::size_t from = static_cast<std::size_t>(m) * kStrip + i;
      const std::size_t to = static_cast<std::size_t>(m0 + m) * out.N + n0 + i;
      const double product = strip.y[from];
      const double y = product + (bias.empty() ? 0.0 : bias[static_cast<std::size_t>(n0) + i]);
      out.y[to] = y;
      out.norm[to] = std::sqrt(strip.square[from]);
      out.variance[to] = strip.handed_over[from] + y * y + (grouped ? strip.square[from] : product * product);
    }
  }
}

std::vector<double> bias_of(const Layer& layer) {
  std::vector<double> bias;
  if (!layer.bias) return bias;
  const auto stored = fixtures::files::grid_of<std::uint16_t>(*layer.bias);
  for (const std::uint16_t bits : stored.cells()) bias.push_back(value_of(bits, layer.dtype));
  return bias;
}

}  // namespace

namespace {

/// The class that the model of `rounding` is.
RoundingClass class_of(const Rounding& rounding, int slices) {
  return {.weights = rounding.grouped ? WeightRounding::once : WeightRounding::unrounded,
          .sums = slices > 1 ? SumRounding::known_cuts : SumRounding::wide,
          .end = rounding.grouped ? EndRounding::once : EndRounding::before_scale};
}

std::shared_ptr<RoundingTerms> terms_for(const Layer& layer, const std::vector<double>& columns_of_a, int M,
                                         const std::vector<double>& bias) {
  auto terms = std::make_shared<RoundingTerms>(static_cast<std::size_t>(M) * layer.N);
  terms->bias.assign(bias.begin(), bias.end());
  terms->most_cuts = (layer.K - 1) / kCutEvery;
  terms->independent_rows = independent_rows(columns_of_a, M, layer.K);
  return terms;
}

}  // namespace

Expected expected_output(const Layer& layer, const Grid<std::uint16_t>& A, const Rounding& rounding) {
  const int M = A.rows();
  const std::size_t cells = static_cast<std::size_t>(M) * layer.N;
  Expected out{.M = M,
               .N = layer.N,
               .K = layer.K,
               .weights_rounded = rounding.grouped,
               .dtype = layer.dtype,
               .y = std::vector<double>(cells),
               .norm = std::vector<double>(cells),
               .variance = std::vector<double>(cells)};
  const LayerWeights weights(layer);
  const std::vector<double> columns_of_a = transposed(A, layer.dtype);
  const std::vector<double> bias = bias_of(layer);
  for (const auto& starts : rounding.slice_starts)
    if (rounding.narrow_sums) out.slices = std::max(out.slices, static_cast<int>(starts.size()) + 1);
  out.rounding = class_of(rounding, out.slices);
  const auto kept = rounding.classes ? terms_for(layer, columns_of_a, M, bias) : nullptr;
  out.terms = kept;

  const int problems = (M + rounding.problem_rows - 1) / rounding.problem_rows;
  const int strips = (layer.N + kStrip - 1) / kStrip;
  for_each_index(problems * strips, [&](int job) {
    const int problem = job / strips;
    const int n0 = job % strips * kStrip;
    const int count = std::min(kStrip, layer.N - n0);
    const int m0 = problem * rounding.problem_rows;
    Strip strip(std::min(rounding.problem_rows, M - m0));
    alignas(16) std::array<double, kStrip> w{};
    std::vector<int> starts;
    if (!rounding.slice_starts.empty())
      starts = rounding.slice_starts[static_cast<std::size_t>(problem) * rounding.columns + n0 / rounding.thread_n];
    std::optional<StripTerms> terms;
    if (kept) terms.emplace(weights, n0, count, strip.rows);
    const auto row_at = [&](int position) {
      return rounding.row_order.empty() ? position : rounding.row_order[static_cast<std::size_t>(position)];
    };
    for (int position = layer.K - 1; position >= 0; --position) {
      const int k = row_at(position);
      const double* const a = &columns_of_a[static_cast<std::size_t>(k) * M + m0];
      weights.row(k, n0, count, w.data());
      strip.add(a, w.data());
      if (terms) terms->add(position, k, row_at(std::max(0, position - 1)), a, strip.y);
      if (starts.empty() || std::find(starts.begin(), starts.end(), position) == starts.end()) continue;
      if (rounding.narrow_sums) strip.hand_over();
      if (terms) terms->hand_over(strip.y);
    }
    store(strip, m0, n0, count, bias, rounding.grouped, out);
    if (terms) terms->store(m0, strip, layer.N, *kept);
  });
  return out;
}

std::vector<double> expected_weights(const Layer& layer, int k_begin, int k_end) {
  const LayerWeights weights(layer);
  std::vector<double> out(static_cast<std::size_t>(k_end - k_begin) * layer.N);
  for_each_index(k_end - k_begin,
                 [&](int i) { weights.row(k_begin + i, 0, layer.N, &out[static_cast<std::size_t>(i) * layer.N]); });
  return out;
}

WeightParts expected_parts(const Layer& layer, int k, int n) { return LayerWeights(layer).parts(k, n); }
WeightParts expected_group(const Layer& layer, int group, int n) { return LayerWeights(layer).of_group(group, n); }

}  // namespace w4::cases::judge
