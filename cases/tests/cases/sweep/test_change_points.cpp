// SPDX-License-Identifier: Apache-2.0
#include "cases/sweep/change_points.h"

#include "fixtures/error.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

using namespace w4;
using namespace w4::cases;

namespace {

enum Place { kM, kK, kN, kGroup, kBlocks };

constexpr int kBudget = 200;

/// What kernels are swept over.
sweep::Space kernel_space() {
  return {.axes = {{"M", {1, 8, 15, 16, 17, 32, 33, 48, 49, 64, 65, 128, 129, 256}},
                   {"K", {64, 128, 256, 512, 1024, 2048, 4096, 8192}, 64},
                   {"N", {64, 128, 192, 256, 320, 512, 1024}, 64},
                   {"group_size", {-1, 32, 64, 128}, 1, false},
                   {"thread_blocks", {1, 2, 4, 10, 132}}},
          .relations = sweep::relations_of_groups(kK, kGroup)};
}

int group_of(const sweep::Point& p) { return p[kGroup] == -1 ? p[kK] : p[kGroup]; }

using Predicate = bool (*)(const sweep::Point&);

/// A sweep over shapes that a fault makes fail; a group must divide K. No point may be launched twice.
sweep::Sweep swept(const sweep::Point& base, Predicate wrong, int budget = kBudget, Predicate cannot = nullptr) {
  std::set<sweep::Point> launched;
  const sweep::Sweep sweep = sweep::find_change_points(kernel_space(), base, budget, [&](const sweep::Point& p) {
    CHECK(launched.insert(p).second);
    if (p[kK] % group_of(p) != 0 || (cannot != nullptr && cannot(p))) return sweep::Outcome::cannot;
    return wrong(p) ? sweep::Outcome::wrong : sweep::Outcome::right;
  });
  CHECK(sweep.launches == static_cast<int>(launched.size()));
  CHECK(sweep.launches <= budget);
  return sweep;
}

const sweep::Point kSmall = {1, 2048, 256, 128, 10};

bool has_change(const sweep::Sweep& sweep, int axis, int low, int high) {
  return std::any_of(sweep.changes.begin(), sweep.changes.end(), [&](const sweep::ChangePoint& change) {
    return change.axis == axis && change.low == low && change.high == high;
  });
}

}  // namespace

TEST_CASE("change points: a small M and a group below K are found as one condition") {
  const sweep::Sweep sweep = swept(kSmall, [](const sweep::Point& p) { return p[kM] <= 16 && group_of(p) < p[kK]; });
  CHECK(sweep.condition == "M <= 16 and group_size < K");
  CHECK(sweep.equivalents.empty());
  CHECK(sweep.changes.size() == 2);
  CHECK(has_change(sweep, kM, 16, 17));
  CHECK(has_change(sweep, kK, 128, 256));  // K=192 has no groups of 128
  CHECK_FALSE(sweep.ran_out());
  CHECK(sweep.text().find(
            "fails iff M <= 16 and group_size < K\nchanges: M 16 wrong, 17 right; K 128 right, 256 wrong") == 0);
}

TEST_CASE("change points: a bound between the values of the ladder is bisected") {
  const sweep::Sweep sweep = swept(kSmall, [](const sweep::Point& p) { return p[kM] <= 203; });
  CHECK(sweep.condition == "M <= 203");
  CHECK(has_change(sweep, kM, 203, 204));
  const sweep::Sweep above = swept({256, 2048, 256, 128, 10}, [](const sweep::Point& p) { return p[kM] > 64; });
  CHECK(above.condition == "M > 64");
  CHECK(has_change(above, kM, 64, 65));
}

TEST_CASE("change points: bounds on two axes come out exactly wherever they lie") {
  for (int rows = 1; rows < 256; rows += 37)
    for (int columns = 64; columns < 1024; columns += 192) {
      const sweep::Sweep sweep =
          sweep::find_change_points(kernel_space(), {1, 2048, 1024, 128, 10}, kBudget, [&](const sweep::Point& p) {
            if (p[kK] % group_of(p) != 0) return sweep::Outcome::cannot;
            return p[kM] <= rows && p[kN] > columns ? sweep::Outcome::wrong : sweep::Outcome::right;
          });
      CHECK(sweep.condition == fmt::format("M <= {} and N > {}", rows, columns));
      CHECK_FALSE(sweep.ran_out());
    }
}

TEST_CASE("change points: columns of one residue are found though the axis goes up and down") {
  const sweep::Sweep sweep = swept({1, 2048, 192, 128, 10}, [](const sweep::Point& p) { return p[kN] % 128 == 64; });
  CHECK(sweep.condition == "N % 128 == 64");
  CHECK(sweep.equivalents.empty());
  const sweep::Sweep rows = swept({17, 2048, 256, 128, 10}, [](const sweep::Point& p) { return p[kM] % 16 != 0; });
  CHECK(rows.condition == "M % 16 != 0");
}

