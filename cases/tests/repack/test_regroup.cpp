// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/repack/made_layer.h"
#include "fixtures/error.h"
#include "repack/plain_layer.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

namespace w4::repack_tests {
namespace {

/// Scale and zero point that each stored row has in each column, as the packed layer says: (K, N), the zero point above
/// the 16 bits of the scale.
std::vector<std::uint32_t> grids_of(const fixtures::Layer& layer) {
  const repack::Packed packed = repack::repack(layer);
  const repack::Unpacked u = repack::unpack(packed);
  std::vector<std::uint32_t> grids(static_cast<std::size_t>(layer.K) * layer.N);
  for (int i = 0; i < layer.K; ++i) {
    const int stored = packed.perm.empty() ? i : packed.perm(0, i);
    const int g = packed.one_group() ? 0 : i / packed.group_size;
    for (int n = 0; n < layer.N; ++n)
      grids[static_cast<std::size_t>(stored) * layer.N + n] = u.scales(g, n) | (u.zeros.empty() ? 8 : u.zeros(g, n))
                                                                                   << 16;
  }
  return grids;
}

TEST_CASE("split_groups: every weight keeps its code and scale and zero point") {
  for (Spec spec : all_specs()) {
    if (spec.group_size != 128 && spec.group_size != 64 && spec.group_size != 256) continue;
    const Made m = made(spec);
    for (const int group_size : {64, 32}) {
      if (spec.group_size <= group_size) continue;
      CAPTURE(text_of(spec));
      CAPTURE(group_size);
      const fixtures::Layer split = repack::split_groups(m.layer, group_size);
      CHECK(split.group_size == group_size);
      CHECK(split.groups() == spec.K / group_size);
      CHECK(grids_of(split) == grids_of(m.layer));
      CHECK(repack::unpack(repack::repack(split)).codes == m.plain.codes);
    }
  }
}

TEST_CASE("split_groups: rows of a group fill its parts in stored order") {
  const Made m = made({.K = 256, .N = 64, .group_size = 128, .act_order = true});
  const auto g_idx = fixtures::files::grid_of<std::int32_t>(*repack::split_groups(m.layer, 32).g_idx);
  int seen[2] = {};
  for (int k = 0; k < 256; ++k) {
    const int group = m.plain.g_idx(0, k);
    CHECK(g_idx(0, k) == 4 * group + seen[group]++ / 32);
  }
}

TEST_CASE("split_groups: refuses a size that does not divide the layer's") {
  CHECK_THROWS_WITH_AS(repack::split_groups(made({.K = 64, .N = 64, .group_size = 32}).layer, 64),
                       "made: group_size 64 does not divide the layer's 32", InputError);
}

}  // namespace
}  // namespace w4::repack_tests
