// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/case_runner.h"
#include "cases/tests/kernel/child/kernel_case.h"

#include <doctest/doctest.h>

using namespace w4;
using namespace w4::cases;
using test::plugin;

TEST_CASE("matrix: of a plug-in a case is red where bisect calls it a mismatch, and what is wrong is its reason") {
  struct Expected {
    const char* name;
    Outcome outcome;
    const char* reason;  // a part of it
  };
  constexpr Expected kExpected[] = {
      {"sound", Outcome::pass, ""},
      {"prints", Outcome::pass, ""},
      {"returns_code", Outcome::fail, "return code 2"},
      {"segfaults", Outcome::crashed, "SIGSEGV"},
      {"aborts", Outcome::crashed, "SIGABRT"},
      {"exits", Outcome::crashed, "exit code 3"},
      {"exits_well", Outcome::crashed, "exit code 0"},
      {"spins", Outcome::timed_out, "not done after 1 s"},
      {"writes_nothing", Outcome::fail, "written"},
      {"writes_half", Outcome::fail, "written"},
      {"writes_zeros", Outcome::fail, "beyond the bound"},
      {"writes_nan", Outcome::fail, "NaN"},
      {"writes_behind", Outcome::fail, "C: "},
      {"writes_before", Outcome::fail, "C: "},
      {"changes_input", Outcome::fail, "words"},
      {"leaves_workspace", Outcome::fail, "words of the workspace are left non-zero"},
      {"leaves_workspace_later", Outcome::fail, "words of the workspace are left non-zero"},
      {"forgets_bias", Outcome::fail, "beyond the bound"},
      {"adds_up", Outcome::fail, ""},
      {"survives_once", Outcome::crashed, "SIGFPE"},
      {"spoils_few_rows", Outcome::fail, "beyond the bound"},
  };
  const CaseId id = parse_case("M4_K256_N256_g64_sym_bias_fp16_r_s3");
  for (const auto& [name, outcome, reason] : kExpected) {
    CAPTURE(name);
    CaseId asked = id;
    asked.kernel = plugin(name);
    const int limit = outcome == Outcome::timed_out ? test::kShort : test::kLong;
    const Record record = CaseRunner({.timeout_seconds = limit}).check(asked);
    CHECK_MESSAGE(record.outcome == outcome, name_of(record.outcome), ": ", record.reason);
    CHECK_MESSAGE(record.reason.find(reason) != std::string::npos, record.reason);
    const Report report = test::ask_foreign(asked.kernel, limit, "r 64 --case " + id.text());
    CHECK((report.verdict == Verdict::mismatch) == is_red(record.outcome));
  }
}
