// SPDX-License-Identifier: Apache-2.0
// The condition on the shape, of faults whose condition is known.
#include "cases/faults/faults.h"
#include "cases/report/report_text.h"
#include "cases/sweep/shape_space.h"
#include "cases/sweep/stripe_relations.h"
#include "cases/tests/cases/ask.h"
#include "cases/tests/cases/chosen_faults.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <span>

using namespace w4;
using namespace w4::cases;

namespace {

report::Report swept(const std::string& command) { return test::report_of(command + " --sweep"); }

/// The condition of a mismatch; the sweep has to come to its end.
std::string condition_of(const std::string& command) {
  INFO("./bisect ", command, " --sweep");
  const report::Report report = swept(command);
  REQUIRE(report.verdict == report::Verdict::mismatch);
  REQUIRE(report.condition);
  CHECK(report.condition->finished);
  CHECK(report.condition->launches > 1);
  return report.condition->text;
}

bool says(const report::Condition& condition, const std::string& words) {
  return std::ranges::any_of(condition.evidence,
                             [&](const std::string& line) { return line.find(words) != std::string::npos; });
}

const sweep::Relation& relation_at(const std::vector<sweep::Relation>& relations, const std::string& text) {
  return *std::ranges::find_if(relations, [&](const sweep::Relation& each) { return each.text == text; });
}

}  // namespace

TEST_CASE("sweep: the kernel that only works with one group fails iff M is at most 16 and there are groups") {
  const report::Report report = swept("b 128 --m 16 --inject l2-hint-illegal");
  REQUIRE(report.condition);
  CHECK(report.condition->text == "fails iff M <= 16 and group_size < K");
  CHECK(says(*report.condition, "M 16 wrong, 17 right"));
  CHECK(says(*report.condition, "K 128 right, 256 wrong"));
  CHECK(says(*report.condition, fmt::format("{} launches of random layers: M from 1 to ", report.condition->launches)));
  CHECK(condition_of("r 128 --shape 512,256 --m 1 --black-box --inject l2-hint-illegal") == report.condition->text);
}

namespace {

/// A fault, the command that shows it, and the condition that it was planted with.
struct Known {
  const char* fault;
  const char* command;
  const char* condition;
};

constexpr Known kDataPath[] = {
    {"tile-loop-bound", "r 128 --shape 384,192", "fails iff N % 128 == 64"},
    {"wrapper-shape-check-dead", "r 128 --shape 384,192", "fails iff N % 256 != 0"},
    {"scale-extent-large-k", "r 32 --shape 2048,256", "fails iff K > group_size * group_size"},
    {"repack-tail-unwritten", "r -1 --shape 400,256", "fails iff K % 32 == 16"},
    {"thread-config-broken", "r 128 --shape 256,128 --m 300", "fails iff M > 256"},
    {"scale-not-passed-variant", "b -1 --m 16", "fails iff group_size == K"},
    {"k-tail-dropped", "b 128", "fails at every launched shape"},
};

constexpr Known kStripes[] = {
    {"small-group-tile-stale", "b 32",
     "fails iff group_size in {32, 64} and group_size < K and a stripe has several block_tiles"},
    {"tile-pointer-wrap", "b 128", "fails iff M > 64 and 64 rows are no whole number of stripes"},
    {"lock-workspace-dirty", "b 128", "fails iff a column is summed by several thread blocks"},
};

constexpr Known kRaces[] = {
    {"writeout-race", "b 128", "fails iff M > 63 and a thread block goes on from a column that it sums alone"},
    {"scale-ring-refill", "r 128 --shape 1024,256 --m 64 --block-tile 64x256 --sms 1",
     "fails iff M > 63 and group_size == 128 and a thread block sums more than 4 block_tiles of a column"},
};

void check_conditions(std::span<const Known> planted) {
  test::FaultLoop loop;
  for (const Known& known : planted) {
    const auto fault = std::ranges::find(faults::faults(), known.fault, &faults::Fault::name);
    REQUIRE(fault != faults::faults().end());
    if (loop.takes(fault->stage))
      CHECK(condition_of(fmt::format("{} --inject {}", known.command, known.fault)) == known.condition);
  }
}

}  // namespace

TEST_CASE("sweep: the condition of each fault of the data path is exactly what it was planted with") {
  check_conditions(kDataPath);
}

TEST_CASE("sweep: faults of stripes are told by how thread blocks share the work") { check_conditions(kStripes); }

TEST_CASE("sweep: a race is found by repeating every launch") { check_conditions(kRaces); }

TEST_CASE("sweep: layers are like the case in type and zero points and act-order") {
  CHECK(condition_of("r 128 --fixture up_asym_act --m 16 --dtype bf16 --inject perm-a-missing") ==
        "fails iff group_size < K");
  CHECK(condition_of("r 128 --fixture up_asym_act --inject temp-buffer-overrun") ==
        "fails iff M > 1 and group_size < K");
}

