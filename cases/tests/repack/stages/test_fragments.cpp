// SPDX-License-Identifier: Apache-2.0
// Where codes go, read off the packed words by codes that carry digits of their own index.

#include "cases/tests/repack/made_layer.h"
#include "cases/tests/repack/published.h"
#include "repack/stages/scale_order.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace w4::repack_tests {
namespace {

/// For each slot of the packed words of a K x N layer, the k * N + n of the code in it.
std::vector<int> sources(int K, int N, const repack::Recipe& recipe) {
  std::vector<int> source(static_cast<std::size_t>(K) * N, 0);
  for (int digit = 0; digit < 4; ++digit) {
    const Made m = made({.K = K, .N = N, .group_size = K, .digit = digit});
    const repack::Packed packed = repack::repack(m.layer, recipe);
    for (std::size_t i = 0; i < source.size(); ++i)
      source[i] |= code_at(packed.words[i / 8], static_cast<int>(i % 8)) << (4 * digit);
  }
  return source;
}

bool is_permutation_of_all(std::vector<int> source) {
  std::sort(source.begin(), source.end());
  for (std::size_t i = 0; i < source.size(); ++i)
    if (source[i] != static_cast<int>(i)) return false;
  return true;
}

/// k * 64 + n of the first tile of a layer that is one tile wide: code i of its four row-major blocks.
int coordinate_of_block_index(int i) { return i % 256 / 16 * 64 + i / 256 * 16 + i % 16; }

/// The published permutation and what is left of it, as k * 64 + n of the first tile.
std::vector<int> first_tile(const repack::Recipe& recipe) {
  std::vector<int> all = sources(64, 64, recipe);
  all.resize(1024);
  return all;
}

template <class F>
std::vector<int> tile_from(const F& index) {
  std::vector<int> out;
  for (int i = 0; i < 1024; ++i) out.push_back(coordinate_of_block_index(index(i)));
  return out;
}

TEST_CASE("fragments: the permutation inside a tile is the published one") {
  const std::vector<int> perm = published::weight_perm();
  CHECK(first_tile({}) == tile_from([&](int i) { return perm[static_cast<std::size_t>(i)]; }));
}

TEST_CASE("fragments: leaving out the permutation leaves four row-major blocks") {
  CHECK(first_tile({{"fragments", "identity"}}) == tile_from([](int i) { return i; }));
}

TEST_CASE("fragments: interleave-only regroups eight neighbours") {
  const int order[] = {0, 2, 4, 6, 1, 3, 5, 7};
  CHECK(first_tile({{"fragments", "interleave-only"}}) == tile_from([&](int i) { return i / 8 * 8 + order[i % 8]; }));
}

TEST_CASE("fragments: interleaving what no-interleave makes gives the reference") {
  const std::vector<int> plain = first_tile({{"fragments", "no-interleave"}});
  const int order[] = {0, 2, 4, 6, 1, 3, 5, 7};
  std::vector<int> interleaved;
  for (int i = 0; i < 1024; ++i) interleaved.push_back(plain[static_cast<std::size_t>(i / 8 * 8 + order[i % 8])]);
  CHECK(interleaved == first_tile({}));
}

TEST_CASE("fragments: twice is the permutation of the permutation") {
  const std::vector<int> perm = published::weight_perm();
  CHECK(first_tile({{"fragments", "perm-applied-twice"}}) ==
        tile_from([&](int i) { return perm[static_cast<std::size_t>(perm[static_cast<std::size_t>(i)])]; }));
}

TEST_CASE("every way to tile and to permute loses no code") {
  const std::vector<repack::Recipe> recipes = {{},
                                               {{"fragments", "identity"}},
                                               {{"fragments", "interleave-only"}},
                                               {{"fragments", "no-interleave"}},
                                               {{"fragments", "perm-applied-twice"}},
                                               {{"tiles", "repack-transpose"}},
                                               {{"tiles", "tile-order-swap"}},
                                               {{"tiles", "untiled"}},
                                               {{"codes", "pack-axis-kn"}},
                                               {{"codes", "nibble-order-awq-gptq"}},
                                               {{"checkpoint", "double-transform"}}};
  for (const repack::Recipe& recipe : recipes) {
    CAPTURE(recipe.empty() ? std::string("reference") : recipe.begin()->second);
    CHECK(is_permutation_of_all(sources(128, 192, recipe)));
  }
}

TEST_CASE("tiles: order swap moves whole blocks") {
  const std::vector<int> source = sources(128, 192, {{"tiles", "tile-order-swap"}, {"fragments", "identity"}});
  int wrong = 0;
  for (int i = 0; i < 128 * 192; ++i) {
    const int block = i / 256;  // [N/16][K/16]
    const int k = block % 8 * 16 + i % 256 / 16;
    const int n = block / 8 * 16 + i % 16;
    wrong += source[static_cast<std::size_t>(i)] != k * 192 + n;
  }
  CHECK(wrong == 0);
}

TEST_CASE("tiles: untiled and unpermuted codes lie as they are") {
  const std::vector<int> source = sources(128, 64, {{"tiles", "untiled"}, {"fragments", "identity"}});
  int wrong = 0;
  for (int i = 0; i < 128 * 64; ++i) wrong += source[static_cast<std::size_t>(i)] != i;
  CHECK(wrong == 0);
}

TEST_CASE("scale_order: the closed forms are the published lists") {
  const std::vector<int> grouped = published::scale_perm();
  const std::vector<int> single = published::scale_perm_single();
  for (int p = 0; p < 64; ++p) CHECK(repack::scale_order::grouped_column(p) == grouped[static_cast<std::size_t>(p)]);
  for (int p = 0; p < 32; ++p) CHECK(repack::scale_order::single_column(p) == single[static_cast<std::size_t>(p)]);
}

}  // namespace
}  // namespace w4::repack_tests
