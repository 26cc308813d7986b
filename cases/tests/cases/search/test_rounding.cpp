// SPDX-License-Identifier: Apache-2.0
#include "cases/case/task.h"
#include "cases/judge/class_fit.h"
#include "cases/proof/rounding_proof.h"
#include "cases/report/report_text.h"
#include "cases/search/bisect_box.h"
#include "cases/search/examine.h"
#include "cases/search/rounding_search.h"
#include "cases/tests/cases/ask.h"
#include "cases/tests/cases/chosen_faults.h"
#include "fixtures/error.h"
#include "kernel/lane_model/lane_model.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <map>
#include <span>

namespace {

using namespace w4;
using namespace w4::cases;
using proof::RoundingKernel;
using proof::RoundingWay;

const search::Progress kSilent = [](std::string_view) {};
const auto kNoProgress = [](int, int) {};

/// A case whose kernel may round in ways that are not ours.
struct UsersCase {
  explicit UsersCase(const std::string& command)
      : options(w4::test::options_of(command)), prepared(prepare(options.request)) {
    options.asked = asked::Kernel{.spec = "plugin:"};
  }
  search::KernelExamination examined(kernel::child::ForeignKernel& kernel) const {
    return search::examine(kernel, prepared, options, task(), kSilent);
  }
  kernel::Task task() const { return task_of(prepared, repack::repack(prepared.layer), options); }
  judge::Expected expected() const {
    return judge::expected_output(prepared.layer, prepared.A,
                                  rounding_with_classes(prepared.layer, for_lane_model(task())));
  }
  Options options;
  Prepared prepared;
};

/// The lane model as a user's kernel, with faults in it.
class LaneModelKernel final : public kernel::child::ForeignKernel {
 public:
  explicit LaneModelKernel(repack::Recipe recipe) : recipe_(std::move(recipe)) {}
  kernel::RunResult run(const kernel::Task& task) override {
    return kernel::lane_model::run_lane_model(for_lane_model(task), recipe_);
  }
  std::string name() const override { return "lane model"; }

 private:
  repack::Recipe recipe_;
};

constexpr const char* kCases[] = {
    "--case M16_K512_N256_g128_asym_fp16_r_s7",
    "--case M16_K512_N256_g-1_asym_bias_bf16_r_s8",
    "--case M4_K1024_N256_g64_asym_act_fp16_r_s9",
    "--case M16_K768_N192_g32_sym_bias_fp16_r_s10",
};

}  // namespace

TEST_CASE("rounding: right kernels that round in every way are matches and no class is wider than the way") {
  for (const char* command : std::span(kCases).first(3)) {
    const UsersCase users(command);
    for (const RoundingWay& way : proof::rounding_ways()) {
      INFO("./bisect ", std::string(command), ", ", std::string(way.what));
      RoundingKernel kernel(way);
      const search::KernelExamination seen = users.examined(kernel);
      CHECK_MESSAGE(seen.right(), seen.reason);
      REQUIRE(seen.trials.rounding());
      const judge::RoundingClass found = *seen.trials.rounding();
      CAPTURE(judge::name_of(found));
      CHECK(found.weights <= std::max(way.rounding.weights, judge::WeightRounding::once));
      if (way.rounding.sums == judge::SumRounding::wide) CHECK(found.sums == judge::SumRounding::wide);
    }
  }
}