TEST_CASE("sweep: what random data does not show is said to lie in the data or the cut") {
  const report::Report cut = swept("b 128 --slice rows:1/2 --inject tp-shard-splits-group");
  REQUIRE(cut.condition);
  CHECK(cut.condition->text.find("the condition is in the cut or the data") != std::string::npos);
  const report::Report latent = swept("b 128 --inject sym-consumes-qzeros");
  REQUIRE(latent.condition);
  CHECK(latent.condition->text.find("there is no failure to follow") != std::string::npos);
  CHECK(latent.condition->launches == latent.repeats.value().launches);
}

TEST_CASE("sweep: a healthy path is not swept and neither is a mismatch that is explained") {
  const report::Report healthy = swept("b 128 --m 16");
  CHECK(healthy.verdict == report::Verdict::match);
  CHECK_FALSE(healthy.condition);
  const report::Report unasked = test::report_of("b 128 --m 16 --inject l2-hint-illegal");
  CHECK(unasked.verdict == report::Verdict::mismatch);
  CHECK_FALSE(unasked.condition);
}

TEST_CASE("sweep: a budget that is too small is said and never exceeded by much") {
  const report::Report report = swept("b 128 --m 16 --inject l2-hint-illegal --sweep-budget 9");
  REQUIRE(report.condition);
  CHECK_FALSE(report.condition->finished);
  CHECK(report.condition->text.find("so far: ") == 0);
  CHECK(says(*report.condition, "9 shapes are too few for "));
  const int before = 2 + 1;  // at the case's own shape and at a smaller one
  CHECK(report.condition->launches == 9 + before - 1);
}

TEST_CASE("sweep: the same command gives the same condition in text and JSON") {
  const std::string command = "r 128 --shape 384,192 --inject tile-loop-bound";
  const report::Report first = swept(command), second = swept(command);
  CHECK(report::json_of(first)["condition"].dump() == report::json_of(second)["condition"].dump());
  CHECK(report::json_of(first)["condition"]["text"] == "fails iff N % 128 == 64");
  CHECK(report::json_of(first)["condition"]["finished"] == true);
  CHECK(report::text_of(first, false).find("\ncondition    fails iff N % 128 == 64\n") != std::string::npos);
}

TEST_CASE("sweep: shapes keep the base on their axes and groups divide K and products stay bounded") {
  const sweep::Shape base{.M = 5, .K = 96, .N = 160, .group = 32, .thread_blocks = 7};
  const sweep::Space space = sweep::shapes_around(base, base, kernel::BlockTile{});
  const sweep::Point point = sweep::point_of(base);
  CHECK(sweep::shape_at(point) == base);
  for (std::size_t i = 0; i < space.axes.size(); ++i) CHECK(std::ranges::count(space.axes[i].ladder, point[i]) == 1);
  CHECK(space.axes[sweep::kAxisK].step == 32);
  CHECK(std::ranges::count(space.axes[sweep::kAxisN].ladder, 64 + 32) == 1);
  CHECK(space.possible({1, 96, 64, 32, 1}));
  CHECK_FALSE(space.possible({1, 96, 64, 64, 1}));
  CHECK_FALSE(space.possible({1, 1 << 14, 1 << 12, 64, 1}));
  CHECK_FALSE(space.possible({1 << 14, 1 << 10, 1 << 10, 64, 1}));
}

TEST_CASE("sweep: smaller shapes keep the remainders and are none of a small case") {
  CHECK(sweep::smaller_shapes({.M = 1, .K = 384, .N = 192, .group = 128}).empty());
  const std::vector<sweep::Shape> shapes =
      sweep::smaller_shapes({.M = 1, .K = 2048 + 128, .N = 11008 + 64, .group = 128});
  REQUIRE(shapes.size() == 3);
  CHECK(shapes[0] == sweep::Shape{.M = 1, .K = 512 + 128, .N = 256 + 64, .group = 128});
}

TEST_CASE("sweep: conditions on stripes follow the drawing of the plan") {
  // 3 x 3 block_tiles and 5 thread blocks: stripes of 2; columns 1 and 3 are cut, and so is column 2
  const std::vector<sweep::Relation> relations = sweep::relations_of_stripes({});
  const sweep::Point drawn = {64, 384, 384, 128, 5}, one_block = {128, 384, 384, 128, 1}, many = {64, 384, 384, 128, 9};
  const auto holds = [&](const char* text, const sweep::Point& point) {
    return relation_at(relations, text).holds(point);
  };
  const char* const long_stripes = "a stripe has several block_tiles";
  CHECK(holds(long_stripes, drawn));
  CHECK_FALSE(holds(long_stripes, many));
  const char* const shared = "a column is summed by several thread blocks";
  CHECK(holds(shared, drawn));
  CHECK_FALSE(holds(shared, one_block));
  const char* const straddles = "64 rows are no whole number of stripes";
  CHECK(holds(straddles, drawn));
  CHECK_FALSE(holds(straddles, many));
  const char* const goes_on = "a thread block goes on from a column that it sums alone";
  CHECK(holds(goes_on, one_block));
  CHECK_FALSE(holds(goes_on, drawn));
}
