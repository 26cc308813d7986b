// SPDX-License-Identifier: Apache-2.0
#include "cases/proof/rounding_kernels.h"

#include "cases/judge/rounding_terms.h"
#include "fixtures/half.h"
#include "fixtures/parallel.h"
#include "kernel/lane_model/rounding.h"
#include "repack/packed.h"

#include <algorithm>
#include <numeric>

namespace w4::cases::proof {
namespace {

using judge::EndRounding;
using judge::SumRounding;
using judge::WeightRounding;
using kernel::lane_model::rounded;
using Adding = RoundingWay::Adding;
using Row = std::vector<float>;

constexpr RoundingWay kWays[] = {
    {"fp32 throughout", {WeightRounding::unrounded}},
    {"weights rounded once", {WeightRounding::once}},
    {"scale * code - scale * zero point, each rounded", {WeightRounding::products}},
    {"scale * code + rounded scale * zero point, fused", {WeightRounding::products}, Adding::serial, 1, true},
    {"sums of groups in 16 bits, then scaled", {WeightRounding::group_sums}},
    {"two products in 16 bits, of codes and of zero points", {WeightRounding::folded}},
    {"4 slices handed over in 16 bits", {WeightRounding::once, SumRounding::any_cuts, 3}},
    {"8 slices handed over in 16 bits, unrounded weights", {WeightRounding::unrounded, SumRounding::any_cuts, 7}},
    {"4 slices added atomically in 16 bits", {WeightRounding::once, SumRounding::any_cuts, 3}, Adding::atomic},
    {"chains of 8 in 16 bits", {WeightRounding::once, SumRounding::chains, 8}},
    {"chains of 32 in two interleaved halves", {WeightRounding::once, SumRounding::chains, 32}, Adding::interleaved},
    {"fp16 mma flushed every 32 rows", {WeightRounding::once, SumRounding::chains, 32}, Adding::serial, 16},
    {"chains of 8 in 16 bits on fused weights",
     {WeightRounding::products, SumRounding::chains, 8},
     Adding::serial,
     1,
     true},
    {"sum rounded before the scale, handed over in 16 bits",
     {WeightRounding::unrounded, SumRounding::any_cuts, 5, EndRounding::before_scale}},
    {"rounded before the bias", {WeightRounding::once, SumRounding::wide, 0, EndRounding::before_bias}},
};

/// The layer as a kernel reads it from packed tensors, in the order in which it sums.
struct Read {
  int K, N;
  DType dtype;
  std::vector<int> order;   // rows of K as stored, group after group
  std::vector<int> groups;  // of stored rows
  repack::Unpacked parts;
  bool one_group;

  explicit Read(const kernel::Task& task)
      : K(task.packed.stored_K),
        N(task.packed.stored_N),
        dtype(task.packed.dtype),
        order(static_cast<std::size_t>(K)),
        groups(static_cast<std::size_t>(K)),
        parts(repack::unpack(task.packed)),
        one_group(task.packed.one_group()) {
    std::iota(order.begin(), order.end(), 0);
    if (!task.packed.perm.empty()) std::copy_n(task.packed.perm.cells().begin(), K, order.begin());
    const int size = one_group ? K : task.packed.group_size;
    for (int place = 0; place < K; ++place)
      groups[static_cast<std::size_t>(order[static_cast<std::size_t>(place)])] = place / size;
  }
  float scale(int k, int n) const { return value_of(parts.scales(groups[static_cast<std::size_t>(k)], n), dtype); }
  float zero(int k, int n) const {
    return parts.zeros.empty() ? 8.0f : static_cast<float>(parts.zeros(groups[static_cast<std::size_t>(k)], n));
  }
};

/// The factor of a in the sum, (K, N) by stored row.
std::vector<float> factors_of(const RoundingWay& way, const Read& layer) {
  std::vector<float> factors(static_cast<std::size_t>(layer.K) * layer.N);
  for_each_index(layer.K, [&](int k) {
    for (int n = 0; n < layer.N; ++n) {
      const float s = layer.scale(k, n), z = layer.zero(k, n), q = layer.parts.codes(k, n);
      float& factor = factors[static_cast<std::size_t>(k) * layer.N + n];
      switch (way.rounding.weights) {
        case WeightRounding::unrounded: factor = layer.one_group ? q - z : s * (q - z); break;
        case WeightRounding::once: factor = rounded(s * (q - z), layer.dtype); break;
        case WeightRounding::group_sums: factor = q - z; break;
        case WeightRounding::folded: factor = rounded(s * q, layer.dtype); break;
        case WeightRounding::products: {
          const float product = way.fused ? s * q : rounded(s * q, layer.dtype);
          factor = rounded(product - rounded(s * z, layer.dtype), layer.dtype);
        }
      }
    }
  });
  return factors;
}

/// One row of C, before scale of one group and bias.
class RowSum {
 public:
  RowSum(const RoundingWay& way, const Read& layer, const std::vector<float>& factors, const float* a)
      : way_(way), layer_(layer), factors_(factors), a_(a) {}

  Row sum() const {
    if (way_.rounding.weights == WeightRounding::group_sums) return by_groups();
    Row total = way_.rounding.sums == SumRounding::chains ? by_chains() : by_slices();
    if (way_.rounding.weights == WeightRounding::folded) subtract_zeros(total);
    return total;
  }