TEST_CASE("change points: a residue that holds on the ladder and not beside it is not named") {
  const sweep::Sweep sweep =
      swept({1, 2048, 192, 128, 10}, [](const sweep::Point& p) { return p[kN] % 128 == 64 || p[kN] == 640; });
  CHECK(sweep.condition == "N in {64, 192, 320, 448, 640} among the values launched");
}

TEST_CASE("change points: scales beyond the square of the group are found as a relation of two axes") {
  const sweep::Sweep sweep =
      swept({1, 2048, 256, 32, 10}, [](const sweep::Point& p) { return p[kK] > group_of(p) * group_of(p); });
  CHECK(sweep.condition == "K > group_size * group_size");
  CHECK(sweep.equivalents.empty());
  CHECK(has_change(sweep, kK, 1024, 1088));
}

TEST_CASE("change points: one group alone is told from a group as large as one K") {
  const sweep::Sweep sweep = swept({1, 2048, 256, -1, 10}, [](const sweep::Point& p) { return group_of(p) == p[kK]; });
  CHECK(sweep.condition == "group_size == K");
  const sweep::Sweep one = swept({1, 2048, 256, 64, 10}, [](const sweep::Point& p) { return group_of(p) == 64; });
  CHECK(one.condition == "group_size == 64");
  const sweep::Sweep others = swept({1, 2048, 256, 64, 10}, [](const sweep::Point& p) { return p[kGroup] != 32; });
  CHECK(others.condition == "group_size != 32");
}

TEST_CASE("change points: conditions that differ at few corners are told apart there") {
  // only at K=64 is a group of the ladder as large as K, and there little can be tested
  const sweep::Sweep sweep = swept(
      {1, 2048, 256, -1, 10}, [](const sweep::Point& p) { return group_of(p) == p[kK]; }, kBudget,
      [](const sweep::Point& p) { return p[kK] == 64 && (p[kN] != 64 || p[kM] != 256); });
  CHECK(sweep.condition == "group_size == K");
  CHECK(sweep.equivalents.empty());
}

TEST_CASE("change points: a failure everywhere has no condition and is tried at corners") {
  const sweep::Sweep sweep = swept(kSmall, [](const sweep::Point&) { return true; });
  CHECK(sweep.conjunction);
  CHECK(sweep.condition.empty());
  CHECK(sweep.changes.empty());
  CHECK(sweep.launches > 40);
  CHECK(sweep.text().find("fails at every launched shape\n") == 0);
}

TEST_CASE("change points: a failure at one value is named with both neighbours launched") {
  const sweep::Sweep on_ladder = swept({17, 2048, 256, 128, 10}, [](const sweep::Point& p) { return p[kM] == 17; });
  CHECK(on_ladder.condition == "M == 17");
  CHECK(has_change(on_ladder, kM, 16, 17));
  CHECK(has_change(on_ladder, kM, 17, 18));
  const sweep::Sweep between = swept({100, 2048, 256, 128, 10}, [](const sweep::Point& p) { return p[kM] == 100; });
  CHECK(between.condition == "M == 100");
}

TEST_CASE("change points: an interval has both bounds and a gap has both sides") {
  const sweep::Sweep inside =
      swept({32, 2048, 256, 128, 10}, [](const sweep::Point& p) { return p[kM] > 16 && p[kM] <= 40; });
  CHECK(inside.condition == "M > 16 and M <= 40");
  const sweep::Sweep outside = swept(kSmall, [](const sweep::Point& p) { return p[kM] <= 16 || p[kM] > 100; });
  CHECK(outside.condition == "(M <= 16 or M > 100)");
}

TEST_CASE("change points: more than one thread block and three axes at once") {
  CHECK(swept(kSmall, [](const sweep::Point& p) { return p[kBlocks] > 1; }).condition == "thread_blocks > 1");
  const sweep::Sweep sweep = swept({1, 2048, 320, 128, 10}, [](const sweep::Point& p) {
    return p[kBlocks] > 3 && p[kM] <= 64 && p[kN] % 128 == 64;
  });
  CHECK(sweep.condition == "M <= 64 and N % 128 == 64 and thread_blocks > 3");
}

TEST_CASE("change points: axes that interact in no known way are told axis by axis with a launch against it") {
  const sweep::Sweep sweep =
      swept({1, 2048, 256, 128, 1}, [](const sweep::Point& p) { return p[kM] <= 16 || p[kBlocks] > 1; });
  CHECK_FALSE(sweep.conjunction);
  CHECK(sweep.condition.empty());
  REQUIRE_FALSE(sweep.exception.empty());
  CHECK(sweep.exception_wrong);
  CHECK(sweep.exception[kM] > 16);
  CHECK(sweep.exception[kBlocks] > 1);
  const std::string text = sweep.text();
  CHECK(text.find("at K=2048, N=256, group_size=128, thread_blocks=1: fails iff M <= 16\naxes interact: the output is "
                  "wrong at M=") == 0);
}

