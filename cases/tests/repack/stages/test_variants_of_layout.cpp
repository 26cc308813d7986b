// SPDX-License-Identifier: Apache-2.0
// Wrong ways that put what is right where it does not belong: what lands where, from their own definitions.

#include "cases/tests/repack/made_layer.h"

#include <doctest/doctest.h>

namespace w4::repack_tests {
namespace {

using repack::Weights;

TEST_CASE("config-flag-lost: one group with the scales of the first and rows as stored") {
  const Made m = made({.K = 256, .N = 128, .group_size = 64, .symmetric = false, .act_order = true});
  const Weights w = chain(m.layer, {{"checkpoint", "config-flag-lost"}}).at(StageId::scales);
  CHECK(w.kernel_group_size == 256);
  CHECK(w.scales.rows() == 1);
  CHECK(w.column_order.empty());
  for (int n = 0; n < 128; ++n) {
    CHECK(w.scales(0, n) == m.plain.scales(0, n));
    CHECK(w.kernel_zeros(0, n) == m.plain.zeros(0, n));
  }
}

TEST_CASE("concat-axis: the bytes of two halves below each other are read as if they lay beside each other") {
  constexpr int kGroups = 4, kN = 128;
  for (const Format format : {Format::gptq, Format::compressed_tensors}) {
    const Made m = made({.format = format, .K = 256, .N = kN, .group_size = 64});
    const auto right = [&](int half, int g, int n) { return m.plain.scales(g, half * kN / 2 + n); };
    std::vector<std::uint16_t> bytes;
    if (format == Format::gptq)  // (groups, N/2) of one half, then of the other
      for (int half = 0; half < 2; ++half)
        for (int g = 0; g < kGroups; ++g)
          for (int n = 0; n < kN / 2; ++n) bytes.push_back(right(half, g, n));
    else  // (N/2, groups): a row of one half, then a row of the other
      for (int n = 0; n < kN / 2; ++n)
        for (int half = 0; half < 2; ++half)
          for (int g = 0; g < kGroups; ++g) bytes.push_back(right(half, g, n));
    const auto scales = chain(m.layer, {{"checkpoint", "concat-axis"}}).at(StageId::checkpoint).stored_scales;
    CHECK(std::vector(scales.cells().begin(), scales.cells().end()) == bytes);
  }
}

TEST_CASE("zp-perm-missing: slots hold natural columns and those of an interleaved eight") {
  const Made m = made({.K = 256, .N = 128, .group_size = 64, .symmetric = false});
  constexpr int kInterleaved[] = {0, 2, 4, 6, 1, 3, 5, 7};
  const auto natural = chain(m.layer, {{"scale_order", "natural"}}).at(StageId::scale_order);
  const auto interleaved = chain(m.layer, {{"scale_order", "interleaved"}}).at(StageId::scale_order);
  for (int g = 0; g < 4; ++g)
    for (int n = 0; n < 128; ++n) {
      CHECK(int(natural.ordered_zeros(g, n / 8) >> 4 * (n % 8) & 15) == m.plain.zeros(g, n));
      CHECK(int(interleaved.ordered_zeros(g, n / 8) >> 4 * (n % 8) & 15) ==
            m.plain.zeros(g, n / 8 * 8 + kInterleaved[n % 8]));
    }
}

TEST_CASE("concat-order: every tensor of the second and third projection changes places") {
  constexpr int kBlock = 64, kN = 3 * kBlock;
  for (const Format format : {Format::gptq, Format::awq, Format::pair_packed, Format::compressed_tensors}) {
    Spec spec{.format = format, .K = 128, .N = kN, .group_size = 64, .symmetric = false};
    if (format == Format::pair_packed) spec.dtype = DType::bf16;
    const Made m = made(spec);
    const auto values = chain(m.layer, {{"checkpoint", "concat-order"}});
    const auto from = [](int n) { return n < kBlock ? n : kBlock + (n - kBlock + kBlock) % (2 * kBlock); };
    CHECK(values.at(StageId::codes).codes ==
          Grid<std::uint8_t>::from(128, kN, [&](int k, int n) { return m.plain.codes(k, from(n)); }));
    CHECK(values.at(StageId::zero_points).zeros ==
          Grid<std::uint8_t>::from(2, kN, [&](int g, int n) { return m.plain.zeros(g, from(n)); }));
    CHECK(values.at(StageId::scales).scales ==
          Grid<std::uint16_t>::from(2, kN, [&](int g, int n) { return m.plain.scales(g, from(n)); }));
    CHECK(values.at(StageId::scales).bias ==
          Grid<std::uint16_t>::from(1, kN, [&](int, int n) { return m.plain.bias(0, from(n)); }));
  }
}

TEST_CASE("nibble-split-vs-interleave: the low halves of 16 bytes come first and then the high ones") {
  for (const Format format : {Format::gptq, Format::pair_packed, Format::compressed_tensors}) {
    Spec spec{.format = format, .K = 80, .N = 64, .group_size = 80};
    if (format == Format::pair_packed) spec.dtype = DType::bf16;
    const Made m = made(spec);
    const auto codes = chain(m.layer, {{"codes", "nibble-split-vs-interleave"}}).at(StageId::codes).codes;
    std::vector<int> rows;
    for (const int block : {0, 32})
      for (const int half : {0, 1})
        for (int byte = 0; byte < 16; ++byte) rows.push_back(block + 2 * byte + half);
    for (int k = 64; k < 80; ++k) rows.push_back(k);
    for (int k = 0; k < 80; ++k)
      for (int n = 0; n < 64; ++n) CHECK(codes(k, n) == m.plain.codes(rows[static_cast<std::size_t>(k)], n));
  }
}

/// The published preprocessing, step by step: rows permuted in 32s (the map that its comment prints), the matrix
/// turned, four columns interleaved every 64 rows, the odd codes of a word put behind the even ones.
std::vector<std::uint32_t> preprocessed(const Grid<std::uint8_t>& codes) {
  constexpr int kRowMap[] = {0, 1, 8,  9,  16, 17, 24, 25, 2, 3, 10, 11, 18, 19, 26, 27,
                             4, 5, 12, 13, 20, 21, 28, 29, 6, 7, 14, 15, 22, 23, 30, 31};
  const int K = codes.rows(), words_of_column = K / 8;
  std::vector<std::uint32_t> out;
  for (int four = 0; four < codes.cols(); four += 4)
    for (int step = 0; step < words_of_column; step += 8)
      for (int n = four; n < four + 4; ++n)
        for (int v = step; v < step + 8; ++v) {
          std::uint32_t word = 0;
          for (int i = 0; i < 8; ++i) {
            const int row = 8 * v + i, slot = i % 2 == 0 ? i / 2 : 4 + i / 2;
            word |= std::uint32_t{codes(row / 32 * 32 + kRowMap[row % 32], n)} << (4 * slot);
          }
          out.push_back(word);
        }
  return out;
}

TEST_CASE("layout-variant-arch: the words are those of the published preprocessing for sm_80") {
  const Made m = made({.K = 192, .N = 128, .group_size = 64});
  const auto packed = chain(m.layer, {{"fragments", "layout-variant-arch"}}).at(StageId::fragments).packed;
  CHECK(std::vector(packed.cells().begin(), packed.cells().end()) == preprocessed(m.plain.codes));
}

}  // namespace
}  // namespace w4::repack_tests
