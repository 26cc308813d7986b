// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/repack/made_layer.h"

#include "fixtures/half.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::repack_tests {

using fixtures::Layer;
using fixtures::PlainLayer;
using fixtures::files::Tensor;
using fixtures::files::tensor_of;

std::uint64_t hashed(std::uint64_t seed, std::uint64_t index) {  // splitmix64
  std::uint64_t x = seed * 0x9E3779B97F4A7C15ull + index * 0xBF58476D1CE4E5B9ull + 1;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

std::string text_of(const Spec& s) {
  std::string text = fmt::format("{} K={} N={} g{} {}{}{}", fixtures::name_of(s.format), s.K, s.N, s.group_size,
                                 s.symmetric ? "sym" : "asym", s.act_order ? " act-order" : "",
                                 s.encoding == ZeroEncoding::plain ? " plain" : "");
  for (const fixtures::Cut& cut : s.cuts) text += fmt::format(" {}", fixtures::text_of(cut));
  return text;
}

namespace {

std::uint8_t zero_at(const Spec& s, int g, int n) {
  if (s.symmetric) return 8;
  if (g == 0 && n < 2) return n == 0 ? 0 : 15;
  return static_cast<std::uint8_t>(hashed(s.seed + 1, static_cast<std::uint64_t>(g) * s.N + n) % 16);
}

std::vector<int> shuffled_groups(const Spec& s) {
  std::vector<int> groups(static_cast<std::size_t>(s.K));
  const int shard = s.K / s.shards;
  for (int k = 0; k < s.K; ++k) groups[static_cast<std::size_t>(k)] = k % shard / s.group_size * s.shards + k / shard;
  for (int k = s.K - 1; k > 0; --k) {
    const std::uint64_t other = hashed(s.seed + 2, k) % static_cast<std::uint64_t>(k % shard + 1);
    std::swap(groups[static_cast<std::size_t>(k)], groups[static_cast<std::size_t>(k / shard * shard) + other]);
  }
  return groups;
}

PlainLayer plain_of(const Spec& s) {
  const int groups = s.K / s.group_size;
  PlainLayer p;
  p.name = "made";
  p.group_size = s.group_size;
  p.symmetric = s.symmetric;
  p.dtype = s.dtype;
  p.codes = Grid<std::uint8_t>::from(s.K, s.N, [&](int k, int n) {
    const auto index = static_cast<std::uint64_t>(k) * s.N + n;
    return s.digit >= 0 ? index >> (4 * s.digit) & 15 : hashed(s.seed, index) & 15;
  });
  p.zeros = Grid<std::uint8_t>::from(groups, s.N, [&](int g, int n) { return zero_at(s, g, n); });
  const int base = s.dtype == DType::fp16 ? 0x1400 : 0x3800;
  p.scales = Grid<std::uint16_t>::from(groups, s.N, [&](int g, int n) { return base + (g * s.N + n) % 0x2000; });
  if (s.act_order) {
    const std::vector<int> order = shuffled_groups(s);
    p.g_idx = Grid<std::int32_t>::from(1, s.K, [&](int, int k) { return order[static_cast<std::size_t>(k)]; });
  }
  p.bias = Grid<std::uint16_t>::from(1, s.N, [&](int, int n) { return base + n; });
  return p;
}

/// A word from the code that each of its eight slots holds.
template <class F>
std::uint32_t word_from(const F& code) {
  std::uint32_t word = 0;
  for (int slot = 0; slot < 8; ++slot) word |= static_cast<std::uint32_t>(code(slot)) << (4 * slot);
  return word;
}

constexpr int kAwqOrder[] = {0, 2, 4, 6, 1, 3, 5, 7};  // as the published converters write it

Tensor qweight_of(const Spec& s, const PlainLayer& p) {
  const auto& codes = p.codes;
  const auto words = [&](int rows, int cols, const auto& code) {
    return tensor_of("qweight", DType::i32, Grid<std::uint32_t>::from(rows, cols, [&](int r, int c) {
                       return word_from([&](int slot) { return code(r, c, slot); });
                     }));
  };
  switch (s.format) {
    case Format::gptq: return words(s.K / 8, s.N, [&](int r, int c, int i) { return codes(8 * r + i, c); });
    case Format::awq: return words(s.K, s.N / 8, [&](int r, int c, int i) { return codes(r, 8 * c + kAwqOrder[i]); });
    case Format::compressed_tensors:
      return words(s.N, s.K / 8, [&](int r, int c, int i) { return codes(8 * c + i, r); });
    case Format::pair_packed: break;
  }
  return tensor_of("qweight", DType::u8, Grid<std::uint8_t>::from(s.K / 2, s.N, [&](int r, int n) {
                     return codes(2 * r, n) | codes(2 * r + 1, n) << 4;
                   }));
}

Tensor qzeros_of(const Spec& s, const PlainLayer& p) {
  const int groups = s.K / s.group_size;
  const auto stored = [&](int g, int n) {
    const int zero = s.stray_zeros ? static_cast<int>(hashed(s.seed + 3, static_cast<std::uint64_t>(n)) % 16)
                                   : static_cast<int>(p.zeros(g, n));
    return s.format == Format::gptq && s.encoding == ZeroEncoding::minus_one ? (zero + 15) % 16 : zero;
  };
  if (s.format == Format::pair_packed)
    return tensor_of("qzeros", DType::bf16, Grid<std::uint16_t>::from(groups, s.N, [&](int g, int n) {
                       return bits_of(static_cast<float>(stored(g, n)), DType::bf16);
                     }));
  if (s.format == Format::compressed_tensors)
    return tensor_of("qzeros", DType::i32, Grid<std::uint32_t>::from(s.N / 8, groups, [&](int c, int g) {
                       return word_from([&](int i) { return stored(g, 8 * c + i); });
                     }));
  return tensor_of(
      "qzeros", DType::i32, Grid<std::uint32_t>::from(groups, s.N / 8, [&](int g, int c) {
        return word_from([&](int i) { return stored(g, 8 * c + (s.format == Format::awq ? kAwqOrder[i] : i)); });
      }));
}

Tensor vector_of(Tensor tensor) {
  tensor.shape = {tensor.shape.back()};
  return tensor;
}

}  // namespace

Made made(const Spec& s) {
  Made m{.plain = plain_of(s), .layer = {}};
  Layer& layer = m.layer;
  layer.name = "made";
  layer.format = s.format;
  layer.zero_encoding = s.format == Format::gptq ? s.encoding : ZeroEncoding::plain;
  layer.K = s.K;
  layer.N = s.N;
  layer.group_size = s.group_size;
  layer.symmetric = s.symmetric;
  layer.dtype = s.dtype;
  layer.qweight = qweight_of(s, m.plain);
  layer.qzeros = qzeros_of(s, m.plain);
  const auto& scales = m.plain.scales;
  const bool turned = s.format == Format::compressed_tensors;
  layer.scales = tensor_of(
      "scales", s.dtype,
      turned ? Grid<std::uint16_t>::from(s.N, scales.rows(), [&](int n, int g) { return scales(g, n); }) : scales);
  if (s.act_order) layer.g_idx = vector_of(tensor_of("g_idx", DType::i32, m.plain.g_idx));
  layer.bias = vector_of(tensor_of("bias", s.dtype, m.plain.bias));
  layer = fixtures::cut_of(layer, s.cuts);
  return m;
}

PlainLayer decoded(const Layer& layer) {
  const auto words = fixtures::files::grid_of<std::uint32_t>(layer.qweight);
  PlainLayer p;
  p.group_size = layer.group_size;
  p.symmetric = layer.symmetric;
  p.dtype = layer.dtype;
  p.codes = Grid<std::uint8_t>::from(layer.K, layer.N, [&](int k, int n) { return code_at(words(k / 8, n), k % 8); });
  p.scales = fixtures::files::grid_of<std::uint16_t>(layer.scales);
  p.zeros = Grid<std::uint8_t>::from(layer.groups(), layer.N, [&](int g, int n) {
    if (layer.symmetric) return 8;
    const int stored = code_at(fixtures::files::grid_of<std::uint32_t>(*layer.qzeros)(g, n / 8), n % 8);
    return layer.zero_encoding == ZeroEncoding::minus_one ? (stored + 1) % 16 : stored;
  });
  if (layer.g_idx) p.g_idx = fixtures::files::grid_of<std::int32_t>(*layer.g_idx);
  return p;
}

std::vector<Spec> all_specs() {
  struct Shape {
    int K, N, group_size;
  };
  // K or N short of 64, 16 and 32 rows too many, groups that end in padding, one group with and without its usual size
  constexpr Shape kShapes[] = {{256, 128, 128}, {256, 64, 256}, {128, 192, 128}, {96, 72, 32}, {48, 64, 48},
                               {384, 136, 64},  {40, 8, 40},    {32, 200, 32},   {512, 64, 32}};
  std::vector<Spec> specs;
  for (const Format format : {Format::gptq, Format::awq, Format::pair_packed, Format::compressed_tensors})
    for (const Shape& shape : kShapes)
      for (const bool symmetric : {true, false}) {
        Spec spec{.format = format, .K = shape.K, .N = shape.N, .group_size = shape.group_size, .symmetric = symmetric};
        if (format == Format::pair_packed) spec.dtype = DType::bf16;
        specs.push_back(spec);
        if (format == Format::gptq) {
          spec.encoding = ZeroEncoding::plain;
          specs.push_back(spec);
        }
        spec.act_order = true;
        spec.digit = symmetric ? -1 : shape.N % 3;
        if (format == Format::gptq || format == Format::compressed_tensors) specs.push_back(spec);
      }
  return specs;
}

std::map<StageId, repack::Weights> chain(const Layer& layer, const repack::Recipe& recipe) {
  std::map<StageId, repack::Weights> values;
  repack::Weights value = repack::weights_of(layer);
  for (const repack::Stage& stage : repack::stages()) {
    const auto entry = recipe.find(name_of(stage.id));
    value = repack::variant_of(stage, entry == recipe.end() ? "reference" : entry->second).apply(value);
    values.emplace(stage.id, value);
  }
  return values;
}

repack::Packed chained(const Layer& layer, const repack::Recipe& recipe) {
  return repack::packed_of(chain(layer, recipe).at(StageId::fragments));
}

bool same(const repack::Packed& a, const repack::Packed& b) {
  return a.K == b.K && a.N == b.N && a.stored_K == b.stored_K && a.stored_N == b.stored_N &&
         a.group_size == b.group_size && a.dtype == b.dtype && a.words == b.words && a.scales == b.scales &&
         a.zeros == b.zeros && a.perm == b.perm && a.bias == b.bias;
}

}  // namespace w4::repack_tests
