// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/cases/matrix/made_results.h"
#include "cases/tests/fixtures/scratch.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>

using namespace w4;
using namespace w4::cases;
using fixtures::test::error_of;
using fixtures::test::Scratch;

namespace {

matrix::Results read_back(const std::string& text) {
  const Scratch scratch;
  return matrix::read_results(scratch.file("r.jsonl", text).string());
}

/// The message about a result file of a heading and this record.
std::string error_in(const std::string& record) {
  const Scratch scratch;
  const auto path = scratch.file("r.jsonl", matrix::text_of(result_of({})) + record + "\n");
  return error_of(path, [&] { matrix::read_results(path.string()); });
}

}  // namespace

TEST_CASE("records: what is written is read back whole") {
  matrix::Results results =
      result_of({passed(1), failed(2), ended(3, matrix::Outcome::timed_out, "no end after 60 s")});
  results.heading.selection = {"--only *g128*"};
  results.records[1].known = matrix::Known{.reason = "issue 12", .expires = "2026-12-31"};
  results.records[0].rounding = {judge::parse_rounding("once/any:6"), "in words"};
  results.records[0].made_with = {{"kernel", "0123456789abcdef"}, {"program", "fedcba9876543210"}};
  results.records[2].times = 5;
  results.records[2].failed = 2;
  const matrix::Results again = read_back(matrix::text_of(results));
  CHECK(again.heading == results.heading);
  CHECK(matrix::text_of(again) == matrix::text_of(results));
  CHECK(again.records[1].known == results.records[1].known);
  CHECK(again.records[0].made_with == results.records[0].made_with);
  REQUIRE(again.records[0].rounding);
  CHECK(again.records[0].rounding->rounding == results.records[0].rounding->rounding);
  CHECK_FALSE(again.records[0].known.has_value());
  CHECK(matrix::finding_line(again.records[1]) == "scale-perm-missing in stage scale_order");
  results.records[1].finding = {{"culprits", {{{"fault", "unexplained"}, {"stage", ""}}}}};
  CHECK(matrix::finding_line(results.records[1]) == "unexplained");
}

TEST_CASE("records: a figure that is no number is null in the file and NaN again when read") {
  matrix::Results results = result_of({passed(1)});
  results.records[0].error->max_z = std::numeric_limits<double>::quiet_NaN();
  CHECK(matrix::text_of(results).find("\"max_z\":null") != std::string::npos);
  CHECK(std::isnan(read_back(matrix::text_of(results)).records[0].error->max_z));
}

TEST_CASE("records: a finding or a known failure of the wrong shape is refused with its line") {
  const std::string front = R"({"case":"M1","outcome":"fail","reason":"x","seconds":1,)";
  CHECK(error_in(front + R"("finding":[1],"rerun":""})") == "FILE, line 2: 'finding' is no object");
  CHECK(error_in(front + R"("finding":{"culprits":["a"]},"rerun":""})") ==
        "FILE, line 2: no 'stage' of the expected kind; it is no result of schema w4bisect.results/1");
  CHECK(error_in(front + R"("rerun":"","known":{"reason":"x"}})") ==
        "FILE, line 2: no 'expires' of the expected kind; it is no result of schema w4bisect.results/1");
  CHECK(error_in(front + R"("finding":{"culprits":[]},"rerun":""})") == "no error");
  CHECK(error_in(front + R"("rounding":{"class":"twice","text":""},"rerun":""})") ==
        "FILE, line 2: 'twice' is no class of rounding that this program knows");
}

TEST_CASE("records: a value of another type or a number that no count can be is refused with its line") {
  const std::string front = R"({"case":"M1","outcome":"fail","reason":"x","seconds":1,)";
  const std::string kind = " of the expected kind; it is no result of schema w4bisect.results/1";
  for (const char* figure : {R"("x")", "[]", "true"})
    CHECK(error_in(front + R"("error":{"max_z":)" + figure + R"(,"rms_z":1,"nrmse":1,"gain":1},"rerun":""})") ==
          "FILE, line 2: no 'max_z'" + kind);
  for (const char* times : {"-1", "1.5", "1e30", "3000000000", R"("2")", "null"})
    CHECK(error_in(front + R"("repeated":{"failed":1,"times":)" + times + R"(},"rerun":""})") ==
          "FILE, line 2: no 'times'" + kind);
  CHECK(error_in(front + R"("repeated":3,"rerun":""})") == "FILE, line 2: no 'times'" + kind);
  for (const char* sums : {"3", "[]", R"({"kernel":1})"})
    CHECK(error_in(front + R"("rerun":"","made_with":)" + sums + "}") == "FILE, line 2: no 'made_with'" + kind);
  CHECK(error_in(R"("text")") == "FILE, line 2: no 'case'" + kind);
  CHECK(error_in(front + R"("rerun":"","rerun":"y"})") == "FILE, line 2: key 'rerun' is given twice");
  CHECK(error_in(front + R"("pictures":)" + std::string(100000, '[')) == "FILE, line 2: JSON nested deeper than 32");
}

TEST_CASE("records: a heading of the wrong shape is refused") {
  for (const char* shard : {"[1]", "[1e30,2]", "[-1,2]", R"(["1",2])", "7"}) {
    const Scratch scratch;
    const auto path =
        scratch.file("r.jsonl", fmt::format(R"({{"schema":1,"set":"ci","selection":[],"cases":1,"shard":{}}})"
                                            "\n",
                                            shard));
    CHECK(error_of(path, [&] { matrix::read_results(path.string()); }) ==
          "FILE, line 1: no 'shard' of the expected kind; it is no result of schema w4bisect.results/1");
  }
}
