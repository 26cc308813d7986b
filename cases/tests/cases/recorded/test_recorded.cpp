// SPDX-License-Identifier: Apache-2.0
// A recorded output: what one output proves, and what it does not.
#include "cases/case/task.h"
#include "cases/faults/faults.h"
#include "cases/recorded/bisect_recorded.h"
#include "cases/tests/cases/ask.h"
#include "cases/tests/fixtures/scratch.h"
#include "fixtures/files/npy.h"
#include "kernel/lane_model/lane_model.h"
#include "repack/plain_layer.h"

#include <doctest/doctest.h>
#include <fmt/ranges.h>

namespace {

using namespace w4;
using namespace w4::cases;

struct Recorded {
  Options options;
  Prepared prepared;

  explicit Recorded(const std::string& command)
      : options(test::options_of(command)), prepared(prepare(options.request)) {}

  /// What the lane model computes of the layer, with faults planted.
  Grid<std::uint16_t> output(const std::vector<std::string>& faults) const {
    const repack::Recipe recipe = faults::recipe_of_faults(faults);
    return kernel::lane_model::run_lane_model(task_of(prepared, repack::repack(prepared.layer, recipe), options),
                                              recipe)
        .C;
  }

  report::Report report_on(const Grid<std::uint16_t>& C) {
    const fixtures::test::Scratch scratch;
    fixtures::files::write_npy(fixtures::files::tensor_of("C", prepared.layer.dtype, C), scratch / "C.npy");
    options.asked = asked::RecordedOutput{scratch / "C.npy"};
    return recorded::bisect_recorded(prepared, options, [](std::string_view) {});
  }
};

std::string evidence_of(const report::Report& report) {
  return fmt::format("{}", fmt::join(report.culprits.at(0).evidence, "\n"));
}

constexpr const char* kSmall = "r 128 --shape 256,128 --m 4";

}  // namespace

TEST_CASE("recorded: one fault is named and two at once are not") {
  Recorded recorded(kSmall);
  const report::Report one = recorded.report_on(recorded.output({"scale-perm-missing"}));
  CHECK(one.culprits.at(0).fault == "scale-perm-missing");
  const report::Report two = recorded.report_on(recorded.output({"scale-perm-missing", "zp-v1v2-offset"}));
  REQUIRE(two.culprits.size() == 1);
  CHECK(two.culprits[0].fault == "unexplained");
  CHECK(two.culprits[0].stage.empty());
  const std::string evidence = evidence_of(two);
  CHECK_MESSAGE(evidence.find("two faults at once, of stages ") != std::string::npos, evidence);
  CHECK_MESSAGE(evidence.find("one output does not prove two") != std::string::npos, evidence);
  CHECK_MESSAGE(evidence.find("scale-perm-missing") == std::string::npos, evidence);
}

TEST_CASE("recorded: what no known fault gives is described by its residual") {
  Recorded recorded(kSmall);
  Grid<std::uint16_t> C = recorded.output({});
  const auto elsewhere = Grid<std::uint16_t>::from(C.rows(), C.cols(), [&](int m, int n) { return C(m, 127 - n); });
  const report::Report report = recorded.report_on(elsewhere);
  CHECK(report.culprits.at(0).fault == "unexplained");
  CHECK_MESSAGE(evidence_of(report).find("all n hold 127 - n") != std::string::npos, evidence_of(report));
}

TEST_CASE("recorded: zeros that are right are rounded as the others are") {
  Recorded recorded(kSmall);
  const Grid<std::uint16_t> A = recorded.prepared.A;
  recorded.prepared.A =
      Grid<std::uint16_t>::from(A.rows(), A.cols(), [&](int m, int k) { return m == 1 ? 0 : A(m, k); });
  const report::Report report = recorded.report_on(recorded.output({}));
  CHECK(report.verdict == report::Verdict::match);
  CHECK(report.rounding);
}

TEST_CASE("recorded: a class of --rounding that is refuted is a mismatch") {
  Recorded recorded(kSmall);
  recorded.options.effort.rounding = judge::parse_rounding("folded");
  const report::Report report = recorded.report_on(recorded.output({}));
  CHECK(report.verdict == report::Verdict::mismatch);
  CHECK_MESSAGE(report.reason.starts_with("the rounding is not as --rounding says: "), report.reason);
  CHECK(report.culprits.at(0).fault == "unexplained");
}

TEST_CASE("recorded: a right output of a layer that lint distrusts accuses the layer and no kernel stage") {
  Recorded recorded("b 128 --m 4");
  const Grid<std::uint16_t> right = recorded.output({});
  fixtures::PlainLayer plain = repack::plain_layer_of(recorded.prepared.layer);
  plain.codes = Grid<std::uint8_t>::from(plain.codes.rows(), plain.codes.cols(), [&](int k, int n) {
    return static_cast<std::uint8_t>(plain.codes(k, n) ^ 8);
  });
  recorded.prepared.layer = repack::stored_like(recorded.prepared.layer, plain);
  const report::Report report = recorded.report_on(right);
  REQUIRE(report.culprits.size() == 1);
  CHECK(report.culprits[0].stage == "checkpoint");
  CHECK(report.culprits[0].fault == "code-twos-complement");
  CHECK_MESSAGE(evidence_of(report).find("this output is right for the layer with codes ^ 8") != std::string::npos,
                evidence_of(report));
}
