// SPDX-License-Identifier: Apache-2.0
// Races of a kernel that is seen from outside alone: the lane model with a race, behind the door of a kernel on a GPU.
#include "cases/case/task.h"
#include "cases/search/launch_rules.h"
#include "cases/search/races.h"
#include "cases/tests/cases/ask.h"
#include "fixtures/half.h"
#include "kernel/lane_model/lane_model.h"

#include <doctest/doctest.h>

#include <functional>

namespace {

using namespace w4;
using namespace w4::cases;
using kernel::RunResult;
using kernel::Task;
using kernel::child::SanitizerAnswer;
using report::Culprit;

using Way = std::function<RunResult(const Task&)>;

class KernelOfTest final : public kernel::child::ForeignKernel {
 public:
  explicit KernelOfTest(Way way) : way_(std::move(way)) {}
  RunResult run(const Task& task) override { return way_(task); }
  std::string name() const override { return "kernel of a test"; }
  bool on_device() const override { return true; }

 private:
  Way way_;
};

Way lane_model(const repack::Recipe& recipe) {
  return [=](const Task& task) { return kernel::lane_model::run_lane_model(task, recipe); };
}

/// In each launch one row of C is computed from the operands that `changed` makes.
Way with_a_row_of(const std::function<void(Task&)>& changed) {
  return [=](const Task& task) {
    RunResult result = kernel::lane_model::run_lane_model(for_lane_model(task));
    Task other = for_lane_model(task);
    changed(other);
    const RunResult wrong = kernel::lane_model::run_lane_model(other);
    const auto row = static_cast<int>(task.launch.number % 7);
    result.C = Grid<std::uint16_t>::from(result.C.rows(), result.C.cols(),
                                         [&](int m, int n) { return (m == row ? wrong : result).C(m, n); });
    return result;
  };
}

/// The activations of three units of 64 rows before: as if they were read before the copies arrive.
void read_a_too_early(Task& task) {
  const Grid<std::uint16_t> right = task.A;
  task.A = Grid<std::uint16_t>::from(right.rows(), right.cols(),
                                     [&](int m, int k) { return right(m, k < 192 ? k : k - 192); });
}

void read_scales_too_early(Task& task) {
  const Grid<std::uint16_t> right = task.packed.scales;
  task.packed.scales = Grid<std::uint16_t>::from(right.rows(), right.cols(),
                                                 [&](int g, int place) { return right(std::max(0, g - 2), place); });
}

struct Raced {
  Options options;
  Prepared prepared;
  KernelOfTest kernel;
  search::Progress quiet = [](std::string_view) {};
  search::LaunchTrials trials;

  explicit Raced(Way way, const std::string& command = "r 128 --shape 384,320 --m 64",
                 const std::string& launch = " --block-tile 64x256 --sms 1")
      : options(test::options_of(command + launch + " --repeat 6")),
        prepared(prepare(options.request)),
        kernel(std::move(way)),
        trials(kernel, prepared, options, task_of(prepared, repack::repack(prepared.layer), options), quiet) {}

  std::vector<Culprit> races(const std::vector<SanitizerAnswer>& sanitizers = {}) {
    return search::faults_of_repeats(trials, sanitizers);
  }
};

SanitizerAnswer hazards(bool write_after_read) {
  return {.tool = "racecheck",
          .finished = true,
          .problem = "",
          .errors = 2,
          .findings = {},
          .write_after_read = write_after_read,
          .read_after_write = !write_after_read};
}

std::string text_of(const std::vector<Culprit>& culprits) {
  std::string text;
  for (const Culprit& culprit : culprits) {
    text += culprit.fault + " in " + culprit.stage + "\n";
    for (const std::string& line : culprit.evidence) text += "  " + line + "\n";
  }
  return text;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const repack::Recipe kRefill{{"pipeline", "scale-ring-refill"}}, kWriteOut{{"reduce", "writeout-race"}};

}  // namespace

TEST_CASE("races: a refill is named by the groups whose scales are used and its cure is not the write-out's") {
  for (const std::vector<SanitizerAnswer>& sanitizers :
       {std::vector<SanitizerAnswer>{}, {hazards(true)}, {hazards(false)}}) {
    const std::vector<Culprit> found = Raced(lane_model(kRefill)).races(sanitizers);
    CAPTURE(text_of(found));
    REQUIRE(found.size() == 1);
    CHECK(found[0].fault == "scale-ring-refill");
    CHECK(found[0].stage == "pipeline");
    CHECK(has(text_of(found), "with equal scales in all groups 40 launches are equal in every bit"));
    CHECK(has(text_of(found), "most by scales of later groups (the nearest is 2 further on)"));
    CHECK(has(text_of(found), "behind whose write-out nothing is loaded, it is the same"));
    CHECK(found[0].cure.find("a barrier before the refill") == 0);
    CHECK(has(found[0].cure, "A barrier after the write-out changes nothing"));
  }
}

TEST_CASE("races: a write-out is named where one slice a block calms it and never with a refill's cure") {
  for (const std::vector<SanitizerAnswer>& sanitizers : {std::vector<SanitizerAnswer>{}, {hazards(true)}}) {
    const std::vector<Culprit> found = Raced(lane_model(kWriteOut)).races(sanitizers);
    CAPTURE(text_of(found));
    REQUIRE(found.size() == 1);
    CHECK(found[0].fault == "writeout-race");
    CHECK(has(text_of(found), "with equal scales in all groups launches still differ"));
    CHECK(has(text_of(found), "behind whose write-out nothing is loaded, 40 launches are equal in every bit"));
    CHECK(has(text_of(found), "on one thread block, which hands nothing over, launches still differ"));
  }
  const std::vector<Culprit> one_group = Raced(lane_model(kWriteOut), "r -1 --shape 384,320 --m 64").races();
  REQUIRE(one_group.size() == 1);
  CHECK(one_group[0].fault == "writeout-race");
}

TEST_CASE("races: two at once are both named") {
  const std::vector<Culprit> found =
      Raced(lane_model({{"pipeline", "scale-ring-refill"}, {"reduce", "writeout-race"}})).races();
  CAPTURE(text_of(found));
  REQUIRE(found.size() == 2);
  CHECK(found[0].fault == "scale-ring-refill");
  CHECK(found[1].fault == "writeout-race");
}

TEST_CASE("races: a hand-over between thread blocks is calm on one block and no write-out") {
  const auto early = [](Task& task) {
    if (task.launch.thread_blocks > 2) read_a_too_early(task);  // 2 columns: no slice is handed over on 2 blocks
  };
  const std::vector<Culprit> found =
      Raced(with_a_row_of(early), "r 128 --shape 384,320 --m 64", " --block-tile 64x256 --sms 8").races();
  CAPTURE(text_of(found));
  REQUIRE(found.size() == 1);
  CHECK(found[0].fault == "unexplained");
  CHECK(found[0].stage == "reduce");
  CHECK(has(text_of(found), "on one thread block, which hands nothing over, 40 launches are equal in every bit"));
}

TEST_CASE("races: a probe that is not asked and one whose launches do not run are told") {
  const std::vector<Culprit> found =
      Raced(with_a_row_of(read_a_too_early), "r 128 --shape 384,320 --m 64", " --kernel exec:x").races();
  CAPTURE(text_of(found));
  CHECK(has(text_of(found), "one slice a thread block is not asked for: that takes --block-tile"));
  const Way raced = with_a_row_of(read_a_too_early);
  const std::vector<Culprit> failed = Raced([&](const Task& task) {
                                        RunResult result = raced(task);
                                        if (task.packed.scales[0] == bits_of(1.0f, DType::fp16)) result.return_code = 7;
                                        return result;
                                      }).races();
  CAPTURE(text_of(failed));
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].fault == "unexplained");
  CHECK(has(text_of(failed), "with equal scales in all groups a launch does not run: nothing follows"));
}

