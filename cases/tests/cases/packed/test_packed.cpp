// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/cases/chosen_faults.h"
#include "cases/tests/cases/packed/hostile.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>

namespace {

using namespace w4;
using namespace w4::test;
using Rows = std::vector<int>;
using enum StageId;

const std::string kSym = "--case M1_K256_N256_g64_sym_fp16_r_s7", kAsym = "--case M1_K256_N256_g64_asym_fp16_r_s7",
                  kAct = "--case M1_K256_N256_g64_asym_act_fp16_r_s7", kBf16 = "--case M1_K256_N256_g32_sym_bf16_r_s7",
                  kOne = "--case M1_K256_N256_g-1_asym_fp16_r_s7", kPadded = "--case M1_K288_N168_g32_asym_fp16_r_s7",
                  kAwq = "--case M1_K256_N256_g128_asym_awq_fp16_r_s7", kReal = "--m 1",
                  kRealAct = "--fixture up_asym_act --m 1", kCt = "--case M1_K256_N256_g64_asym_ct_fp16_r_s7";

int wrapped(int value) { return value & 15; }

Rows inverse(const Rows& rows) {
  Rows out(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) out[static_cast<std::size_t>(rows[i])] = static_cast<int>(i);
  return out;
}
Rows stored(const Rows& rows) {
  Rows out(rows.size());
  std::iota(out.begin(), out.end(), 0);
  return out;
}
Rows reversed(Rows rows) {
  std::ranges::reverse(rows);
  return rows;
}
Rows rotated(Rows rows, int by) {
  std::rotate(rows.begin(), rows.begin() + by, rows.end());
  return rows;
}

Change all_of(std::vector<Change> changes) {
  return [changes](Weights& w) {
    for (const Change& change : changes) change(w);
  };
}

std::uint16_t as_bf16_bits(int, int, std::uint16_t bits) { return bits_of(value_of(bits, DType::fp16), DType::bf16); }

template <class F>
std::uint16_t of_fp16(std::uint16_t bits, F f) {
  return bits_of(f(value_of(bits, DType::fp16)), DType::fp16);
}
std::uint16_t doubled(std::uint16_t bits) {
  return of_fp16(bits, [](float value) { return 2 * value; });
}
std::uint16_t squared(std::uint16_t bits) {
  return of_fp16(bits, [](float value) { return value * value; });
}

int scattered(int i, int count) { return (i * 37 + 11) % count; }  // 37 is prime to powers of two

std::vector<Hostile> packers() {
  const auto tile_rows_zero = words_to([](int r, int, std::uint32_t word) { return r >= 12 ? 0 : word; });
  return {
      // codes: tables
      {"codes + 1 clipped",
       kSym,
       {{codes, codes_to([](int c) { return std::min(c + 1, 15); })}},
       {{"codes", "codes + 1, clipped at 15"}}},
      {"codes - 1 clipped",
       kReal,
       {{codes, codes_to([](int c) { return std::max(c - 1, 0); })}},
       {{"codes", "codes - 1, clipped at 0"}}},
      {"codes + 1 wrapped",
       kAsym,
       {{codes, codes_to([](int c) { return wrapped(c + 1); })}},
       {{"codes", "codes + 1, wrapped at 15"}}},
      {"codes xor 8", kReal, {{codes, codes_to([](int c) { return c ^ 8; })}}, {{"codes", "code-twos-complement"}}},
      {"codes inverted", kBf16, {{codes, codes_to([](int c) { return 15 - c; })}}, {{"codes", "15 - codes"}}},
      {"bits of codes reversed",
       kAct,
       {{codes, codes_to([](int c) { return (c & 1) << 3 | (c & 2) << 1 | (c & 4) >> 1 | c >> 3; })}},
       {{"codes", "codes with reversed bits"}}},
      {"codes doubled",
       kSym,
       {{codes, codes_to([](int c) { return wrapped(2 * c); })}},
       {{"codes", "codes * 2, wrapped"}}},
      {"codes cut at 14",
       kAwq,
       {{codes, codes_to([](int c) { return std::min(c, 14); })}},
       {{"codes", "codes clipped at 14"}}},
      {"a table of codes",
       kOne,
       {{codes, codes_to([](int c) { return c == 3   ? 5
                                            : c == 5 ? 3
                                                     : c; })}},
       {{"codes", "codes with 3 as 5, 5 as 3"}}},
      // codes: slots, axes, strides
      {"nibbles swapped",
       kSym,
       {{codes, codes_from([](int k, int n) { return std::pair(k ^ 1, n); })}},
       {{"codes", "slots of a word are read in the order 1 0 3 2 5 4 7 6"}}},
      {"slots reversed",
       kAct,
       {{codes, codes_from([](int k, int n) { return std::pair(k ^ 7, n); })}},
       {{"codes", "slots of a word are read in the order 7 6 5 4 3 2 1 0"}}},
      {"AWQ slots reversed",
       kAwq,
       {{codes, codes_from([](int k, int n) { return std::pair(k, n ^ 7); })}},
       {{"codes", "slots of a word are read in the order 7 6 5 4 3 2 1 0"}}},
      {"transposed buffer",
       kReal,
       {{codes,
         [](Weights& w) {
           const auto c = w.codes;
           w.codes = Grid<std::uint8_t>::from(w.K, w.N, [&](int k, int n) {
             const int i = k * w.N + n;
             return c(i % w.K, i / w.K);
           });
         }}},
       {{"codes", "the codes are transposed"}}},
      {"a wrong row stride",
       kReal,
       {{codes,
         [](Weights& w) {
           const auto c = w.codes;
           w.codes = Grid<std::uint8_t>::from(w.K, w.N, [&](int k, int n) {
             const int i = k / 8 * 1528 + n;
             return c(i / w.N * 8 + k % 8, i % w.N);
           });
         }}},
       {{"codes", "read at r * 1528 + c where r * 1536 + c is right"}}},
      {"columns backwards",
       kAsym,
       {{codes, codes_from([](int k, int n) { return std::pair(k, 255 - n); })}},
       {{"codes", "255 - n"}}},
      {"columns rotated",
       kReal,
       {{codes, codes_from([](int k, int n) { return std::pair(k, (n + 5) % 1536); })}},
       {{"codes", "(n + 5) % 1536"}}},
      {"rows backwards",
       kSym,
       {{codes, codes_from([](int k, int n) { return std::pair(255 - k, n); })}},
       {{"codes", "last row first"}}},
      {"rows rotated",
       kReal,
       {{codes, codes_from([](int k, int n) { return std::pair((k + 3) % 384, n); })}},
       {{"codes", "(i + 3) % 384"}}},
      // zero points
      {"zero points + 1 clipped",
       kAsym,
       {{zero_points, zeros_to([](int, int, int z) { return std::min(z + 1, 15); })}},
       {{"zero_points", "like zp-v1v2-offset: zero points + 1, clipped at 15"}}},
      {"zero points - 2 wrapped",
       kAct,
       {{zero_points, zeros_to([](int, int, int z) { return wrapped(z - 2); })}},
       {{"zero_points", "zero points - 2, wrapped at 0"}}},
      {"6 for a symmetric layer",
       kBf16,
       {{zero_points, zeros_to([](int, int, int) { return 6; })}},
       {{"zero_points", "6 for all zero points"}}},
      {"zero points inverted",
       kOne,
       {{zero_points, zeros_to([](int, int, int z) { return 15 - z; })}},
       {{"zero_points", "15 - zero points"}}},
      {"an offset a group",
       kAsym,
       {{zero_points, zeros_to([](int g, int, int z) { return wrapped(z + g); })}},
       {{"zero_points", "zero points of group g + g"}}},
      {"zero points left out",
       kRealAct,
       {{scale_order, [](Weights& w) { w.ordered_zeros = {}; }}},
       {{"zero_points", "every zero point is 8"}}},
      {"zero points of the next group",
       kAsym,
       {{zero_points, zeros_from([](int g, int n) { return std::pair((g + 1) % 4, n); })}},
       {{"zero_points", "group (g + 1) % 4"}}},
      {"an offset in one group",
       kAsym,
       {{zero_points, zeros_to([](int g, int, int z) { return g == 1 ? wrapped(z + 2) : z; })}},
       {{"zero_points", "like zp-v1v2-offset: zero points + 2, wrapped at 15, only in groups 1, all columns"}}},
      {"an offset in some columns",
       kAsym,
       {{zero_points, zeros_to([](int, int n, int z) { return n % 8 == 3 ? wrapped(z + 5) : z; })}},
       {{"zero_points", "like zp-v1v2-offset: zero points + 5, wrapped at 15, only in all groups, columns % 8 = 3"}}},
      {"slots of qzeros in AWQ's order",
       kAsym,
       {{zero_points, zeros_from([](int g, int n) { return std::pair(g, n / 8 * 8 + lop3_column(n % 8)); })}},
       {{"zero_points", "slots of a word of zero points are read in the order 0 2 4 6 1 3 5 7"}}},
      // scales
      {"scales doubled", kSym, {{scales, scales_times(2)}}, {{"scales", "like scale-exponent-bias: scales * 2"}}},
      {"scales / 15", kReal, {{scales, scales_times(1.0 / 15)}}, {{"scales", "scales * 1 / 15"}}},
      {"scales negated", kBf16, {{scales, scales_times(-1)}}, {{"scales", "-scales"}}},
      {"bf16 bits under fp16's name",
       kSym,
       {{scales, scales_to(as_bf16_bits)}},
       {{"scales", "bits of bf16 under the name of fp16"}}},
      {"scales rounded to bf16",
       kAct,
       {{scales, scales_to([](int, int, std::uint16_t b) {
           return bits_of(value_of(bits_of(value_of(b, DType::fp16), DType::bf16), DType::bf16), DType::fp16);
         })}},
       {{"scales", "scales rounded to bf16"}}},
      {"bytes swapped",
       kAsym,
       {{scales, scales_to([](int, int, std::uint16_t b) { return static_cast<std::uint16_t>(b << 8 | b >> 8); })}},
       {{"scales", "bytes of the scales swapped"}}},
      {"scales of group 0",
       kSym,
       {{scales, scales_from([](int, int n) { return std::pair(0, n); })}},
       {{"act_order", "gidx-dummy-zero"}}},
      {"groups backwards",
       kSym,
       {{scales, scales_from([](int g, int n) { return std::pair(3 - g, n); })}},
       {{"scales", "group 3 - g"}}},
      {"the largest scale",
       kAsym,
       {{scales,
         [](Weights& w) {
           const auto s = w.scales;
           w.scales = Grid<std::uint16_t>::from(s.rows(), s.cols(), [&](int, int n) {
             std::uint16_t m = 0;
             for (int g = 0; g < s.rows(); ++g) m = std::max(m, s(g, n));
             return m;
           });
         }}},
       {{"scales", "every group of a column has its largest scale"}}},
      {"scales clipped",
       kReal,
       {{scales, scales_to([](int, int, std::uint16_t b) { return std::min(b, std::uint16_t{0x2500}); })}},
       {{"scales", "scales clipped at"}}},
      {"the last group of scales zero",
       kSym,
       {{scales, scales_to([](int g, int, std::uint16_t b) { return g == 3 ? std::uint16_t{0} : b; })}},
       {{"scales", "scales of groups 3, all columns are 0"}}},
      {"the scales of one group doubled",
       kSym,
       {{scales, scales_to([](int g, int, std::uint16_t b) { return g == 2 ? doubled(b) : b; })}},
       {{"scales", "like scale-exponent-bias: scales * 2, only in groups 2, all columns"}}},
      {"the scales of some columns squared",
       kAsym,
       {{scales, scales_to([](int, int n, std::uint16_t b) { return n % 16 == 5 ? squared(b) : b; })}},
       {{"scales", "scales squared, only in all groups, columns % 16 = 5"}}},
      // scale order
      {"scales reversed in 64",
       kSym,
       {{scale_order, scale_places_from([](int p) { return 63 - p; })}},
       {{"scale_order", "like scale-perm-missing: place p of each 64"}}},
      {"scales permuted twice",
       kReal,
       {{scale_order, scale_places_from([](int p) { return p % 8 * 8 + p / 8; })}},
       {{"scale_order", "scale-perm-missing"}}},
      {"another order for one group",
       kOne,
       {{scale_order, scale_places_from([](int p) { return p ^ 2; })}},
       {{"scale_order", "like scale-perm-missing: place p of each 64"}}},
      {"zero points in natural order",
       kAsym,
       {{scale_order,
         [](Weights& w) {
           const auto z = w.kernel_zeros;
           w.ordered_zeros = Grid<std::uint32_t>::from(z.rows(), z.cols() / 8, [&](int g, int c) {
             std::uint32_t word = 0;
             for (int s = 0; s < 8; ++s) word |= std::uint32_t{z(g, 8 * c + s)} << (4 * s);
             return word;
           });
         }}},
       {{"scale_order", "zp-perm-missing"}}},
      {"nibbles of zero points swapped",
       kAct,
       {{scale_order, zero_places_from([](int p) { return p ^ 1; })}},
       {{"scale_order", "like zp-perm-no-interleave"}}},
      // act-order
      {"perm left as stored", kAct, {{act_order, perm_to(stored)}}, {{"act_order", "perm-a-missing"}}},
      {"perm inverted", kRealAct, {{act_order, perm_to(inverse)}}, {{"act_order", "perm-a-inverse"}}},
      {"perm backwards",
       kAct,
       {{act_order, perm_to(reversed)}},
       {{"act_order", "perm is sorted by group in descending order, last row first"}}},
      {"perm rotated",
       kAct,
       {{act_order, perm_to([](const Rows& r) { return rotated(r, 4); })}},
       {{"act_order", "the sorted rows with i = (i + 4) % 256"}}},
      {"perm alone", kSym, {{act_order, perm_to(reversed)}}, {{"act_order", "perm is as stored, last row first"}}},
      {"rows as stored, perm right",
       kAct,
       {{act_order, rows_to(stored)}},
       {{"act_order", "rows of the weights are as stored, perm is the sorted rows"}}},
      {"rows scattered instead of gathered",
       kAct,
       {{act_order, rows_to(inverse)}},
       {{"act_order", "rows of the weights are the inverse of the sorted rows"}}},
      {"both inverse",
       kAct,
       {{act_order, all_of({rows_to(inverse), perm_to(inverse)})}},
       {{"act_order", "rows and perm are the inverse of the sorted rows"}}},
      {"rows and perm in descending order",
       kAct,
       {{act_order, all_of({rows_to(reversed), perm_to(reversed)})}},
       {{"act_order", "rows and perm are sorted by group in descending order"}}},
      // tiles
      {"whole tiles column by column",
       kSym,
       {{tiles, blocks_from([](int r, int c) {
           const int t = r * 4 + c / 4;
           return std::pair(t % 16, t / 16 * 4 + c % 4);
         })}},
       {{"tiles", "whole tiles (16 x 64) stand column by column"}}},
      {"rows of tiles backwards",
       kAsym,
       {{tiles, blocks_from([](int r, int c) { return std::pair(15 - r, c); })}},
       {{"tiles", "rows of tiles in reverse order"}}},
      {"rows of tiles rotated",
       kReal,
       {{tiles, blocks_from([](int r, int c) { return std::pair((r + 1) % 24, c); })}},
       {{"tiles", "tile row r holds tile row (r + 1) % 24"}}},
      {"blocks swapped in pairs",
       kSym,
       {{tiles, blocks_from([](int r, int c) { return std::pair(r, c ^ 1); })}},
       {{"fragments", "like perm1024-partial"}}},
      {"row-major codes",
       kBf16,
       {{tiles,
         [](Weights& w) {
           w.tiles = Grid<std::uint8_t>::from(w.tiles.rows(), 256, [&](int b, int c) {
             const int i = 256 * b + c;
             return w.codes(i / w.N, i % w.N);
           });
         }}},
       {{"tiles", "codes are not cut into tiles"}}},
      {"a tile row left out",
       kReal,
       {{tiles, blocks_from([](int r, int c) { return std::pair(r >= 20 ? 19 : r, c); })}},
       {{"tiles", "tile"}}},
      // fragments
      {"k and n of a tile swapped bits",
       kSym,
       {{fragments, places_from([](int p) { return (p & ~0x81) | (p & 1) << 7 | (p >> 7 & 1); })}},
       {{"fragments", "like perm1024-partial"}}},
      {"places xor 96",
       kReal,
       {{fragments, places_from([](int p) { return p ^ 96; })}},
       {{"codes", "slots of a word are read in the order 6 7 4 5 2 3 0 1"}}},
      {"any permutation of a tile",
       kAsym,
       {{fragments, places_from([](int p) { return scattered(p, 1024); })}},
       {{"fragments", "like perm1024-partial"}}},
      {"words of a tile reversed",
       kAct,
       {{fragments, places_from([](int p) { return 1023 - p; })}},
       {{"fragments", "like perm1024-partial"}}},
      {"a tile row skipped, the last unwritten",
       kReal,
       {},
       {{"tiles", "tile row r holds tile row"}, {"fragments", "tile rows 23, all tiles hold 0x00000000"}},
       [](Packed& packed) {
         const auto words = packed.words;
         packed.words = Grid<std::uint32_t>::from(words.rows(), words.cols(), [&](int r, int w) {
           const int from = r < 5 ? r : r + 1;
           return from < words.rows() ? words(from, w) : 0;
         });
       }},
      {"unwritten tail",
       kSym,
       {},
       {{"fragments", "like repack-tail-unwritten: tile rows 12..15, all tiles hold 0x00000000"}},
       tile_rows_zero},
      {"stale tail", kReal, {}, {{"fragments", "hold 0xdeadbeef"}}, words_to([](int r, int w, std::uint32_t v) {
         return r == 23 && w >= 1536 ? 0xdeadbeef : v;
       })},
      {"padding of 0",
       kPadded,
       {{tiles,
         [](Weights& w) {
           const int cols = w.padded_N() / 16;
           w.tiles = Grid<std::uint8_t>::from(w.tiles.rows(), 256, [&](int b, int c) {
             const int k = b / cols * 16 + c / 16, n = b % cols * 16 + c % 16;
             return k < w.K && n < w.N ? w.codes(k, n) : 0;
           });
         }}},
       {{"tiles", "like pad-nonzero-leak: padding holds code 0"}}},
      // two and three at a time
      {"table and fragments",
       kReal,
       {{codes, codes_to([](int c) { return std::min(c + 1, 15); })},
        {fragments, places_from([](int p) { return p ^ 128; })}},
       {{"codes", "codes + 1, clipped"}, {"fragments", "like perm1024-partial"}}},
      {"any table and any permutation",
       kAsym,
       {{codes, codes_to([](int c) { return (5 * c + 3) % 16; })},
        {fragments, places_from([](int p) { return scattered(p, 1024); })}},
       {{"codes", "codes with"}, {"fragments", "like perm1024-partial"}}},
      {"fragments and table and gain",
       kAct,
       {{codes, codes_to([](int c) { return 15 - c; })},
        {scales, scales_times(0.5)},
        {fragments, places_from([](int p) { return p ^ 7; })}},
       {{"codes", "15 - codes"}, {"scales", "scales * 2^-1"}, {"fragments", "like perm1024-partial"}}},
      {"gain and order",
       kReal,
       {{scales, scales_times(1.0 / 16)}, {scale_order, scale_places_from([](int p) { return 63 - p; })}},
       {{"scales", "scales * 2^-4"}, {"scale_order", "place p"}}},
      {"perm and zero points",
       kAct,
       {{zero_points, zeros_to([](int, int, int z) { return std::max(z - 1, 0); })}, {act_order, perm_to(reversed)}},
       {{"zero_points", "zero points - 1, clipped at 0"}, {"act_order", "descending"}}},
      {"rows and fragments",
       kAct,
       {{act_order, rows_to(stored)}, {fragments, places_from([](int p) { return p ^ 128; })}},
       {{"act_order", "as stored"}, {"fragments", "like perm1024-partial"}}},
      {"tiles and table",
       kSym,
       {{codes, codes_to([](int c) { return c ^ 5; })},
        {tiles, blocks_from([](int r, int c) { return std::pair(15 - r, c); })}},
       {{"codes", "codes ^ 5"}, {"tiles", "reverse order"}}},
      {"tiles and fragments",
       kReal,
       {{tiles, blocks_from([](int r, int c) { return std::pair((r + 1) % 24, c); })},
        {fragments, places_from([](int p) { return p ^ 128; })}},
       {{"tiles", "tile row"}, {"fragments", "like perm1024-partial"}}},
      {"zero points and their order",
       kAsym,
       {{zero_points, zeros_to([](int, int, int z) { return wrapped(z + 3); })},
        {scale_order, zero_places_from([](int p) { return p ^ 4; })}},
       {{"zero_points", "zero points + 3"}, {"scale_order", "zp-perm-no-interleave"}}},
      {"table and tail",
       kSym,
       {{codes, codes_to([](int c) { return std::max(c - 1, 0); })}},
       {{"codes", "codes - 1, clipped at 0"}, {"fragments", "tile rows 12..15"}},
       tile_rows_zero},
      {"compressed-tensors slots and gain",
       kCt,
       {{codes, codes_from([](int k, int n) { return std::pair(k ^ 1, n); })}, {scales, scales_times(8)}},
       {{"codes", "1 0 3 2"}, {"scales", "scales * 8"}}},
  };
}

}  // namespace

