// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/compare.h"

#include "cases/tests/cases/matrix/made_results.h"
#include "cases/tests/fixtures/scratch.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace w4;
using namespace w4::cases;
using namespace w4::cases::matrix;
using fixtures::test::error_of;

namespace {

Record timed(Record record, double seconds) {
  record.launch_seconds = seconds;
  return record;
}

Comparison of(std::vector<Record> a, std::vector<Record> b) {
  for (Record& record : a) record.case_text += "@plugin:a.so";
  for (Record& record : b) record.case_text += "@plugin:b.so";
  return compared({"A", result_of(std::move(a))}, {"B", result_of(std::move(b))});
}

Change change(const Record& a, const Record& b) { return of({a}, {b}).cases.at(0).change; }

}  // namespace

TEST_CASE("compare: what changes between red and not run and pass is worse one way and better the other") {
  const Record right = passed(1), wrong = failed(1), idle = ended(1, Outcome::skipped, "no GPU");
  const Record crashed = ended(1, Outcome::crashed, "signal 11");
  CHECK(change(right, wrong) == Change::worse);
  CHECK(change(right, idle) == Change::worse);
  CHECK(change(idle, wrong) == Change::worse);
  CHECK(change(wrong, right) == Change::better);
  CHECK(change(idle, right) == Change::better);
  CHECK(change(wrong, crashed) == Change::differs);
  CHECK(change(wrong, wrong) == Change::same);
  CHECK(of({right}, {wrong}).exit_code() == 1);
  CHECK(of({wrong}, {right}).exit_code() == 0);
  CHECK(of({wrong}, {crashed}).exit_code() == 0);
  CHECK(of({right}, {wrong}).cases[0].why == "A pass; B fail: max z 1e+04, limit 8");
}

TEST_CASE("compare: a pass beyond the noise of another is worse and one within it is the same") {
  Record near = passed(1), far = passed(1), coarse = passed(1), wide = passed(1), tight = passed(1);
  near.error->max_z = 3.5 + 2.4;
  far.error->max_z = 3.5 + 2.6;
  coarse.error->nrmse *= 2;
  CHECK(change(passed(1), near) == Change::same);
  CHECK(change(passed(1), far) == Change::worse);
  CHECK(change(passed(1), coarse) == Change::worse);
  CHECK(change(far, passed(1)) == Change::better);
  CHECK(of({passed(1)}, {far}).cases[0].why ==
        "B is less accurate: max z 6.10, 3.50 in the other; nrmse 2.70e-04, 2.70e-04 in the other");
  CHECK(change(timed(passed(1), 1), timed(passed(1), 100)) == Change::same);
}

TEST_CASE("compare: what changed comes first then the worst quotient and cases of one alone last") {
  const Comparison comparison =
      of({timed(passed(1), 1), timed(passed(2), 1), timed(passed(3), 1), failed(4), passed(5), passed(6)},
         {timed(passed(1), 1.5), timed(passed(2), 3), failed(3), passed(4), passed(5), passed(7)});
  std::vector<std::string> order;
  for (const ComparedCase& each : comparison.cases) order.push_back(each.case_text);
  CHECK(order == std::vector<std::string>{case_number(3), case_number(4), case_number(2), case_number(1),
                                          case_number(5), case_number(6), case_number(7)});
  CHECK(comparison.cases[2].time == 3);
  CHECK(comparison.cases[5].change == Change::only_in_a);
  CHECK(comparison.cases[6].change == Change::only_in_b);
  const auto json = json_of(comparison);
  CHECK(json["median_time"] == 1.5);
  CHECK(json["cases"][5]["b"] == nullptr);
  CHECK(text_of(comparison).ends_with("compared     1 worse, 1 better, 3 same, 1 only in A, 1 only in B\n"));
}

TEST_CASE("compare: results without a common case and a result of two kernels are refused") {
  CHECK(error_of([] { of({passed(1)}, {passed(2)}); }) ==
        "A and B have no case in common: there is nothing to compare");
  CHECK(error_of([] {
          compared({"A", result_of({passed(1), passed(1)})}, {"B", result_of({passed(1)})});
        }) == "A: has " + case_number(1) + " of two kernels, one is compared");
}

TEST_CASE("compare: nothing in a name ends a line or a cell") {
  Comparison comparison = of({passed(1)}, {failed(1)});
  comparison.a.name = "a\n|b";
  CHECK(text_of(comparison).find("a\\n|b") != std::string::npos);
  CHECK(markdown_of(comparison).starts_with("### <code>a&#92;n"));
  CHECK(markdown_of(comparison).find("\n|b") == std::string::npos);
}
