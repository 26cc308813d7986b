// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/audit.h"

#include "cases/report/report_text.h"
#include "cases/tests/cases/ask.h"
#include "cases/tests/cases/chosen_faults.h"
#include "fixtures/error.h"
#include "fixtures/half.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <cmath>

using namespace w4;
using namespace w4::cases;

namespace {

constexpr std::uint16_t kFill = 0x7E37;
constexpr std::uint16_t kNan = 0x7E00;

using Rules = std::vector<std::string>;

const Rules kAll = {"mean abs error / mean abs < 0.04",
                    "mean abs error / mean abs < 0.001",
                    "cosine > 0.99",
                    "1 - 2xy/(xx+yy) < 1e-3",
                    "1 - 2xy/(xx+yy) < 1e-5",
                    "rtol 0.15, atol 0.001",
                    "within 0.1 + 0.1 relative for 99.9 %",
                    "relative 0.05 with a floor of 1/256",
                    "z <= 8"};

/// The rules that pass every right kernel, by numerics.md.
const Rules kRefuseNoneRight = {kAll[0], kAll[1], kAll[2], kAll[3], kAll[4], kAll[6], kAll[8]};

const judge::AuditLine& line_of(const std::vector<judge::AuditLine>& audit, const std::string& rule) {
  for (const judge::AuditLine& line : audit)
    if (line.rule == rule) return line;
  throw InputError("no rule '{}'", rule);
}

Rules passed(const std::vector<judge::AuditLine>& audit) {
  Rules rules;
  for (const judge::AuditLine& line : audit)
    if (line.passed) rules.push_back(line.rule);
  return rules;
}

/// (M, 64) values about 1 as rounding to fp16 leaves them.
struct RightOutput {
  judge::Expected expected;
  std::vector<std::uint16_t> bits;

  explicit RightOutput(int M = 4) : expected{.M = M, .N = 64, .K = 128, .y = {}, .norm = {}, .variance = {}} {
    for (int i = 0; i < M * expected.N; ++i) {
      const double y = (i % 2 == 0 ? 1.0 : -1.0) * (1.0 + 0.37 * (i % 7) + 0.0001 * i);
      expected.y.push_back(y);
      expected.norm.push_back(1.0);
      expected.variance.push_back(y * y);
      bits.push_back(bits_of(static_cast<float>(y), DType::fp16));
    }
  }
  std::vector<judge::AuditLine> audited() const {
    return judge::audit(Grid<std::uint16_t>(expected.M, expected.N, bits), expected, kFill);
  }
};

}  // namespace

TEST_CASE("audit: the rules are those of the table in its order and a right output passes all that refuse none") {
  for (const char* command : {"b 128", "b 128 --fixture down", "b 128 --fixture up_asym_act", "b -1 --fixture down",
                              "r 32 --shape 1024,128", "r 64 --shape 512,256 --m 65 --reduce 16 --sms 30"}) {
    INFO("./bisect ", std::string(command));
    const report::Report report = w4::test::ask(command);
    REQUIRE(report.verdict == report::Verdict::match);
    Rules names;
    for (const judge::AuditLine& line : report.audit) names.push_back(line.rule);
    CHECK(names == kAll);
    for (const std::string& rule : kRefuseNoneRight) {
      INFO(rule, " is ", line_of(report.audit, rule).value);
      CHECK(line_of(report.audit, rule).passed);
    }
  }
}

TEST_CASE("audit: a relative error with a low floor refuses right kernels and rtol 0.15 refuses right bf16") {
  CHECK_FALSE(line_of(w4::test::ask("b 128").audit, kAll[7]).passed);
  CHECK_FALSE(line_of(w4::test::ask("b 128 --fixture down").audit, kAll[7]).passed);
  const report::Report bf16 = w4::test::ask("r 128 --shape 1024,512 --dtype bf16");
  REQUIRE(bf16.verdict == report::Verdict::match);
  CHECK_FALSE(line_of(bf16.audit, kAll[5]).passed);
  CHECK_FALSE(line_of(bf16.audit, kAll[1]).passed);  // rounding alone leaves 2e-3 in bf16
  CHECK(line_of(bf16.audit, kAll[8]).passed);
}

TEST_CASE("audit: faults pass by name the rules that are too wide for them and never z") {
  struct Missed {
    const char* fault;
    const char* command;
    Rules by;
  };
  const std::vector<Missed> table = {
      {"zp-v1v2-offset", "b 128", {kAll[2]}},
      {"scales-averaged", "b 128", {kAll[2]}},
      {"bias-missing", "b 128", {kAll[2]}},
      {"writeout-race", "b 128", {kAll[0], kAll[2]}},
      {"zp-clamped-folded", "r 128 --fixture up_asym_act", {kAll[0], kAll[2], kAll[3], kAll[6]}},
      {"fp16-accumulate-overflow", "b 128", {kAll[0], kAll[1], kAll[2], kAll[3], kAll[4], kAll[5], kAll[6]}},
      {"scale-perm-missing", "b 128", {}},
      {"output-not-zeroed-atomic", "b 128", {}},
  };
  for (const Missed& missed : table) {
    INFO("./bisect ", std::string(missed.command), " --inject ", std::string(missed.fault));
    CHECK(passed(w4::test::ask(missed.command, {missed.fault}).audit) == missed.by);
  }
}

