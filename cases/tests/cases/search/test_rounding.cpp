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
#include "fixtures/half.h"
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

/// A right kernel that takes the layer of its case alone, or declines to run on one thread block: probes have no
/// answer.
class UnaskedKernel final : public RoundingKernel {
 public:
  UnaskedKernel(const RoundingWay& way, const UsersCase& of) : RoundingKernel(way), scales_(of.task().packed.scales) {}
  kernel::RunResult run(const kernel::Task& task) override {
    if (task.packed.scales != scales_) throw CannotTest("this layer is not taken");
    return RoundingKernel::run(task);
  }

 private:
  Grid<std::uint16_t> scales_;
};

/// As on a GPU: it takes the thread blocks of a launch, and hands over between them.
class BlocksKernel final : public RoundingKernel {
 public:
  BlocksKernel(const RoundingWay& way, bool alone) : RoundingKernel(way), alone_(alone) {}
  bool on_device() const override { return true; }
  kernel::RunResult run(const kernel::Task& task) override {
    if (task.launch.thread_blocks != 1) return RoundingKernel::run(task);
    if (!alone_) throw CannotTest("one thread block is not taken");
    return RoundingKernel(RoundingWay{"one block", {judge::WeightRounding::once}}).run(task);
  }

 private:
  bool alone_;
};

/// The class of a way, and what our own kernel rounds besides, which is never refuted. Two roundings of each slice are
/// as many hand-overs.
judge::RoundingClass with_ours(const RoundingWay& way, const fixtures::Layer& layer) {
  judge::RoundingClass allowed = way.rounding;
  allowed.weights = std::max(allowed.weights, judge::WeightRounding::once);
  if (layer.group_size == layer.K) allowed.end = std::max(allowed.end, judge::EndRounding::before_scale);
  if (way.adding == RoundingWay::Adding::atomic) allowed.count *= 2;
  return allowed;
}

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
      CAPTURE(judge::name_of(*seen.trials.rounding()));
      CHECK_FALSE(judge::is_wider(*seen.trials.rounding(), with_ours(way, users.prepared.layer)));
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
  const std::vector<std::string> accused = proof::accused_by_rounding(w4::test::every_fault() ? 200 : 30, kNoProgress);
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

TEST_CASE("rounding: chains are no class where the probe of sums has no answer") {
  const RoundingWay chains{"chains", {judge::WeightRounding::once, judge::SumRounding::chains, 8}};
  const UsersCase users(kCases[0]);
  RoundingKernel asked(chains);
  CHECK(users.examined(asked).right());
  UnaskedKernel unasked(chains, users);
  CHECK_FALSE(users.examined(unasked).right());
  UnaskedKernel weights({"products", {judge::WeightRounding::products}}, users);  // no probe of sums is needed
  CHECK(users.examined(weights).right());
}

TEST_CASE("rounding: one accumulator in 16 bits that adds 32 or 64 rows at once is no class of a long K") {
  for (const char* command : {"--case M16_K2048_N256_g128_sym_fp16_r_s7", "--case M16_K4096_N128_g128_asym_fp16_r_s9",
                              "--case M16_K2048_N256_g-1_sym_bf16_r_s8"}) {
    const UsersCase users(command);
    INFO("./bisect ", std::string(command));
    RoundingWay whole{"all of K in 16 bits", {judge::WeightRounding::once, judge::SumRounding::chains, 1 << 20}};
    for (const int step : {32, 64}) {
      whole.step = step;
      RoundingKernel kernel(whole);
      CAPTURE(step);
      const search::KernelExamination seen = users.examined(kernel);
      CHECK_MESSAGE(!seen.right(), judge::name_of(seen.trials.rounding().value_or(judge::RoundingClass{})));
    }
    for (const int handed_over : {7, 15}) {
      RoundingKernel right({"slices", {judge::WeightRounding::once, judge::SumRounding::any_cuts, handed_over}});
      CAPTURE(handed_over);
      CHECK(users.examined(right).right());
    }
  }
  const RoundingWay often{"32 slices", {judge::WeightRounding::once, judge::SumRounding::any_cuts, 31}};
  const UsersCase users("--case M16_K2048_N256_g128_sym_fp16_r_s7");
  BlocksKernel asked(often, true), unasked(often, false);
  CHECK(users.examined(asked).right());
  CHECK_FALSE(users.examined(unasked).right());
}