TEST_CASE("rounding: a kernel that its own way alone explains is told that way") {
  const std::map<std::string, const char*> kTold = {
      {"fp32 throughout", "unrounded/32/once"},
      {"weights rounded once", "once/32/once"},
      {"scale * code - scale * zero point, each rounded", "products/32/once"},
      {"two products in 16 bits, of codes and of zero points", "folded/32/once"},
  };
  const UsersCase users(kCases[0]);
  std::size_t told = 0;
  for (const RoundingWay& way : proof::rounding_ways()) {
    RoundingKernel kernel(way);
    const auto found = users.examined(kernel).trials.rounding();
    REQUIRE(found);
    CAPTURE(std::string(way.what));
    CAPTURE(judge::name_of(*found));
    if (const auto exact = kTold.find(way.what); exact != kTold.end()) {
      CHECK(judge::name_of(*found) == exact->second);
      ++told;
    }
    if (way.rounding.sums == judge::SumRounding::chains) CHECK(found->sums == judge::SumRounding::chains);
    if (way.rounding.sums == judge::SumRounding::any_cuts && way.rounding.count > 4)
      CHECK(found->sums == judge::SumRounding::any_cuts);
  }
  CHECK(told == kTold.size());
}

TEST_CASE("rounding: the lane model with partial sums in 16 bits is a match with hand-overs and none on one block") {
  const UsersCase users("--case M16_K1024_N512_g-1_sym_fp16_r_s7_tile64x256_sms24");
  LaneModelKernel narrow(repack::Recipe{{"reduce", "lowprec-partial-reduce"}});
  const search::KernelExamination seen = users.examined(narrow);
  CHECK_MESSAGE(seen.right(), seen.reason);
  REQUIRE(seen.trials.rounding());
  CHECK(seen.trials.rounding()->sums != judge::SumRounding::wide);
  CHECK(seen.trials.rounding()->sums != judge::SumRounding::chains);
  UsersCase alone("--case M16_K1024_N512_g-1_sym_fp16_r_s7_tile64x256_sms1");
  CHECK(alone.examined(narrow).trials.rounding()->sums == judge::SumRounding::wide);
}

TEST_CASE("rounding: small right kernels of all classes are not accused") {
  const std::vector<std::string> accused = proof::accused_by_rounding(45, kNoProgress);
  for (const std::string& line : accused) MESSAGE(line);
  CHECK(accused.empty());
}

TEST_CASE("rounding: accumulating all of K in 16 bits is no class") {
  RoundingWay whole{"all of K in 16 bits", {judge::WeightRounding::once, judge::SumRounding::chains, 1 << 20}};
  for (const char* command : {kCases[0], kCases[2], "b 128 --m 16", "b -1 --m 16"}) {
    const UsersCase users(command);
    INFO("./bisect ", std::string(command));
    for (const int step : {1, 8, 16}) {
      whole.step = step;
      RoundingKernel kernel(whole);
      CAPTURE(step);
      CHECK_FALSE(users.examined(kernel).right());
    }
    const UsersCase one_block(std::string(command) + " --sms 1");  // more cut K: their sums are short
    LaneModelKernel lanes(repack::Recipe{{"multiply", "fp16-accumulate-overflow"}});
    CHECK_FALSE(one_block.examined(lanes).right());
  }
}

TEST_CASE("rounding: wrong kernels pass under no class") {
  const proof::WrongKernels wrong = proof::missed_by_rounding(1, 4, kNoProgress);
  CHECK(wrong.tried > 15);
  for (const std::string& line : wrong.missed) MESSAGE(line);
  CHECK(wrong.missed.empty());
}

TEST_CASE("rounding: no class explains a planted fault but those that are ways to round") {
  const std::vector<std::string> kWaysToRound = {"lowprec-partial-reduce", "epilogue-cast-order",
                                                 "fp16-accumulate-overflow"};
  std::size_t wrong = 0;
  std::map<std::string, std::pair<UsersCase, judge::Expected>> cases;  // many faults share one
  for (const w4::test::Planted& planted : w4::test::chosen_faults()) {
    if (std::ranges::find(kWaysToRound, planted.fault) != kWaysToRound.end()) continue;
    INFO("./bisect ", std::string(planted.command), " --inject ", std::string(planted.inject));
    if (!cases.contains(planted.command)) {
      const UsersCase made(planted.command);
      cases.emplace(planted.command, std::pair(made, made.expected()));
    }
    const auto& [users, expected] = cases.at(planted.command);
    const OwnPath path(faults::recipe_of_faults({planted.inject}));
    repack::Weights value = repack::weights_of(users.prepared.layer);
    for (const StageId stage : kRepackingStages) value = path.stage(stage, value);
    const kernel::Task task = task_of(users.prepared, repack::packed_of(value), w4::test::options_of(planted.command));
    const kernel::RunResult result = path.run(task);
    if (!result.ran() || judge::compare(result.C, expected, task.launch.fill).right()) continue;
    ++wrong;
    for (const judge::RoundingClass& rounding : judge::wider_classes(result.C, expected, task.launch.fill))
      FAIL_CHECK(judge::name_of(rounding));
  }
  CHECK(wrong > (w4::test::every_fault() ? 25U : 5U));
}

