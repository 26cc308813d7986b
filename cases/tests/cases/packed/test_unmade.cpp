// SPDX-License-Identifier: Apache-2.0
// Tensors of which little was made, or little is wrong.
#include "cases/tests/cases/packed/hostile.h"

#include <doctest/doctest.h>

using namespace w4;
using namespace w4::test;

namespace {

/// What is said of a layer that this packer made.
std::string said_of(const std::string& layer, Changes changes, std::function<void(Packed&)> last) {
  const fixtures::Layer of = layer_of(layer);
  return text_of(found_of(
      of,
      packed_by({.what = "", .layer = layer, .changes = std::move(changes), .said = {}, .last = std::move(last)}, of)));
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const std::string kLayer = "--case M1_K256_N256_g64_sym_fp16_r_s7",
                  kWithZeros = "--case M1_K256_N256_g64_asym_fp16_r_s7";

}  // namespace

TEST_CASE("packed: a few codes that are wrong lie in the codes and order alone in the fragments") {
  const std::string one = said_of(
      kLayer, {}, words_to([](int r, int w, std::uint32_t word) { return r == 3 && w == 130 ? word ^ 5 : word; }));
  CAPTURE(one);
  CHECK(has(one, "codes: unexplained"));
  CHECK_FALSE(has(one, "fragments:"));
  CHECK(has(one, "codes that differ: 1, the first at (k=48, n=96): "));
  CHECK(has(one, "tiles with other codes than ours: 1, with the same codes in another order: 0"));
  const std::string turned = said_of(kLayer, {}, words_to([](int r, int w, std::uint32_t word) {
                                       return r == 3 && w == 130 ? word << 4 | word >> 28 : word;
                                     }));
  CAPTURE(turned);
  CHECK(has(turned, "fragments: unexplained"));
}

TEST_CASE("packed: words of one value were never written whatever was written besides") {
  for (const std::uint32_t value : {0U, 0x88888888U, 0xDEADBEEFU}) {
    const std::string all = said_of(kLayer, {}, words_to([&](int, int, std::uint32_t) { return value; }));
    CHECK_MESSAGE(has(all, "as if B was never written"), all);
  }
  const std::string most =
      said_of(kLayer, {}, words_to([](int, int w, std::uint32_t word) { return w < 128 ? word : 0xDEADBEEFU; }));
  CHECK_MESSAGE(has(most, "0xdeadbeef in every word: as if they were never written"), most);
}

TEST_CASE("packed: scales and zero points of another group are undone by one line") {
  const auto next = [](int g, int n) { return std::pair{(g + 1) % 4, n}; };
  const std::string text =
      said_of(kWithZeros, {{StageId::scales, scales_from(next)}, {StageId::zero_points, zeros_from(next)}}, {});
  CAPTURE(text);
  CHECK(has(text, "scales and zero points: group g has the values of group (g + 1) % 4"));
  CHECK(has(text, "undo: scales = scales"));
  CHECK(has(text, "; zeros = zeros"));
}
