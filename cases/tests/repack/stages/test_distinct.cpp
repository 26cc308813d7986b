// SPDX-License-Identifier: Apache-2.0
// A fault can be named only if no other makes the same packed layer everywhere.

#include "cases/tests/repack/made_layer.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace w4::repack_tests {
namespace {

struct Way {
  std::string stage, variant;
  std::vector<repack::Packed> made;  // one a layer
};

/// Layers that between them let every fault show.
std::vector<Spec> telling_layers() {
  using fixtures::Cut;
  const Cut second{.kind = Cut::Kind::rows, .rank = 1, .count = 2},
      expert{.kind = Cut::Kind::expert, .rank = 1, .count = 3};
  Spec ordered{.K = 512, .N = 192, .group_size = 32, .symmetric = false, .act_order = true, .shards = 2};
  ordered.cuts = {expert, second};
  return {
      {.K = 256, .N = 192, .group_size = 64, .symmetric = false, .act_order = true},
      {.K = 384, .N = 128, .group_size = 128, .symmetric = false, .encoding = ZeroEncoding::plain},
      {.K = 96, .N = 72, .group_size = 32},
      {.K = 48, .N = 64, .group_size = 48, .symmetric = false},
      {.K = 256, .N = 128, .group_size = 64, .stray_zeros = true},
      {.K = 640, .N = 64, .group_size = 128, .symmetric = false, .cuts = {second}},
      {.K = 128, .N = 64, .group_size = 128, .cuts = {second}},
      ordered,
      {.K = 128, .N = 192, .group_size = 32, .symmetric = false, .cuts = {expert}},
      {.format = Format::awq, .K = 256, .N = 192, .group_size = 64, .symmetric = false},
  };
}

std::vector<Way> every_way() {
  std::vector<Way> ways;
  for (const repack::Stage& stage : repack::stages())
    for (const repack::Variant& variant : stage.variants)
      if (variant.id != "reference" || ways.empty()) ways.push_back({name_of(stage.id), std::string(variant.id), {}});
  for (const Spec& spec : telling_layers()) {
    const Made m = made(spec);
    for (Way& way : ways) way.made.push_back(chained(m.layer, {{way.stage, way.variant}}));
  }
  return ways;
}

bool same_everywhere(const Way& a, const Way& b) {
  for (std::size_t i = 0; i < a.made.size(); ++i)
    if (!same(a.made[i], b.made[i])) return false;
  return true;
}

TEST_CASE("variants: no two ways of any stages make the same of every layer") {
  const std::vector<Way> ways = every_way();
  for (std::size_t a = 0; a < ways.size(); ++a)
    for (std::size_t b = a + 1; b < ways.size(); ++b) {
      CAPTURE(ways[a].stage + "=" + ways[a].variant);
      CAPTURE(ways[b].stage + "=" + ways[b].variant);
      CHECK_FALSE(same_everywhere(ways[a], ways[b]));
    }
}

TEST_CASE("variants: two that both show on a layer make different things of it") {
  const std::vector<Way> ways = every_way();
  const Way& reference = ways[0];
  for (std::size_t a = 1; a < ways.size(); ++a)
    for (std::size_t b = a + 1; b < ways.size(); ++b)
      for (std::size_t i = 0; i < reference.made.size(); ++i) {
        if (same(ways[a].made[i], reference.made[i])) continue;
        CAPTURE(ways[a].stage + "=" + ways[a].variant);
        CAPTURE(ways[b].stage + "=" + ways[b].variant);
        CAPTURE(text_of(telling_layers()[i]));
        CHECK_FALSE(same(ways[a].made[i], ways[b].made[i]));
      }
}

/// Pairs that some layers cannot tell apart, and why. Whoever names a fault on such a layer names both.
TEST_CASE("variants: two groups in all do not tell twice the group size from a g_idx of zeros") {
  const Made m = made({.K = 256, .N = 64, .group_size = 128});  // either way every row is in group 0
  CHECK(same(chained(m.layer, {{"checkpoint", "group-size-misinferred"}}),
             chained(m.layer, {{"act_order", "gidx-dummy-zero"}})));
}

TEST_CASE("variants: a permutation that is its own inverse does not tell perm-a-inverse from the reference") {
  Made m = made({.K = 64, .N = 64, .group_size = 32, .act_order = true});
  // rows 31 and 32 change places
  m.layer.g_idx = fixtures::files::tensor_of("g_idx", DType::i32, Grid<std::int32_t>::from(1, 64, [](int, int k) {
                                               return k == 31 || k == 32 ? 1 - k / 32 : k / 32;
                                             }));
  CHECK(same(chained(m.layer, {{"act_order", "perm-a-inverse"}}), chained(m.layer)));
}

}  // namespace
}  // namespace w4::repack_tests
