// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/kernel/lane_model/known_layer.h"

#include "fixtures/half.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace w4::tests {

namespace {

/// Numbers that do not depend on the standard library's distributions.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : engine_(seed) {}
  int below(int bound) { return static_cast<int>(engine_() % static_cast<std::uint64_t>(bound)); }
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  double bell() { return uniform() + uniform() + uniform() + uniform() - 2.0; }  // near normal, sigma 0.58

 private:
  std::mt19937_64 engine_;
};

int padded(int extent) { return (extent + 63) / 64 * 64; }

std::size_t at(int row, int cols, int col) { return static_cast<std::size_t>(row) * cols + col; }

std::uint32_t put(int code, int slot) { return static_cast<std::uint32_t>(code) << (4 * slot); }

/// The words of design.md, section 3, one code after the other.
Grid<std::uint32_t> words_of(const Known& known, int K, int N) {
  const auto code = [&](int k, int n) {
    return k < known.spec.K && n < known.spec.N ? known.codes[at(k, known.spec.N, n)] : 8;
  };
  return Grid<std::uint32_t>::made(K / 16, 2 * N, [&](std::span<std::uint32_t> words) {
    for (int row = 0; row < K / 16; ++row)
      for (int column = 0; column < 2 * N; ++column) {
        const int tile = column / 128, lane = column % 128 / 4, j = column % 4;
        std::uint32_t word = 0;
        for (int b = 0; b < 8; ++b) {
          const int e = 2 * (b % 4) + b / 4;
          const int k = 2 * (lane % 4) + e % 2 + 8 * (e / 2 % 2), n = 16 * j + lane / 4 + 8 * (e / 4);
          word |= put(code(16 * row + k, 64 * tile + n), b);
        }
        words[at(row, 2 * N, column)] = word;
      }
  });
}

int grouped_column(int p) { return p / 64 * 64 + p % 64 / 8 + 8 * (p % 8); }
int single_column(int p) { return p / 32 * 32 + 2 * (p % 32 / 8) + p % 8 % 2 + 8 * (p % 8 / 2); }

}  // namespace

double Known::weight(int k, int n) const {
  const std::size_t g = at(group_of(k), spec.N, n);
  return value_of(scales[g], spec.dtype) * static_cast<double>(codes[at(k, spec.N, n)] - zeros[g]);
}

Known known_layer(const KnownSpec& spec) {
  Draw draw(spec.seed);
  Known known{.spec = spec, .group_size = spec.group_size == -1 ? spec.K : spec.group_size};
  const int groups = spec.K / known.group_size;
  for (int i = 0; i < spec.K * spec.N; ++i)
    known.codes.push_back(std::clamp(static_cast<int>(std::lround(7.5 + 5.0 * draw.bell())), 0, 15));
  for (int i = 0; i < groups * spec.N; ++i) {
    known.zeros.push_back(spec.symmetric ? 8 : draw.below(16));
    const double scale = spec.exact ? std::ldexp(1.0, -draw.below(2)) : 0.002 + 0.02 * draw.uniform();
    known.scales.push_back(bits_of(static_cast<float>(scale), spec.dtype));
  }
  known.perm.resize(static_cast<std::size_t>(spec.K));
  std::iota(known.perm.begin(), known.perm.end(), 0);
  for (int i = spec.K - 1; spec.act_order && i > 0; --i) std::swap(known.perm[i], known.perm[draw.below(i + 1)]);
  for (int n = 0; spec.bias && n < spec.N; ++n)
    known.bias.push_back(bits_of(static_cast<float>(spec.exact ? 1 + draw.below(31) : draw.bell()), spec.dtype));
  // Exact: one activation in 16 is -1, 0 or 1, so that bf16 holds every partial sum as well.
  std::vector<std::uint16_t> a;
  for (int i = 0; i < spec.M * spec.K; ++i) {
    const double small = draw.below(16) == 0 ? draw.below(3) - 1 : 0;
    a.push_back(bits_of(static_cast<float>(spec.exact ? small : 2.0 * draw.bell()), spec.dtype));
  }
  known.A = Grid<std::uint16_t>(spec.M, spec.K, a);
  return known;
}

repack::Packed packed_by_hand(const Known& known) {
  const KnownSpec& spec = known.spec;
  repack::Packed packed;
  packed.K = padded(spec.K);
  packed.N = padded(spec.N);
  packed.stored_K = spec.K;
  packed.stored_N = spec.N;
  packed.group_size = known.group_size;
  packed.dtype = spec.dtype;
  packed.words = words_of(known, packed.K, packed.N);
  const int groups = packed.groups(), stored_groups = spec.K / known.group_size, N = packed.N;
  packed.scales = Grid<std::uint16_t>::made(groups, N, [&](std::span<std::uint16_t> scales) {
    for (int g = 0; g < groups; ++g)
      for (int p = 0; p < N; ++p) {
        const int n = groups == 1 ? single_column(p) : grouped_column(p);
        scales[at(g, N, p)] = g < stored_groups && n < spec.N ? known.scales[at(g, spec.N, n)] : 0;
      }
  });
  constexpr int kInterleave[] = {0, 2, 4, 6, 1, 3, 5, 7};
  if (!spec.symmetric)
    packed.zeros = Grid<std::uint32_t>::made(groups, N / 8, [&](std::span<std::uint32_t> zeros) {
      for (int g = 0; g < groups; ++g)
        for (int c = 0; c < N / 8; ++c) {
          std::uint32_t word = 0;
          for (int i = 0; i < 8; ++i) {
            const int n = grouped_column(8 * c + kInterleave[i]);
            word |= put(g < stored_groups && n < spec.N ? known.zeros[at(g, spec.N, n)] : 8, i);
          }
          zeros[at(g, N / 8, c)] = word;
        }
    });
  if (spec.act_order) packed.perm = Grid<std::int32_t>(1, spec.K, known.perm);
  if (spec.bias) packed.bias = Grid<std::uint16_t>(1, spec.N, known.bias);
  return packed;
}

