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
    matrix::Outcome outcome;
    const char* reason;  // a part of it
  };
  constexpr Expected kExpected[] = {
      {"sound", matrix::Outcome::pass, ""},
      {"prints", matrix::Outcome::pass, ""},
      {"returns_code", matrix::Outcome::fail, "return code 2"},
      {"segfaults", matrix::Outcome::crashed, "SIGSEGV"},
      {"aborts", matrix::Outcome::crashed, "SIGABRT"},
      {"exits", matrix::Outcome::crashed, "exit code 3"},
      {"exits_well", matrix::Outcome::crashed, "exit code 0"},
      {"spins", matrix::Outcome::timed_out, "not done after 1 s"},
      {"writes_nothing", matrix::Outcome::fail, "written"},
      {"writes_half", matrix::Outcome::fail, "written"},
      {"writes_zeros", matrix::Outcome::fail, "beyond the bound"},
      {"writes_nan", matrix::Outcome::fail, "NaN"},
      {"writes_behind", matrix::Outcome::fail, "C: "},
      {"writes_before", matrix::Outcome::fail, "C: "},
      {"changes_input", matrix::Outcome::fail, "words"},
      {"leaves_workspace", matrix::Outcome::fail, "words of the workspace are left non-zero"},
      {"leaves_workspace_later", matrix::Outcome::fail, "words of the workspace are left non-zero"},
      {"forgets_bias", matrix::Outcome::fail, "beyond the bound"},
      {"adds_up", matrix::Outcome::fail, ""},
      {"survives_once", matrix::Outcome::crashed, "SIGFPE"},
      {"spoils_few_rows", matrix::Outcome::fail, "beyond the bound"},
      {"refuses", matrix::Outcome::unsupported, "refuses this case: return code 1"},
      {"refuses_again", matrix::Outcome::fail, "refuses this case: return code 1"},
      {"writes_on_channel", matrix::Outcome::unreadable, "the plug-in's answer cannot be read: a packet of 7 bytes"},
      {"not_there", matrix::Outcome::skipped, "there is no such file"},
  };
  const CaseId id = parse_case("M4_K256_N256_g64_sym_bias_fp16_r_s3");
  for (const auto& [name, outcome, reason] : kExpected) {
    CaseId asked = id;
    asked.kernel = plugin(name);
    CAPTURE(asked.kernel);
    const int limit = outcome == matrix::Outcome::timed_out ? test::kShort : test::kLong;
    const matrix::Record record = matrix::CaseRunner({.timeout_seconds = limit}).check(asked);
    CHECK_MESSAGE(record.outcome == outcome, matrix::name_of(record.outcome), ": ", record.reason);
    CHECK_MESSAGE(record.reason.find(reason) != std::string::npos, record.reason);
    CHECK(record.rounding.has_value() == (outcome == matrix::Outcome::pass));
    try {
      const report::Report report = test::ask_kernel(asked.kernel, limit, "r 64 --case " + id.text());
      CHECK((report.verdict == report::Verdict::mismatch) ==
            (matrix::is_red(record.outcome) && outcome != matrix::Outcome::unreadable));
      CHECK((report.verdict == report::Verdict::unreadable) == (outcome == matrix::Outcome::unreadable));
    } catch (const CannotTest& error) {
      CHECK(record.outcome != matrix::Outcome::pass);
      CHECK_FALSE(matrix::is_red(record.outcome));
      CHECK(record.reason == error.what());
    }
  }
}