TEST_CASE("change points: a bound that moves with another axis is not passed off as one condition") {
  const sweep::Sweep sweep = swept(kSmall, [](const sweep::Point& p) { return p[kM] * p[kN] <= 16384; });
  CHECK_FALSE(sweep.conjunction);
  CHECK(sweep.text().find("fails iff M <= 64\n") != std::string::npos);
  CHECK(sweep.text().find("axes interact: ") != std::string::npos);
}

TEST_CASE("change points: what cannot be tested is neither right nor wrong and is listed") {
  const Predicate wrong = [](const sweep::Point& p) { return p[kM] <= 16; };
  const sweep::Sweep rows =
      swept(kSmall, wrong, kBudget, [](const sweep::Point& p) { return p[kM] > 14 && p[kM] < 20; });
  CHECK(rows.condition == "M <= 14");
  CHECK(has_change(rows, kM, 14, 20));
  CHECK(rows.text().find("cannot be tested, or fails in another way: M=15, M=16, M=17") != std::string::npos);
  const sweep::Sweep groups =
      swept(kSmall, wrong, kBudget, [](const sweep::Point& p) { return p[kGroup] == 32 || p[kGroup] == 64; });
  CHECK(groups.condition == "M <= 16");
  CHECK(groups.text().find("group_size=32") != std::string::npos);
}

TEST_CASE("change points: conditions that nothing launched tells apart are all given") {
  // K is fixed, so that a group below K and a group other than -1 are the same
  const sweep::Sweep sweep = swept(
      kSmall, [](const sweep::Point& p) { return group_of(p) < p[kK]; }, kBudget,
      [](const sweep::Point& p) { return p[kK] != 2048; });
  CHECK(sweep.condition == "group_size < K");
  CHECK(sweep.equivalents == std::vector<std::string>{"group_size != -1"});
}

TEST_CASE("change points: the budget is kept and that it ran out is said") {
  const Predicate wrong = [](const sweep::Point& p) { return p[kM] <= 16 && group_of(p) < p[kK]; };
  for (const int budget : {1, 5, 13, 30, 45}) {
    const sweep::Sweep sweep = swept(kSmall, wrong, budget);
    CHECK(sweep.launches == budget);
    CHECK(sweep.ran_out());
    CHECK(sweep.text().find("so far: fails ") == 0);
    CHECK(sweep.unfinished.back() == "corners");
  }
}

TEST_CASE("change points: axes that the budget did not reach are named") {
  const sweep::Sweep sweep = swept(
      kSmall, [](const sweep::Point& p) { return p[kM] <= 16; }, 29);
  CHECK(sweep.unfinished == std::vector<std::string>{"group_size", "thread_blocks", "corners"});
  CHECK(sweep.text().find("\n29 launches of at most 29, too few for group_size, thread_blocks, corners") !=
        std::string::npos);
}

TEST_CASE("change points: every change has neighbours between which nothing can be tested") {
  const sweep::Sweep sweep =
      swept({17, 2048, 192, 128, 10}, [](const sweep::Point& p) { return p[kM] % 16 != 0 && p[kM] < 100; });
  CHECK(sweep.changes.size() > 4);
  for (const sweep::ChangePoint& change : sweep.changes) CHECK(change.high - change.low == 1);
}

TEST_CASE("change points: a base that does not fail is not swept") {
  const sweep::Sweep sweep = swept({32, 2048, 256, 128, 10}, [](const sweep::Point& p) { return p[kM] <= 16; });
  CHECK(sweep.launches == 1);
  CHECK_FALSE(sweep.ran_out());
  CHECK(sweep.text().find("nothing to sweep: no failure at M=32, K=2048, ") == 0);
}

TEST_CASE("change points: a base of other axes and a step of nothing are refused") {
  const sweep::Launch launch = [](const sweep::Point&) { return sweep::Outcome::wrong; };
  CHECK_THROWS_WITH_AS(sweep::find_change_points(kernel_space(), {1, 2}, 9, launch),
                       "base point has 2 values, there are 5 axes", InputError);
  CHECK_THROWS_WITH_AS(sweep::find_change_points({.axes = {{"M", {1}, 0}}}, {1}, 9, launch),
                       "axis M has step 0, at least 1 is needed", InputError);
}

TEST_CASE("change points: a point that is not possible is never launched and costs nothing") {
  sweep::Space space = kernel_space();
  space.possible = [](const sweep::Point& p) { return p[kK] % group_of(p) == 0 && p[kM] <= 64; };
  const sweep::Sweep sweep = sweep::find_change_points(space, kSmall, kBudget, [&](const sweep::Point& p) {
    CHECK(space.possible(p));
    return p[kM] <= 16 && group_of(p) < p[kK] ? sweep::Outcome::wrong : sweep::Outcome::right;
  });
  CHECK(sweep.condition == "M <= 16 and group_size < K");
  CHECK(sweep.untestable.empty());
}
