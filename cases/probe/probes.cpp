// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/probes.h"

#include "fixtures/error.h"
#include "fixtures/half.h"
#include "fixtures/layer/codes.h"
#include "fixtures/layer/cut.h"
#include "fixtures/random/counter_random.h"
#include "repack/plain_layer.h"

#include <algorithm>
#include <cmath>

namespace w4::cases::probe {
namespace {

using fixtures::Layer;
using fixtures::PlainLayer;
using fixtures::random::RandomStream;

constexpr ProbeKind kKinds[] = {
    {"case", "the failure itself, its return code, what is never written, and whether launches differ",
     "which part of the data path it comes from"},
    {"bias", "what is added to a product of zero: the bias, and C as it was", "all that is multiplied"},
    {"codes", "which codes are used where (scales 1, zero points 8)", "scales, zero points, rounding"},
    {"zero_points", "which zero points are used where (codes 8, scales 1)", "codes, scales, rounding"},
    {"scales", "which scales are used where (codes 9, zero points 8)", "the order of codes, rounding"},
    {"filled", "whether sums are added onto what C holds (zeros before the launch)", "elements that are never written"},
    {"rows", "the same layer with other numbers of rows of A", "which part of the data path it comes from"},
    {"thread_blocks", "the same case cut into other stripes and slices", "all that does not depend on slices"},
    {"identity", "the weights that are effectively used, W_eff, one by one", "sums: their range, order and rounding"},
};

constexpr std::uint64_t kSeed = 20, kCodes = 1, kScales = 2, kZeros = 3, kSigns = 4;  // streams
constexpr int kMostLaunchesOfPart = 8;                                                // of one part
constexpr int kSmallScales = 15;                                                      // 1..15
constexpr std::uint8_t kUnitCode = 9;                                                 // its weight is one scale

std::uint16_t one(DType dtype) { return bits_of(1.0f, dtype); }

/// Ones and minus ones in a row of A whose sums seldom leave the integers that the type holds exactly.
int terms_of_row(DType dtype) { return dtype == DType::bf16 ? 32 : 128; }

/// Row m has its ones at k = m, m + rows, m + 2 rows, ...: every k is met once. A whole number of launches of M rows.
Grid<std::uint16_t> comb(int K, DType dtype, int M) {
  const int wanted = (K + terms_of_row(dtype) - 1) / terms_of_row(dtype);
  const int rows = M * std::min(kMostLaunchesOfPart, (wanted + M - 1) / M);
  const RandomStream signs(kSeed, kSigns);
  return Grid<std::uint16_t>::from(rows, K, [&](int m, int k) {
    const float sign = signs.below(2, static_cast<std::uint64_t>(k)) == 0 ? 1.0f : -1.0f;
    return bits_of(k % rows == m ? sign : 0.0f, dtype);
  });
}

template <class T>
Grid<T> everywhere(const Grid<T>& like, T value) {
  return Grid<T>::filled(like.rows(), like.cols(), value);
}

template <class T, class Value>
Grid<T> drawn(const Grid<T>& like, std::uint64_t stream, int count, Value value) {
  const RandomStream random(kSeed, stream);
  return Grid<T>::from(like.rows(), like.cols(),
                       [&, i = std::uint64_t{0}](int, int) mutable { return value(random.below(count, i++)); });
}

Grid<std::uint16_t> rows_of(const Grid<std::uint16_t>& A, int first, int count) {
  return Grid<std::uint16_t>::from(count, A.cols(), [&](int m, int k) { return A(first + m, k); });
}

/// Codes 9, zero points 8, scales 1: what a probe then changes. A bias is zero and still there: without one the kernel
/// might take another path, or none.
PlainLayer blank(const Layer& layer) {
  PlainLayer plain = repack::plain_layer_of(layer);
  plain.codes = everywhere(plain.codes, kUnitCode);
  plain.zeros = everywhere(plain.zeros, static_cast<std::uint8_t>(kSymmetricZero));
  plain.scales = everywhere(plain.scales, one(layer.dtype));
  plain.bias = everywhere(plain.bias, bits_of(0.0f, layer.dtype));
  return plain;
}

PlainLayer random_codes(const Layer& layer) {
  PlainLayer plain = blank(layer);
  plain.codes = drawn(plain.codes, kCodes, 16, [](int code) { return static_cast<std::uint8_t>(code); });
  return plain;
}

PlainLayer random_scales(const Layer& layer) {
  PlainLayer plain = blank(layer);
  plain.scales = drawn(plain.scales, kScales, kSmallScales,
                       [&](int i) { return bits_of(static_cast<float>(i + 1), layer.dtype); });
  return plain;
}

/// A symmetric layer that stores zero points gets others, which it must not feel.
Layer random_zeros(const Layer& layer) {
  PlainLayer plain = blank(layer);
  plain.codes = everywhere(plain.codes, static_cast<std::uint8_t>(kSymmetricZero));
  if (!layer.symmetric)
    plain.zeros = drawn(plain.zeros, kZeros, 16, [](int zero) { return static_cast<std::uint8_t>(zero); });
  Layer stored = repack::stored_like(layer, plain);
  if (layer.symmetric && layer.qzeros && layer.qzeros->dtype == DType::i32) {
    const auto words = fixtures::files::grid_of<std::uint32_t>(*layer.qzeros);
    const RandomStream random(kSeed, kZeros);
    const auto other = words.mapped(
        [&, i = std::uint64_t{0}](std::uint32_t) mutable { return static_cast<std::uint32_t>(random.bits(i++)); });
    stored.qzeros = fixtures::files::tensor_of(layer.qzeros->name, layer.qzeros->dtype, other);
  }
  return stored;
}

/// The layer behind a chain of cuts, and the chain: a probe of the whole is cut anew each time, because a wrong cut
/// takes what the right one does not hold.
struct Root {
  Layer whole;
  std::vector<fixtures::Cut> cuts;  // from the first cut to the last
  std::shared_ptr<const Layer> cut(const Layer& probed) const {
    return std::make_shared<const Layer>(fixtures::cut_of(probed, cuts));
  }
};

Root root_of(const Layer& layer) {
  if (!layer.cut_from) return {layer, {}};
  Root root = root_of(layer.cut_from->whole);
  root.cuts.push_back(layer.cut_from->cut);
  return root;
}

/// 2^round(log2(scale)), with its sign; 0 stays 0.
std::uint16_t nearest_power(std::uint16_t bits, DType dtype) {
  const float scale = value_of(bits, dtype);
  if (scale == 0 || !std::isfinite(scale)) return bits;
  return bits_of(std::copysign(std::exp2(std::round(std::log2(std::abs(scale)))), scale), dtype);
}

}  // namespace

std::shared_ptr<const Layer> unit_layer(const Layer& layer) {
  const Root root = root_of(layer);
  return root.cut(repack::stored_like(root.whole, blank(root.whole)));
}

std::shared_ptr<const Layer> power_scaled_layer(const Layer& layer) {
  const Root root = root_of(layer);
  PlainLayer plain = repack::plain_layer_of(root.whole);
  plain.scales = plain.scales.mapped([&](std::uint16_t bits) { return nearest_power(bits, layer.dtype); });
  return root.cut(repack::stored_like(root.whole, plain));
}

std::span<const ProbeKind> probe_kinds() { return kKinds; }

const ProbeKind& probe_kind(std::string_view id) {
  for (const ProbeKind& kind : kKinds)
    if (id == kind.id) return kind;
  throw Error(kBadInput, fmt::format("no probe is called {}", id));
}

Grid<std::uint16_t> identity_rows(int first, int rows, int K, DType dtype) {
  return Grid<std::uint16_t>::from(rows, K, [&](int m, int k) { return k == first + m ? one(dtype) : 0; });
}

std::vector<Probe> case_probes(const Prepared& prepared, const kernel::Launch& launch, int launches) {
  const auto layer = std::make_shared<const Layer>(prepared.layer);
  std::vector<Probe> probes;
  for (int i = 0; i < launches; ++i) {
    probes.push_back({&probe_kind("case"), {layer, prepared.A, launch}});
    probes.back().question.launch.number = static_cast<std::uint64_t>(i);
  }
  return probes;
}

Probe filled_probe(const Prepared& prepared, const kernel::Launch& launch) {
  Probe probe{&probe_kind("filled"), {std::make_shared<const Layer>(prepared.layer), prepared.A, launch}};
  probe.question.launch.fill = bits_of(0.0f, prepared.layer.dtype);
  return probe;
}

std::vector<Probe> part_probes(const Prepared& prepared, const kernel::Launch& launch) {
  const Layer& layer = prepared.layer;
  const Root root = root_of(layer);
  const int M = prepared.A.rows();
  const Grid<std::uint16_t> A = comb(layer.K, layer.dtype, M);
  std::vector<Probe> probes = {
      {&probe_kind("bias"),
       {std::make_shared<const Layer>(layer), Grid<std::uint16_t>::filled(M, layer.K, 0), launch}}};
  const auto add = [&](const char* id, const std::shared_ptr<const Layer>& probed) {
    for (int first = 0; first < A.rows(); first += M)
      probes.push_back({&probe_kind(id), {probed, rows_of(A, first, M), launch}, true});
  };
  add("codes", root.cut(repack::stored_like(root.whole, random_codes(root.whole))));
  if (!layer.symmetric || layer.qzeros) add("zero_points", root.cut(random_zeros(root.whole)));
  add("scales", root.cut(repack::stored_like(root.whole, random_scales(root.whole))));
  return probes;
}

}  // namespace w4::cases::probe