TEST_CASE("rounding: a recorded output is never taken for chains and a class that is asked for judges alone") {
  const UsersCase users(kCases[0]);
  const auto explained = [&](const RoundingWay& way, const char* asked) {
    const Grid<std::uint16_t> C = proof::computed(way, users.task());
    return search::RoundingSearch(users.prepared, users.expected(), kernel::Launch{}.fill)
        .explain({&C}, asked ? std::optional(judge::parse_rounding(asked)) : std::nullopt, nullptr);
  };
  const RoundingWay chains{"chains", {judge::WeightRounding::once, judge::SumRounding::chains, 8}};
  CHECK_FALSE(explained(chains, nullptr).rounding);
  CHECK(explained(chains, "once/chains:8").rounding);
  CHECK_FALSE(explained(chains, "once").rounding);
  const RoundingWay products{"products", {judge::WeightRounding::products}};
  REQUIRE(explained(products, nullptr).rounding);
  CHECK(judge::name_of(*explained(products, nullptr).rounding) == "products/32/once");
  CHECK_FALSE(explained(products, "unrounded").rounding);
  const RoundingWay exact{"exact", {judge::WeightRounding::unrounded}};
  CHECK(explained(exact, "products").against.find("of what this rounding leaves") != std::string::npos);
}

TEST_CASE("rounding: a class that is no class and one for our own path are refused in a line") {
  const auto refused = [](const std::string& words, const char* why) {
    CHECK_THROWS_WITH_AS(w4::test::options_of("b 128 --rounding " + words), doctest::Contains(why), InputError);
  };
  refused("twice --kernel exec:x", "--rounding twice: WEIGHTS/SUMS/END is expected");
  refused("once", "it goes with --kernel plugin:FILE, exec:COMMAND and recorded:FILE");
  refused("once --kernel cuda", "it goes with --kernel");
  const Options options = w4::test::options_of("b 128 --rounding once/any:6 --kernel exec:x");
  CHECK(command_line(options) == "./bisect b 128 --kernel exec:x --rounding once/any:6/once");
}

TEST_CASE("rounding: a black box in front of the user's kernel is judged by its class in probes too") {
  UsersCase users(kCases[0]);
  RoundingKernel kernel(proof::rounding_ways()[2]);
  const auto asked = [&](repack::Recipe recipe) {
    probe::KernelBox box(kernel, std::move(recipe));
    return search::bisect_box(users.prepared, box, users.options, kSilent);
  };
  const report::Report healthy = asked({});
  CHECK_MESSAGE(healthy.verdict == report::Verdict::match, healthy.reason);
  CHECK(report::json_of(healthy)["rounding"]["class"] == "products/32/once");
  CHECK(report::text_of(healthy, false)
            .find("verdict      match (scale * code and scale * zero point each rounded to fp16; partial sums in 32 "
                  "bits)") != std::string::npos);
  users.options.effort.rounding = judge::parse_rounding("products");
  const report::Report wrong = asked(faults::recipe_of_faults({"scale-perm-missing"}));
  REQUIRE(wrong.culprits.size() == 1);
  CHECK(wrong.culprits[0].fault == "scale-perm-missing");
}