TEST_CASE("rounding: a half of the columns with larger errors than the other half is told by its bit of n") {
  const UsersCase users(kCases[0]);
  const RoundingWay products{"products", {judge::WeightRounding::products}}, exact{"exact", {}};
  const Grid<std::uint16_t> large = proof::computed(products, users.task()),
                            small = proof::computed(exact, users.task());
  const auto C = Grid<std::uint16_t>::from(large.rows(), large.cols(),
                                           [&](int m, int n) { return ((n & 128) != 0 ? large : small)(m, n); });
  const judge::Expected expected = judge::under(users.expected(), products.rounding);
  CHECK(judge::failed_class_gate(large, expected, kernel::Launch{}.fill) == "");
  CHECK(judge::failed_class_gate(C, expected, kernel::Launch{}.fill) ==
        "the errors of columns with n & 128 = 128 are larger than those of the others");
}

TEST_CASE("rounding: every launch passes the gates of a class not only the first that needs it") {
  const UsersCase users(kCases[0]);
  const RoundingWay products{"products", {judge::WeightRounding::products}};
  const Grid<std::uint16_t> good = proof::computed(products, users.task());
  kernel::Task less = users.task();
  less.A = Grid<std::uint16_t>::from(less.A.rows(), less.A.cols(), [&](int m, int k) {
    const std::uint16_t a = users.prepared.A(m, k);
    return k == 18 ? bits_of(0.98f * value_of(a, DType::fp16), DType::fp16) : a;
  });
  const Grid<std::uint16_t> bad = proof::computed(products, less);
  const search::RoundingSearch judged(users.prepared, users.expected(), kernel::Launch{}.fill);
  REQUIRE(judge::compare(bad, judge::under(users.expected(), products.rounding), kernel::Launch{}.fill).right());
  CHECK(judged.explain({&good}, {}, nullptr).rounding);
  CHECK_FALSE(judged.explain({&good, &bad}, {}, nullptr).rounding);
}

TEST_CASE("rounding: a class of --rounding that is refuted is a mismatch though the output is right as ours is") {
  UsersCase users(kCases[0]);
  users.options.effort.rounding = judge::parse_rounding("products");
  RoundingKernel exact({"exact", {judge::WeightRounding::once}});
  const std::string why = users.examined(exact).reason;
  CHECK_MESSAGE(why.starts_with("the rounding is not as --rounding says: errors are "), why);
  probe::KernelBox box(exact);
  const report::Report report = search::bisect_box(users.prepared, box, users.options, kSilent);
  CHECK(report.verdict == report::Verdict::mismatch);
  CHECK(report.reason == why);
  REQUIRE(report.culprits.size() == 1);
  CHECK(report.culprits[0].fault == "unexplained");
}

TEST_CASE("rounding: wrong kernels pass under no class") {
  const proof::WrongKernels wrong = proof::missed_by_rounding(1, 1, kNoProgress);
  CHECK(wrong.tried > 60);  // each also by the class that its way is, as --rounding asks for it
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
    for (const judge::RoundingClass& rounding :
         judge::wider_classes(result.C, expected, task.launch.fill, judge::Confirmed::by_probes))
      FAIL_CHECK(judge::name_of(rounding));
  }
  CHECK(wrong > (w4::test::every_fault() ? 25U : 5U));
}

TEST_CASE("rounding: errors of each way have the size that its class predicts") {
  const int outputs = w4::test::every_fault() ? 200'000 : 40'000;
  const std::vector<proof::VarianceLine> lines = proof::simulate_variances(outputs, kNoProgress);
  CHECK(lines.size() == 10);
  for (const proof::VarianceLine& line : lines) {
    CAPTURE(line.what);
    CHECK(line.rms > 0.9);
    CHECK(line.rms < 1.15);
    CHECK(line.max_z < judge::kMaxZ);
  }
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