kernel::Task task_of(const Known& known, const kernel::Launch& launch) {
  return {.A = known.A, .packed = packed_by_hand(known), .launch = launch};
}

namespace {

/// (N, K)
std::vector<double> weights_of(const Known& known) {
  std::vector<double> weights;
  for (int n = 0; n < known.spec.N; ++n)
    for (int k = 0; k < known.spec.K; ++k) weights.push_back(known.weight(k, n));
  return weights;
}

/// (M, K), what each row of W meets.
std::vector<double> activations_of(const Known& known) {
  std::vector<double> a;
  for (int m = 0; m < known.spec.M; ++m)
    for (const int column : known.perm) a.push_back(value_of(known.A(m, column), known.spec.dtype));
  return a;
}

struct Bound {
  double want;
  double sigma;
  double rest;
};

/// numerics.md. `slices`: of the column, from k = 0 up; empty when partial sums are handed over in 32 bits. `a` and
/// `w`: the row of A and the column of W, (K) each.
Bound bound_at(const Known& known, int n, const double* a, const double* w, const std::vector<kernel::Slice>& slices) {
  const KnownSpec& spec = known.spec;
  double sum = 0.0, squares = 0.0, partials = 0.0;
  std::size_t next = slices.size();
  for (int k = spec.K - 1; k >= 0; --k) {  // from the bottom up, as slices hand over
    const double product = a[k] * w[k];
    sum += product;
    squares += product * product;
    if (next > 1 && k == slices[next - 1].k_begin) {
      partials += sum * sum;
      --next;
    }
  }
  const double u = spec.dtype == DType::fp16 ? 0x1p-11 : 0x1p-8;
  const bool grouped = known.group_size < spec.K;
  const double y = sum + known.bias_at(n);
  const double before_scale = grouped ? 0.0 : sum * sum;
  const double S = static_cast<double>(std::max<std::size_t>(1, slices.size()));
  return {.want = y,
          .sigma = 0.425 * u * std::sqrt((grouped ? squares : 0.0) + partials + before_scale + y * y),
          .rest = 0x1p-23 * (spec.K / 16.0) * (std::sqrt(squares) + std::abs(y)) +
                  (spec.dtype == DType::fp16 ? 0x1p-25 * (1 + S) : 0.0)};
}

}  // namespace

Distance distance(const Known& known, const kernel::Task& task, const Grid<std::uint16_t>& C) {
  const std::vector<double> weights = weights_of(known), a = activations_of(known);
  Distance found;
  double squares = 0.0;
  std::vector<kernel::Slice> slices;
  const int thread_n = task.launch.block_tile.thread_n;
  for (int problem = 0; problem * 64 < known.spec.M; ++problem)
    for (int n = 0; n < known.spec.N; ++n) {
      if (n % thread_n == 0 && task.launch.reduce_bits == 16)
        slices = kernel::lane_model::slices_of(task, problem, n / thread_n);
      for (int m = 64 * problem; m < std::min(known.spec.M, 64 * problem + 64); ++m) {
        const Bound bound = bound_at(known, n, &a[at(m, known.spec.K, 0)], &weights[at(n, known.spec.K, 0)], slices);
        const double error = std::abs(value_of(C(m, n), known.spec.dtype) - bound.want);
        const double z = error <= bound.rest ? 0.0 : (error - bound.rest) / bound.sigma;
        if (!(error <= 8.0 * bound.sigma + bound.rest)) ++found.beyond;
        found.max_z = std::isnan(z) ? std::numeric_limits<double>::infinity() : std::max(found.max_z, z);
        squares += z * z;
      }
    }
  found.rms_z = std::sqrt(squares / static_cast<double>(C.size()));
  return found;
}

std::vector<double> exact_product(const Known& known) {
  const KnownSpec& spec = known.spec;
  const std::vector<double> weights = weights_of(known), a = activations_of(known);
  std::vector<double> product;
  for (int m = 0; m < spec.M; ++m)
    for (int n = 0; n < spec.N; ++n)
      product.push_back(
          std::inner_product(&a[at(m, spec.K, 0)], &a[at(m, spec.K, 0)] + spec.K, &weights[at(n, spec.K, 0)], 0.0) +
          known.bias_at(n));
  return product;
}

std::string case_of(const Known& known, const kernel::Launch& launch) {
  const KnownSpec& s = known.spec;
  return fmt::format("M{}_K{}_N{}_g{}_{}{}{}_{}_s{} tile{}x{} blocks{} reduce{}", s.M, s.K, s.N, s.group_size,
                     s.symmetric ? "sym" : "asym", s.act_order ? "_act" : "", s.bias ? "_bias" : "",
                     s.dtype == DType::fp16 ? "fp16" : "bf16", s.seed, launch.block_tile.thread_k,
                     launch.block_tile.thread_n, launch.thread_blocks, launch.reduce_bits);
}

}  // namespace w4::tests
