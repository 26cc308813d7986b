// SPDX-License-Identifier: Apache-2.0
// The user's kernel, swept over shapes.
#include "cases/tests/kernel/child/kernel_case.h"

#include "cases/proof/rounding_kernels.h"
#include "cases/sweep/condition.h"
#include "cases/sweep/random_cases.h"
#include "cases/tests/cases/ask.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace {

using namespace w4;
namespace judge = cases::judge;
using cases::report::Report;

constexpr const char* kFewRows = "fails iff M <= 24 and group_size < K";

Report report_of(const std::string& spec, const std::string& command) {
  return test::report_of(command + " --kernel " + spec);
}

}  // namespace

TEST_CASE("sweep: a plug-in that nothing explains is swept by itself and the condition is evidence") {
  const Report report = report_of(test::plugin("spoils_few_rows"), "r 128 --shape 256,128 --m 4");
  REQUIRE(report.condition);
  CHECK(report.condition->finished);
  CHECK(report.condition->text == kFewRows);
  CHECK(report.culprits.at(0).fault == "unexplained");
  CHECK(std::ranges::count(report.culprits[0].evidence, kFewRows) == 1);
}

TEST_CASE("sweep: one kind of failure is followed and shapes that fail in another way are left out") {
  const auto condition_of = [](const char* rows) {
    const Report report =
        report_of(test::plugin("fails_two_ways"), "r 128 --shape 256,128 --sweep --m " + std::string(rows));
    REQUIRE(report.condition);
    std::string text = report.condition->text;
    for (const std::string& line : report.condition->evidence)
      if (line.find("followed: ") == 0) text += "; " + line;
    return text;
  };
  const std::string values = condition_of("16"), code = condition_of("4");
  CHECK_MESSAGE(values.find(kFewRows) == 0, values);
  CHECK_MESSAGE(values.find("; followed: wrong values. ") != std::string::npos, values);
  CHECK_MESSAGE(values.find("first return code 3 at M=") != std::string::npos, values);
  CHECK_MESSAGE(code.find("fails iff M <= 8; followed: return code 3. ") == 0, code);
}

TEST_CASE("sweep: a plug-in that is explained is swept when asked and not otherwise") {
  CHECK_FALSE(report_of(test::plugin("forgets_bias"), "b 128 --m 4").condition);
  const Report asked = report_of(test::plugin("returns_code"), "b 128 --m 4 --sweep");
  REQUIRE(asked.condition);
  CHECK(asked.condition->text == "fails at every launched shape");
}

TEST_CASE("sweep: a plug-in that takes no bias is swept without one and a sound one is not swept") {
  CHECK_FALSE(report_of(test::plugin("takes_no_bias"), "b 128 --m 4 --sweep").condition);
  const Report report = report_of(test::plugin("forgets_bias"), "b 128 --m 4 --sweep");
  REQUIRE(report.condition);
  CHECK(report.condition->text == "fails at every launched shape");
}

TEST_CASE("sweep: a shape passes under a class of rounding that probes confirm and no other") {
  using judge::WeightRounding, judge::SumRounding;
  cases::Options options = test::options_of("--case M16_K512_N128_g128_sym_fp16_r_s7");
  const cases::Prepared prepared = cases::prepare(options.request);
  options.asked = cases::asked::Kernel{.spec = "plugin:"};
  const auto outcome_of = [&](const cases::proof::RoundingWay& way) {
    cases::proof::RoundingKernel kernel(way);
    cases::probe::KernelBox box(kernel);
    const cases::search::Progress silent = [](std::string_view) {};
    cases::sweep::RandomCases swept({.box = &box, .options = options, .like = prepared.id}, silent);
    return swept.at_base({.M = 16, .K = 512, .N = 128, .group = 128}, false);
  };
  using Adding = cases::proof::RoundingWay::Adding;
  CHECK(outcome_of({"chains of 8", {WeightRounding::once, SumRounding::chains, 8}}) == cases::sweep::Outcome::right);
  CHECK(outcome_of({"all of K", {WeightRounding::once, SumRounding::chains, 1 << 20}, Adding::serial, 16}) ==
        cases::sweep::Outcome::wrong);
}

TEST_CASE("sweep: a plug-in that hangs is not swept unless asked") {
  const Report report = report_of(test::plugin("spins"), "b 128 --m 4 --timeout 1");
  REQUIRE(report.condition);
  CHECK(report.condition->text.find("hangs too") != std::string::npos);
  CHECK(report.condition->launches == 1);
}

TEST_CASE("sweep: a command is swept when asked and not because nothing explains it") {
  cases::Options options;
  options.asked = cases::asked::Kernel{"exec:anything"};
  Report report;
  report.verdict = cases::report::Verdict::mismatch;
  report.culprits = {{.stage = "", .fault = "unexplained"}};
  CHECK_FALSE(cases::sweep::wants_condition(report, options));
  options.effort.sweep = true;
  CHECK(cases::sweep::wants_condition(report, options));
  options.asked = cases::asked::Kernel{"plugin:anything"};
  options.effort.sweep = false;
  CHECK(cases::sweep::wants_condition(report, options));
  options.asked = cases::asked::RecordedOutput{"C.npy"};
  CHECK_FALSE(cases::sweep::wants_condition(report, options));
}