TEST_CASE("races: operands of other rows of K are read too early or overwritten and racecheck says which") {
  const std::vector<Culprit> found = Raced(with_a_row_of(read_a_too_early)).races();
  CAPTURE(text_of(found));
  REQUIRE(found.size() == 1);
  CHECK(found[0].fault == "smem-race or an early refill");
  CHECK(has(text_of(found), "where all rows of K are alike 40 launches are equal in every bit"));
  const std::vector<Culprit> early = Raced(with_a_row_of(read_a_too_early)).races({hazards(false)});
  REQUIRE(early.size() == 1);
  CHECK(early[0].fault == "smem-race");
  const std::vector<Culprit> overwritten = Raced(with_a_row_of(read_a_too_early)).races({hazards(true)});
  REQUIRE(overwritten.size() == 1);
  CHECK(overwritten[0].fault == "unexplained");  // neither known race, though it writes after a read
  CHECK(overwritten[0].stage == "pipeline");
}

TEST_CASE("races: scales of groups further back are read too early and are no refill") {
  const std::vector<Culprit> found = Raced(with_a_row_of(read_scales_too_early)).races();
  CAPTURE(text_of(found));
  REQUIRE(found.size() == 1);
  CHECK(found[0].fault == "smem-race");
  CHECK(has(text_of(found), "further back"));
}

TEST_CASE("races: scales that the launch before left in shared memory are not those of a later group") {
  Grid<std::uint16_t> left;
  const std::vector<Culprit> found =
      Raced(with_a_row_of([&](Task& task) {
        const Grid<std::uint16_t> own = task.packed.scales;
        const Grid<std::uint16_t> there = left.rows() == own.rows() ? left : own;
        left = own;
        task.packed.scales = Grid<std::uint16_t>::from(
            own.rows(), own.cols(), [&](int g, int place) { return (g == 0 ? there : own)(g == 0 ? 2 : g, place); });
      })).races();
  CAPTURE(text_of(found));
  REQUIRE(found.size() == 1);
  CHECK(found[0].fault == "smem-race");
}

TEST_CASE("races: hazards without launches that differ are a note and no evidence") {
  Raced calm(lane_model({}));
  CHECK(calm.races({hazards(true)}).empty());
  CHECK_FALSE(search::is_evidence(hazards(true), calm.trials));
  CHECK(search::is_evidence({.tool = "racecheck", .finished = true, .problem = "", .findings = {}}, calm.trials));
  calm.trials.repeat_until_different(10);
  CHECK(calm.trials.launches().size() == 10);
  CHECK(has(search::note_of(hazards(true), calm.trials), "10 launches are equal in every bit"));
  Raced wrong(lane_model({{"epilogue", "bias-one"}, {"pipeline", "k-tail-dropped"}}));  // always in the same way
  CHECK(wrong.races({hazards(false)}).empty());
  Raced race(lane_model(kRefill));
  CHECK(search::is_evidence(hazards(true), race.trials));
}

TEST_CASE("races: launches that differ by rounding alone are no race of a kernel that is wrong besides") {
  const std::vector<Culprit> found =
      Raced([](const Task& task) {
        RunResult result = kernel::lane_model::run_lane_model(task, {{"pipeline", "k-tail-dropped"}});
        std::vector<std::uint16_t> bits(result.C.cells().begin(), result.C.cells().end());
        bits[task.launch.number] ^= 1;  // the last bit of one output
        result.C = Grid<std::uint16_t>(result.C.rows(), result.C.cols(), bits);
        return result;
      }).races();
  CHECK(found.empty());
}