 private:
  float round(float value) const { return rounded(value, layer_.dtype); }
  void add(int place, Row& sums) const {
    const int k = layer_.order[static_cast<std::size_t>(place)];
    const float a = a_[k];
    std::transform(sums.begin(), sums.end(), &factors_[static_cast<std::size_t>(k) * layer_.N], sums.begin(),
                   [a](float sum, float w) { return sum + a * w; });
  }
  Row zeros() const { return Row(static_cast<std::size_t>(layer_.N)); }
  void round_all(Row& row) const {
    std::ranges::transform(row, row.begin(), [&](float value) { return round(value); });
  }

  Row by_slices() const {
    Row sums = zeros(), total = zeros();
    const bool atomic = way_.adding == Adding::atomic;
    const int roundings = atomic ? 2 : 1;  // of each slice; no thread block takes fewer rows than between two cuts
    const int most = std::max(1, layer_.K / (roundings * judge::kCutEvery));
    const int slices = way_.rounding.sums == SumRounding::wide ? 1 : std::min(way_.rounding.count + 1, most);
    const int rows = (layer_.K + slices - 1) / slices;
    for (int place = 0; place < layer_.K; ++place) {
      if (place > 0 && place % rows == 0) end_slice(atomic, sums, total);
      add(place, sums);
    }
    if (atomic) end_slice(atomic, sums, total);
    return atomic ? total : sums;
  }
  void end_slice(bool atomic, Row& sums, Row& total) const {
    round_all(sums);
    if (!atomic) return;
    for (std::size_t n = 0; n < total.size(); ++n) total[n] = round(total[n] + sums[n]);
    std::ranges::fill(sums, 0.0f);
  }

  Row by_chains() const {
    Row total = zeros(), exact = zeros();
    std::vector<Row> chains(way_.adding == Adding::interleaved ? 2 : 1, zeros());
    for (int place = 0; place < layer_.K; ++place) {
      add(place, exact);
      if ((place + 1) % way_.step == 0 || place + 1 == layer_.K) {
        Row& chain = chains[static_cast<std::size_t>(place) % chains.size()];
        for (std::size_t n = 0; n < chain.size(); ++n) chain[n] = round(chain[n] + exact[n]);
        std::ranges::fill(exact, 0.0f);
      }
      if ((place + 1) % way_.rounding.count != 0 && place + 1 != layer_.K) continue;
      for (Row& chain : chains) {
        std::ranges::transform(total, chain, total.begin(), std::plus<float>());
        std::ranges::fill(chain, 0.0f);
      }
    }
    return total;
  }

  Row by_groups() const {
    Row total = zeros(), group = zeros();
    for (int place = 0; place < layer_.K; ++place) {
      const int k = layer_.order[static_cast<std::size_t>(place)];
      add(place, group);
      const bool last = place + 1 == layer_.K ||
                        layer_.groups[static_cast<std::size_t>(layer_.order[static_cast<std::size_t>(place) + 1])] !=
                            layer_.groups[static_cast<std::size_t>(k)];
      if (!last) continue;
      for (int n = 0; n < layer_.N; ++n) {
        total[static_cast<std::size_t>(n)] += round(group[static_cast<std::size_t>(n)]) * layer_.scale(k, n);
        group[static_cast<std::size_t>(n)] = 0;
      }
    }
    return total;
  }

  void subtract_zeros(Row& total) const {
    Row zeros_sum = zeros();
    for (int k = 0; k < layer_.K; ++k)
      for (int n = 0; n < layer_.N; ++n)
        zeros_sum[static_cast<std::size_t>(n)] += a_[k] * round(layer_.scale(k, n) * layer_.zero(k, n));
    for (std::size_t n = 0; n < total.size(); ++n) total[n] = round(total[n]) - round(zeros_sum[n]);
  }

  const RoundingWay& way_;
  const Read& layer_;
  const std::vector<float>& factors_;
  const float* a_;
};

std::uint16_t finished(const RoundingWay& way, const Read& layer, const kernel::Task& task, float sum, int n) {
  const bool scaled_last = layer.one_group && (way.rounding.weights == WeightRounding::unrounded);
  if (way.rounding.end == EndRounding::before_scale) sum = rounded(sum, layer.dtype);
  if (scaled_last) sum *= layer.scale(0, n);
  if (way.rounding.end == EndRounding::before_bias) sum = rounded(sum, layer.dtype);
  const float bias = task.packed.bias.empty() ? 0.0f : value_of(task.packed.bias(0, n), layer.dtype);
  return bits_of(sum + bias, layer.dtype);
}

}  // namespace

std::span<const RoundingWay> rounding_ways() { return kWays; }

Grid<std::uint16_t> computed(const RoundingWay& way, const kernel::Task& task) {
  const Read layer(task);
  const std::vector<float> factors = factors_of(way, layer);
  std::vector<std::uint16_t> C(static_cast<std::size_t>(task.A.rows()) * layer.N);
  for_each_index(task.A.rows(), [&](int m) {
    std::vector<float> a;
    for (int k = 0; k < layer.K; ++k) a.push_back(value_of(task.A(m, k), layer.dtype));
    const Row sums = RowSum(way, layer, factors, a.data()).sum();
    for (int n = 0; n < layer.N; ++n)
      C[static_cast<std::size_t>(m) * layer.N + n] = finished(way, layer, task, sums[static_cast<std::size_t>(n)], n);
  });
  return Grid<std::uint16_t>(task.A.rows(), layer.N, C);
}

kernel::RunResult RoundingKernel::run(const kernel::Task& task) {
  kernel::RunResult result;
  result.C = computed(way_, task);
  return result;
}

}  // namespace w4::cases::proof
