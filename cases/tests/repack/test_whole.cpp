// SPDX-License-Identifier: Apache-2.0
// The whole repack against the published converters' loops, and back again.

#include "cases/tests/repack/made_layer.h"
#include "cases/tests/repack/published.h"

#include <doctest/doctest.h>

namespace w4::repack_tests {
namespace {

TEST_CASE("repack: every layer comes out as the published converters' loops make it") {
  for (const Spec& spec : all_specs()) {
    CAPTURE(text_of(spec));
    const Made m = made(spec);
    const published::Expected want = published::expected(m.plain);
    const repack::Packed got = repack::repack(m.layer);
    CHECK(published::equal(got.words, want.words));
    CHECK(published::equal(got.scales, want.scales));
    CHECK(published::equal(got.zeros, want.zeros));
    CHECK(got.perm.cells().size() == want.perm.size());
    CHECK(std::equal(want.perm.begin(), want.perm.end(), got.perm.cells().begin()));
    CHECK(got.bias == m.plain.bias);
  }
}

TEST_CASE("repack: the fused pass and the chain of stages give the same bits") {
  for (const Spec& spec : all_specs()) {
    CAPTURE(text_of(spec));
    const Made m = made(spec);
    CHECK(same(repack::repack(m.layer), chained(m.layer)));
  }
}

TEST_CASE("repack: a recipe that names a variant runs the same chain and drops nothing that is needed") {
  for (const Spec& spec : all_specs()) {
    CAPTURE(text_of(spec));
    const Made m = made(spec);
    for (const repack::Recipe& recipe : {repack::Recipe{{"fragments", "no-interleave"}},
                                         repack::Recipe{{"tiles", "pad-nonzero-leak"}, {"codes", "nibble-spill"}},
                                         repack::Recipe{{"act_order", "gidx-ignored"}, {"launch", "anything"}}})
      CHECK(same(repack::repack(m.layer, recipe), chained(m.layer, recipe)));
  }
}

TEST_CASE("unpack: gives back the codes and zero points and scales of every layer") {
  for (const Spec& spec : all_specs()) {
    CAPTURE(text_of(spec));
    const Made m = made(spec);
    const repack::Unpacked back = repack::unpack(repack::repack(m.layer));
    CHECK(back.codes == m.plain.codes);
    CHECK(back.scales == m.plain.scales);
    if (spec.symmetric)
      CHECK(back.zeros.empty());
    else
      CHECK(back.zeros == m.plain.zeros);
  }
}

TEST_CASE("repack: padding weighs nothing") {
  const Made m = made({.K = 96, .N = 72, .group_size = 32, .symmetric = false});
  repack::Packed packed = repack::repack(m.layer);
  packed.stored_K = packed.K;  // unpack the padding too
  packed.stored_N = packed.N;
  const repack::Unpacked all = repack::unpack(packed);
  int heavy = 0;
  for (int k = 0; k < 128; ++k)
    for (int n = 0; n < 128; ++n) {
      const bool padding = k >= 96 || n >= 72;
      heavy += padding && (all.scales(k / 32, n) != 0 || all.codes(k, n) != all.zeros(k / 32, n));
    }
  CHECK(heavy == 0);
}

}  // namespace
}  // namespace w4::repack_tests
