// SPDX-License-Identifier: Apache-2.0
// The layers of real models in fixtures/data, and random ones of fixtures/.

#include "cases/tests/repack/made_layer.h"
#include "cases/tests/repack/published.h"
#include "fixtures/random/random_layer.h"
#include "repack/per_column.h"

#include <doctest/doctest.h>

#include <string>

namespace w4::repack_tests {
namespace {

void check_whole(const fixtures::Layer& layer) {
  const published::Expected want = published::expected(decoded(layer));
  const repack::Packed got = repack::repack(layer);
  CHECK(published::equal(got.words, want.words));
  CHECK(published::equal(got.scales, want.scales));
  CHECK(published::equal(got.zeros, want.zeros));
  CHECK(std::equal(want.perm.begin(), want.perm.end(), got.perm.cells().begin(), got.perm.cells().end()));
  CHECK(same(got, chained(layer)));
  CHECK(repack::unpack(got).codes == decoded(layer).codes);
}

TEST_CASE("repack: the shipped layers come out as the published loops make them") {
  for (const char* name : {"up", "down", "up_asym_act"}) {
    CAPTURE(std::string(name));
    check_whole(fixtures::read_layer(std::string(W4_SOURCE_DIR "/fixtures/data/") + name).layer);
  }
}

TEST_CASE("repack: random layers come out as the published loops make them") {
  for (const auto texture : {fixtures::random::Texture::trained, fixtures::random::Texture::tagged})
    for (const bool symmetric : {true, false})
      check_whole(fixtures::random::random_layer({.K = 256,
                                                  .N = 192,
                                                  .group_size = 64,
                                                  .symmetric = symmetric,
                                                  .act_order = texture == fixtures::random::Texture::tagged,
                                                  .texture = texture,
                                                  .seed = 11}));
}

TEST_CASE("repack: every format of one layer makes the same packed layer") {
  const Made plain = made({.K = 256, .N = 136, .group_size = 64, .symmetric = false, .dtype = DType::bf16});
  const repack::Packed want = repack::repack(plain.layer);
  for (const Format format : {Format::gptq, Format::awq, Format::pair_packed, Format::compressed_tensors}) {
    CAPTURE(std::string(fixtures::name_of(format)));
    CHECK(same(repack::repack(fixtures::encode(plain.plain, format, ZeroEncoding::plain)), want));
  }
}

TEST_CASE("per_column: averaging costs the shipped layer more than requantising it") {
  const fixtures::Layer layer = fixtures::read_layer(W4_SOURCE_DIR "/fixtures/data/up").layer;
  repack::PerColumnCost averaged, requantised;
  repack::per_column(layer, repack::PerColumn::averaged, &averaged);
  repack::per_column(layer, repack::PerColumn::requantised, &requantised);
  CAPTURE(averaged.weight_nrmse);
  CAPTURE(requantised.weight_nrmse);
  CHECK(averaged.output_nrmse > requantised.output_nrmse);
  CHECK(requantised.weight_nrmse > 0);
}

}  // namespace
}  // namespace w4::repack_tests