TEST_CASE("audit: each rule but the two narrow ones passes some planted fault that leaves a wrong element") {
  std::vector<int> missed(kAll.size(), 0);
  for (const w4::test::Planted& planted : w4::test::chosen_faults()) {
    const report::Report report = w4::test::ask(planted.command, {planted.inject});
    if (report.comparison->wrong == 0) continue;
    for (std::size_t rule = 0; rule < kAll.size(); ++rule) missed[rule] += report.audit.at(rule).passed;
  }
  constexpr std::size_t kNarrow = 2;  // the last: a floor of 1/256, and z
  for (std::size_t rule = 0; rule < kAll.size(); ++rule) {
    INFO(std::string(kAll[rule]));
    const bool narrow = rule + kNarrow >= kAll.size();
    if (narrow || w4::test::every_fault()) CHECK((missed[rule] > 0) == !narrow);
  }
}

TEST_CASE("audit: values are those of a hand count") {
  RightOutput output(1);
  for (std::size_t i = 0; i < output.bits.size(); ++i) {
    output.expected.y[i] = 1;
    output.bits[i] = bits_of(i == 0 ? 1.5F : 1.0F, DType::fp16);
  }
  const std::vector<judge::AuditLine> lines = output.audited();
  CHECK(lines[0].value == doctest::Approx(0.5 / 64));
  CHECK(lines[2].value == doctest::Approx(64.5 / std::sqrt(64 * 65.25)));
  CHECK(lines[3].value == doctest::Approx(1 - 129 / 129.25));
  CHECK(lines[5].value == doctest::Approx(0.5 / 0.151));
  CHECK(lines[6].value == doctest::Approx(63.0 / 64));
  CHECK(lines[7].value == doctest::Approx(0.5));
  CHECK(lines[8].value > 1000);
}

TEST_CASE("audit: one NaN refuses by every rule but the one with a quota") {
  RightOutput few(4), many(32);
  few.bits[70] = kNan;
  many.bits[70] = kNan;
  CHECK(passed(few.audited()).empty());
  CHECK(passed(many.audited()) == Rules{kAll[6]});
  CHECK(std::isnan(few.audited()[0].value));
  CHECK(std::isnan(few.audited()[5].value));
  CHECK(std::isnan(few.audited()[8].value));
}

TEST_CASE("audit: an infinity refuses as NaN does") {
  RightOutput inf;
  inf.bits[70] = 0x7C00;
  CHECK(passed(inf.audited()).empty());
}

TEST_CASE("audit: what was never written counts as 0 and passes where 0 is right") {
  RightOutput output;
  output.bits[70] = kFill;
  const std::vector<judge::AuditLine> unwritten = output.audited();
  output.bits[70] = 0;
  const std::vector<judge::AuditLine> zero = output.audited();
  for (std::size_t i = 0; i < kAll.size(); ++i) CHECK(unwritten[i].value == zero[i].value);
  CHECK_FALSE(unwritten[8].passed);
  output.bits[70] = kFill;
  output.expected.y[70] = 0;
  CHECK(passed(output.audited()) == kAll);
}

TEST_CASE("audit: nothing written at all is refused by every rule and the text says what it counts as") {
  const report::Report report = w4::test::ask("b 128", {"output-to-temporary"});
  CHECK(passed(report.audit).empty());
  CHECK(report.audit[0].value == 1);
  const std::string text = report::text_of(report, false);
  CHECK(text.find("\naudit        would pass: none\n             refused by: mean abs error / mean abs < 0.04 (1), ") !=
        std::string::npos);
  CHECK(text.find("cosine > 0.99 (NaN)") != std::string::npos);
  CHECK(text.find("never written counts as 0") != std::string::npos);
}

TEST_CASE("audit: a match has it in JSON alone and a mismatch in both") {
  const report::Report match = w4::test::ask("b 128");
  CHECK(report::text_of(match, false).find("would pass") == std::string::npos);
  CHECK(report::json_of(match)["audit"].size() == kAll.size());
  const report::Report mismatch = w4::test::ask("b 128", {"output-not-zeroed-atomic"});
  CHECK(report::text_of(mismatch, false).find("would pass: none") != std::string::npos);
  const auto line = report::json_of(mismatch)["audit"][0];
  CHECK(line["rule"] == kAll[0]);
  CHECK(line["value"].is_null());
  CHECK(line["limit"] == 0.04);
  CHECK(line["passed"] == false);
}

TEST_CASE("audit: an output of another shape is refused with both shapes") {
  const RightOutput right;
  CHECK_THROWS_WITH_AS(judge::audit(Grid<std::uint16_t>(2, 128, right.bits), right.expected, kFill),
                       "output is (2, 128) where the case has M=4 and N=64", InputError);
}
