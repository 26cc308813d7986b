// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/cases/ask.h"
#include "cases/tests/cases/chosen_faults.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>

namespace {

/// A small generator of its own, so that the cases are the same everywhere.
struct Draw {
  std::uint64_t state;
  int below(int bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int>((state >> 33) % static_cast<std::uint64_t>(bound));
  }
};

std::string random_case(Draw& draw, int seed) {
  constexpr std::array<int, 4> kGroups = {-1, 32, 64, 128};
  constexpr std::array<const char*, 5> kFormats = {"", "_v2", "_awq", "_pair", "_ct"};
  constexpr std::array<int, 12> kRows = {1, 2, 7, 15, 16, 17, 33, 48, 63, 64, 65, 130};
  const int group = kGroups[static_cast<std::size_t>(draw.below(4))];
  const int K = group == -1 ? 8 * (1 + draw.below(64)) : group * (1 + draw.below(512 / group));
  const int N = 8 * (1 + draw.below(72));
  const int format = draw.below(5);
  const bool pair = format == 3;
  const bool act = (format <= 1 || format == 4) && group != -1 && draw.below(2) == 0;
  return fmt::format("--case M{}_K{}_N{}_g{}_{}{}{}{}_{}_r_s{} --sms {} --reduce {} --block-tile {}",
                     kRows[static_cast<std::size_t>(draw.below(12))], K, N, group, draw.below(2) == 0 ? "sym" : "asym",
                     kFormats[static_cast<std::size_t>(format)], act ? "_act" : "", draw.below(2) == 0 ? "_bias" : "",
                     pair || draw.below(2) == 0 ? "bf16" : "fp16", seed, 1 + draw.below(24),
                     draw.below(2) == 0 ? 16 : 32, draw.below(2) == 0 ? "128x128" : "64x256");
}

}  // namespace

TEST_CASE("bisect: 300 healthy random cases (75 in a slow build) without an accusation") {
  const int cases = w4::test::every_fault() ? 300 : 75;
  Draw draw{20261120};
  for (int seed = 0; seed < cases; ++seed) {
    const std::string command = random_case(draw, seed);
    INFO("./bisect ", command);
    const w4::cases::report::Report report = w4::test::ask(command);
    CHECK_MESSAGE(report.verdict == w4::cases::report::Verdict::match, report.reason);
    CHECK(report.culprits.empty());
  }
}