TEST_CASE("packed: what packers that no list knows do is solved for and said") {
  const bool print = std::getenv("W4_PRINT") != nullptr;
  const char* only = std::getenv("W4_ONLY");
  const std::vector<Hostile> all = packers();
  const std::size_t step = every_fault() ? 1 : 8;
  for (std::size_t at = 0; at < all.size(); at += step) {
    const Hostile& hostile = all[at];
    if (only != nullptr && hostile.what.find(only) == std::string::npos) continue;
    CAPTURE(hostile.what);
    const fixtures::Layer layer = layer_of(hostile.layer);
    const cases::packed::PackedFinding finding = found_of(layer, packed_by(hostile, layer));
    const std::string text = text_of(finding);
    if (print) fmt::print("--- {} ({})\n{}", hostile.what, hostile.layer, text);
    CAPTURE(text);
    CHECK(finding.culprits.size() == hostile.said.size());
    if (finding.culprits.size() != hostile.said.size()) continue;
    for (std::size_t i = 0; i < hostile.said.size(); ++i) {
      CHECK(finding.culprits[i].stage == hostile.said[i].first);
      CHECK(finding.culprits[i].fault.find(hostile.said[i].second) != std::string::npos);
    }
    for (const auto& line : finding.stages)
      if (is_repacking(*stage_named(line.stage))) CHECK(line.verdict != cases::report::StageVerdict::not_visible);
  }
}
