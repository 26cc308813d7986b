// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/repack/made_layer.h"
#include "fixtures/error.h"
#include "fixtures/half.h"

#include <doctest/doctest.h>

namespace w4::repack_tests {
namespace {

TEST_CASE("refusals: a group size that the format does not have") {
  const Made m = made({.K = 256, .N = 64, .group_size = 16});
  CHECK_THROWS_WITH_AS(repack::repack(m.layer),
                       "group_size 16 is none of 32, 64, 128 and K=256: the Marlin format has no such groups",
                       CannotTest);
}

TEST_CASE("refusals: a float zero point that is no integer") {
  for (const float zero : {7.5f, -1.0f, 16.0f}) {
    Made m = made({.format = Format::pair_packed, .K = 128, .N = 64, .group_size = 64, .symmetric = false});
    m.layer.qzeros =
        fixtures::files::tensor_of("qzeros", DType::bf16, Grid<std::uint16_t>::from(2, 64, [&](int g, int n) {
                                     return bits_of(g == 1 && n == 9 ? zero : 3.0f, DType::bf16);
                                   }));
    CHECK_THROWS_WITH_AS(
        repack::repack(m.layer),
        fmt::format("zero point {} of group 1 and column 9 is no integer 0..15: the Marlin format cannot hold it", zero)
            .c_str(),
        CannotTest);
  }
}

TEST_CASE("refusals: g_idx with groups of unequal length") {
  Made m = made({.K = 128, .N = 64, .group_size = 32, .act_order = true});
  auto g_idx = fixtures::files::tensor_of(
      "g_idx", DType::i32, Grid<std::int32_t>::from(1, 128, [](int, int k) { return k == 40 ? 2 : k / 32; }));
  m.layer.g_idx = g_idx;
  CHECK_THROWS_WITH_AS(repack::repack(m.layer),
                       "g_idx gives group 1 31 rows where group_size is 32: the Marlin format has groups of one length",
                       CannotTest);
}

TEST_CASE("refusals: an asymmetric layer without zero points") {
  Made m = made({.K = 128, .N = 64, .group_size = 32, .symmetric = false});
  m.layer.qzeros.reset();
  CHECK_THROWS_WITH_AS(repack::repack(m.layer), "the layer is asymmetric, and no zero points are stored", InputError);
}

TEST_CASE("one group: g_idx means nothing and is left out") {
  const Made with = made({.K = 128, .N = 64, .group_size = 128, .act_order = true});
  const Made without = made({.K = 128, .N = 64, .group_size = 128});
  CHECK(same(repack::repack(with.layer), repack::repack(without.layer)));
}

}  // namespace
}  // namespace w4::repack_tests
