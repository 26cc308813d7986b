// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/finding_groups.h"

#include "cases/matrix/matrix_run.h"
#include "cases/tests/cases/matrix/made_results.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>

using namespace w4;
using namespace w4::cases;
using namespace w4::cases::matrix;

namespace {

/// M 1, 16 and 64, group 32 and 128, both types: those that `fails` chooses have the finding.
Results grid_of(const std::function<bool(int M, int group, bool fp16)>& fails) {
  std::vector<Record> records;
  for (const int M : {1, 16, 64})
    for (const int group : {32, 128})
      for (const bool fp16 : {true, false}) {
        records.push_back(fails(M, group, fp16) ? failed(0) : passed(0));
        records.back().case_text = fmt::format("M{}_K512_N512_g{}_sym_{}_r_s7", M, group, fp16 ? "fp16" : "bf16");
      }
  return result_of(std::move(records));
}

std::string condition(const std::function<bool(int M, int group, bool fp16)>& fails) {
  const Results results = grid_of(fails);
  return condition_of(groups_of(red_cases(results)).at(0), results);
}

}  // namespace

TEST_CASE("findings: where one shows is said in the words of where") {
  CHECK(condition([](int, int, bool) { return true; }) == "fails for all values of M, group and dtype");
  CHECK(condition([](int M, int, bool) { return M <= 16; }) == "fails iff M <= 16, for all values of group and dtype");
  CHECK(condition([](int M, int, bool) { return M >= 16; }) == "fails iff M >= 16, for all values of group and dtype");
  CHECK(condition([](int M, int group, bool) { return M == 64 && group == 32; }) ==
        "fails iff M == 64 and group == 32, for all values of dtype");
  CHECK(condition([](int M, int, bool fp16) { return M != 16 && !fp16; }) ==
        "fails iff M != 16 and dtype == bf16, for all values of group");
}

TEST_CASE("findings: a condition that other cases fulfil too says how many") {
  CHECK(condition([](int M, int group, bool fp16) { return M > 1 && (group == 32 || fp16); }) ==
        "fails only where M >= 16, in 6 of 8 cases");
  CHECK(condition([](int M, int group, bool fp16) { return (M == 64) == (group == 32) && (fp16 || M == 1); }) ==
        "fails in 4 of 12 cases");
}

TEST_CASE("findings: a case alone and cases that cannot be parsed have no condition") {
  CHECK(condition([](int M, int group, bool fp16) { return M == 1 && group == 32 && fp16; }).empty());
  Results results = grid_of([](int, int, bool) { return true; });
  results.records[0].case_text = "no case";
  CHECK(condition_of(groups_of(red_cases(results)).at(0), results).empty());
}

TEST_CASE("findings: equal ones of the same outcome are one block and the largest comes first") {
  Results results =
      result_of({failed(1), ended(2, Outcome::crashed, "signal 11"), failed(3), passed(4),
                 ended(5, Outcome::crashed, "signal 11"), failed(6), ended(7, Outcome::crashed, "signal 6")});
  results.records[5].finding["culprits"][0]["fault"] = "bias-missing";
  const std::vector<FindingGroup> groups = groups_of(red_cases(results));
  REQUIRE(groups.size() == 4);
  CHECK(groups[0].what == "scale-perm-missing in stage scale_order");
  CHECK(groups[0].cases.size() == 2);
  CHECK(groups[0].cure() == "permute the scales");
  CHECK(groups[1].what == "signal 11");
  CHECK(groups[1].cases.size() == 2);
  CHECK(groups[1].cure().empty());
  CHECK(groups[2].what == "bias-missing in stage scale_order");
  CHECK(groups[3].what == "signal 6");
}

TEST_CASE("summary: a finding is told once with its cure and the command of its first case") {
  CHECK(summary_of(grid_of([](int M, int, bool) { return M == 1; })) ==
        "fail         4 cases: scale-perm-missing in stage scale_order\n"
        "             fails iff M == 1, for all values of group and dtype\n"
        "cure         permute the scales\n"
        "first        M1_K512_N512_g32_sym_fp16_r_s7: max z 1e+04, limit 8\n"
        "             ./bisect --case " +
            case_number(0) + "\nmatrix ci    8 pass, 4 fail\n");
}
