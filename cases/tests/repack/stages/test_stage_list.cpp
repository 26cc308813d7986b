// SPDX-License-Identifier: Apache-2.0
#include "fixtures/error.h"
#include "repack/stages/nearest.h"
#include "repack/stages/stage.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

namespace w4::repack_tests {
namespace {

TEST_CASE("stages: there are eight in the order of design.md") {
  std::vector<std::string> names;
  for (const repack::Stage& stage : repack::stages()) names.push_back(name_of(stage.id));
  CHECK(names == std::vector<std::string>{"checkpoint", "codes", "zero_points", "act_order", "scales", "scale_order",
                                          "tiles", "fragments"});
}

TEST_CASE("stages: every wrong way says what it does and how to cure it and when it shows") {
  for (const repack::Stage& stage : repack::stages()) {
    CHECK(stage.variants.front().id == "reference");
    CHECK(stage.variants.front().fault.empty());
    for (const repack::Variant& variant : stage.variants.subspan(1)) {
      CAPTURE(std::string(variant.id));
      CHECK_FALSE(variant.what.empty());
      CHECK_FALSE(variant.visible.empty());
      CHECK(variant.cure.empty() == variant.fault.empty());  // a toggle has neither
    }
  }
}

TEST_CASE("stages: no id is used twice") {
  std::set<std::string_view> ids;
  for (const repack::Stage& stage : repack::stages())
    for (const repack::Variant& variant : stage.variants.subspan(1)) {
      CAPTURE(std::string(variant.id));
      CHECK(ids.insert(variant.id).second);
    }
}

TEST_CASE("stages: every repacking fault that can be planted is there") {
  const std::set<std::string_view> wanted = {"zp-v1v2-offset",
                                             "zp-nibble-wrap",
                                             "zp-clamped-folded",
                                             "sym-consumes-qzeros",
                                             "code-twos-complement",
                                             "qzeros-transposed",
                                             "group-size-misinferred",
                                             "nibble-spill",
                                             "double-transform",
                                             "nibble-order-awq-gptq",
                                             "pack-axis-kn",
                                             "repack-transpose",
                                             "tile-order-swap",
                                             "perm1024-partial",
                                             "perm-applied-twice",
                                             "repack-tail-unwritten",
                                             "pad-nonzero-leak",
                                             "scale-perm-missing",
                                             "scale-perm-single-vs-grouped",
                                             "zp-perm-no-interleave",
                                             "zp-perm-missing",
                                             "scale-dtype-reinterpret",
                                             "scale-exponent-bias",
                                             "scales-averaged",
                                             "gidx-ignored",
                                             "gidx-dummy-zero",
                                             "gidx-out-of-range",
                                             "perm-a-missing",
                                             "perm-a-inverse",
                                             "config-flag-lost",
                                             "fused-concat-axis",
                                             "nibble-split-vs-interleave",
                                             "layout-variant-arch",
                                             "actorder-tp-scales",
                                             "actorder-expert-offset",
                                             "gidx-shard-length",
                                             "tp-channelwise-null-scale",
                                             "tp-shard-splits-group",
                                             "moe-routing-index"};
  std::set<std::string_view> found;
  for (const repack::Stage& stage : repack::stages())
    for (const repack::Variant& variant : stage.variants)
      if (!variant.fault.empty()) found.insert(variant.fault);
  CHECK(found == wanted);
}

TEST_CASE("variant_of: finds by id and names the nearest to one that is not there") {
  const repack::Stage& zero_points = repack::stage_of(StageId::zero_points);
  CHECK(repack::variant_of(zero_points, "symmetric").id == "symmetric");
  CHECK_THROWS_WITH_AS(
      repack::variant_of(zero_points, "zp-v1v2-ofset"),
      "stage zero_points has no variant \"zp-v1v2-ofset\"; did you mean \"zp-v1v2-offset\"? (known: reference, "
      "zp-v1v2-offset, zp-nibble-wrap, zp-clamped-folded, sym-consumes-qzeros, qzeros-transposed, symmetric)",
      InputError);
  CHECK_THROWS_WITH_AS(repack::variant_of(repack::stage_of(StageId::checkpoint), "xyz"),
                       "stage checkpoint has no variant \"xyz\" (known: reference, group-size-misinferred, "
                       "double-transform, config-flag-lost, concat-axis, concat-order, actorder-tp-scales, "
                       "actorder-expert-offset, gidx-shard-length, tp-channelwise-null-scale, tp-shard-splits-group, "
                       "moe-routing-index)",
                       InputError);
}

TEST_CASE("nearest: counts characters to change and is silent when nothing is near") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("tiles", "tiles") == 0);
  CHECK(nearest("fragmnets", {"tiles", "fragments"}) == "fragments");
  CHECK(nearest("launchpad", {"tiles", "codes"}).empty());
}

}  // namespace
}  // namespace w4::repack_tests
