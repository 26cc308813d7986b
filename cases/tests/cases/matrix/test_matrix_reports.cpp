// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/markdown_table.h"
#include "cases/matrix/reports.h"
#include "cases/tests/cases/matrix/made_results.h"

#include <doctest/doctest.h>
#include <pugixml.hpp>

#include <algorithm>

using namespace w4;
using namespace w4::cases;
using namespace w4::cases::matrix;

namespace {

Results of_every_outcome() {
  return result_of({passed(0), failed(1), ended(2, Outcome::flaky, "2 of 5 runs fail"),
                    ended(3, Outcome::unsupported, "K is no multiple of 128"), ended(4, Outcome::skipped, "no GPU"),
                    ended(5, Outcome::crashed, "signal 11"), ended(6, Outcome::timed_out, "no end after 60 s")});
}

struct Junit {
  pugi::xml_document document;
  pugi::xml_node suite;
  explicit Junit(const Results& results, const News* news = nullptr) {
    REQUIRE(document.load_string(junit_of(results, news).c_str()));
    suite = document.child("testsuites").child("testsuite");
  }
  pugi::xml_node test(int i) const { return *std::next(suite.children("testcase").begin(), i); }
  std::string element_of(int i) const { return test(i).first_child().name(); }
};

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t times = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++times;
  return times;
}
bool has(const std::string& text, const std::string& what) { return count(text, what) > 0; }

/// Ten thousand failures with as much text as a file can put in a field.
Results of_long_texts(char filler) {
  std::vector<Record> records;
  for (int i = 0; i < 10'000; ++i) {
    Record record = i % 2 == 0 ? failed(i) : ended(i, Outcome::skipped, "");
    record.reason = std::to_string(i) + std::string(3000, filler);
    record.case_text += std::string(3000, filler);
    record.rerun += std::string(3000, filler);
    if (i % 2 == 0) record.finding["culprits"][0]["fault"] = std::to_string(i) + std::string(3000, filler);
    records.push_back(record);
  }
  return result_of(std::move(records));
}

}  // namespace

TEST_CASE("JUnit: one test a case and every outcome is what JUnit has for it") {
  const Junit junit(of_every_outcome());
  CHECK(std::distance(junit.suite.begin(), junit.suite.end()) == 7);
  const char* want[] = {"", "failure", "failure", "skipped", "skipped", "error", "error"};
  for (int i = 0; i < 7; ++i) CHECK(junit.element_of(i) == want[i]);
  CHECK(junit.test(0).attribute("name").value() == case_number(0));
  CHECK(junit.test(0).attribute("classname").value() == std::string("ci"));
  CHECK(junit.test(0).attribute("time").value() == std::string("0.100000"));
  CHECK(junit.test(4).child("skipped").attribute("message").value() == std::string("no GPU"));
  CHECK(junit.test(6).child("error").attribute("type").value() == std::string("timed-out"));
}

TEST_CASE("JUnit: the counts of the suite are those of its tests") {
  Results results = of_every_outcome();
  for (const Record& record : {failed(7), failed(8), ended(9, Outcome::skipped, "no GPU")})
    results.records.push_back(record);
  const Junit junit(results);
  for (const pugi::xml_node node : {junit.suite, junit.suite.parent()}) {
    CHECK(node.attribute("tests").as_int() == 10);
    CHECK(node.attribute("failures").as_int() == 4);
    CHECK(node.attribute("errors").as_int() == 2);
    CHECK(node.attribute("time").value() == std::string("1.000000"));
  }
  CHECK(junit.suite.attribute("skipped").as_int() == 3);
}

TEST_CASE("JUnit: a failure's text is its finding and the command that repeats it") {
  const Junit junit(of_every_outcome());
  CHECK(junit.test(1).child("failure").attribute("message").value() == std::string("max z 1e+04, limit 8"));
  CHECK(junit.test(1).child("failure").text().get() ==
        "max z 1e+04, limit 8\n"
        "culprit: scale-perm-missing in stage scale_order\n"
        "  the variant reproduces it bit for bit\n"
        "  no other does\n"
        "  cure: permute the scales\n"
        "  alone: ./bisect --inject scale-perm-missing\n"
        "error: max z 1e+04, rms z 1000, nrmse 3.000e-01, gain 0.9\n"
        "rerun: ./bisect --case " +
            case_number(1) + "\n");
  CHECK(junit.test(5).child("error").text().get() == "signal 11\nrerun: ./bisect --case " + case_number(5) + "\n");
}

TEST_CASE("JUnit: text with characters that XML forbids or needs is read back") {
  Results results = result_of({failed(1), passed(2)});
  results.records[0].reason = std::string("a<b>&\"'\n\t]]>\0\x1B[31m\xFF", 19);
  results.records[1].case_text = "M1@exec:\x01<&>\"";
  results.records[1].seconds = -1;
  const std::string text = junit_of(results, nullptr);
  const Junit junit(results);
  const std::string reason = "a<b>&\"'\\n\\t]]>\\x00\\x1b[31m\\xff";
  CHECK(junit.test(0).child("failure").attribute("message").value() == reason);
  CHECK(std::string(junit.test(0).child("failure").text().get()).starts_with(reason + "\n"));
  CHECK(junit.test(1).attribute("name").value() == std::string("M1@exec:\\x01<&>\""));
  CHECK(junit.test(1).attribute("time").value() == std::string("0.000000"));
  CHECK(std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 && c != '\n' && c != '\t'; }));
  for (const char* forbidden : {"&#0;", "&#1;", "&#01;", "&#27;"}) CHECK_FALSE(has(text, forbidden));
  CHECK(text == junit_of(results, nullptr));
}

TEST_CASE("Markdown: counts then red cases with finding and rerun then the rest folded by reason") {
  Results results = of_every_outcome();
  results.records.push_back(ended(7, Outcome::skipped, "no GPU"));
  const std::string text = markdown_of(results, nullptr);
  CHECK(text.starts_with(
      "### matrix ci: 1 pass, 1 fail, 1 flaky, 1 unsupported, 2 skipped, 1 crashed, 1 timed-out\n\n| cases |"));
  CHECK(has(text, "| 1 | fail | scale-perm-missing in stage scale\\_order<br>cure: permute the scales | `" +
                      case_number(1) + "` | `./bisect --case " + case_number(1) + "` |\n"));
  CHECK(has(text, "| 1 | crashed | signal 11 |"));
  CHECK_FALSE(has(text, case_number(0)));
  CHECK(
      text.ends_with("<details><summary>1 unsupported, 2 skipped</summary>\n\n| cases | outcome | reason |\n"
                     "|--:|---|---|\n| 2 | skipped | no GPU |\n| 1 | unsupported | K is no multiple of 128 |\n\n"
                     "</details>\n"));
  CHECK(markdown_of(result_of({passed(1)}), nullptr) == "### matrix ci: 1 pass\n");
}

TEST_CASE("Markdown: nothing in a cell ends it or is mark-up") {
  Results results = result_of({failed(1)});
  results.records[0].case_text = "M1@exec:a|b";
  results.records[0].rerun = "./bisect --case 'a`b|c\\d'\nrm";
  results.records[0].finding = nullptr;
  results.records[0].reason = "a|b`c\n<img> *d* @someone #12 &amp;";
  const std::string text = markdown_of(results, nullptr);
  CHECK(has(text, "| `M1@exec:a\\|b` |"));
  CHECK(has(text, "| <code>&#46;&#47;bisect &#45;&#45;case &#39;a&#96;b&#124;c&#92;d&#39;&#92;nrm</code> |\n"));
  CHECK(has(text, "| a\\|b\\`c\\\\n\\<img\\> \\*d\\* @<!-- -->someone #<!-- -->12 &amp;amp; |"));
  const std::string row = text.substr(text.find("| `M1"));
  CHECK(count(row, "|") - count(row, "\\|") == 3);
  CHECK(count(row, "\n") == 1);
}

TEST_CASE("Markdown: of many failures the first are shown and the others counted") {
  std::vector<Record> records;
  for (int i = 0; i < 10'000; ++i) {
    records.push_back(failed(i));
    records.back().finding["culprits"][0]["fault"] = fmt::format("fault {}", i);
  }
  const std::string text = markdown_of(result_of(records), nullptr);
  CHECK(count(text, "| fail |") == kMarkdownRows);
  CHECK(text.ends_with("\nand 9980 more\n"));
  records.resize(kMarkdownRows);
  CHECK_FALSE(has(markdown_of(result_of(records), nullptr), " more\n"));
}

TEST_CASE("Markdown: it fits a comment whatever is in the result") {
  for (const char filler : {'x', '|', '`', '@', '\\', '\xFF', '\n'}) {
    const Results results = of_long_texts(filler);
    News news;
    for (const Record& record : results.records) {
      news.items.push_back({.kind = NewsKind::slower, .case_text = record.case_text, .text = record.reason});
      if (record.outcome == Outcome::skipped)
        news.known_failures.push_back(record), news.known_failures.back().known = Known{record.reason, "2026-12-31"};
    }
    const std::string text = markdown_of(results, &news);
    CAPTURE(static_cast<int>(filler));
    CHECK(text.size() <= kMaxMarkdown);
    CHECK(count(text, " more\n") == 4);
    for (const char* head : {"| slower |", "| fail |", "| 2026-12-31 |", "| skipped |"}) CHECK(has(text, head));
  }
}

TEST_CASE("Markdown: news come first and known failures are folded away") {
  std::vector<Record> now = {failed(1), failed(2), passed(3)}, before = {known(failed(1)), passed(2), passed(3)};
  const News news = news_of(result_of(now), result_of(before), "2026-06-15");
  const std::string text = markdown_of(result_of(now), &news);
  CHECK(has(text, "\n1 news against the baseline:\n\n| news | case | |\n|---|---|---|\n| newly failing | `" +
                      case_number(2) + "` | pass in the baseline, fail: max z 1e+04, limit 8 now |\n"));
  CHECK(has(text, "<details><summary>1 known failures</summary>"));
  CHECK(has(text, "| `" + case_number(1) + "` | fail | issue 12 | 2026-12-31 |\n"));
  CHECK(count(text, "| `./bisect --case ") == 1);
  const News none = news_of(result_of(before), result_of(before), "2026-06-15");
  CHECK(has(markdown_of(result_of(before), &none), "\nNo news against the baseline.\n"));
}

TEST_CASE("JUnit: with a baseline a test fails where there is news of it") {
  std::vector<Record> now = {failed(1), failed(2), passed(3), passed(4), passed(5)};
  std::vector<Record> before = {known(failed(1)), passed(2), known(failed(3)), passed(4), passed(5), passed(6)};
  before[3].error->max_z = 0.5;
  now[3].error->max_z = 7;
  const News news = news_of(result_of(now), result_of(before), "2026-06-15");
  const Junit junit(result_of(now), &news);
  const char* want[] = {"skipped", "failure", "failure", "failure", "", "failure"};
  for (int i = 0; i < 6; ++i) CHECK_MESSAGE(junit.element_of(i) == want[i], i);
  CHECK(std::string(junit.test(0).child("skipped").attribute("message").value()) ==
        "fail, known until 2026-12-31: issue 12");
  const char* types[] = {"known", "fail", "known passes", "less accurate", "", "case gone"};
  for (int i = 0; i < 6; ++i) CHECK(std::string(junit.test(i).first_child().attribute("type").value()) == types[i]);
  CHECK(junit.test(5).attribute("name").value() == case_number(6));
  CHECK(std::string(junit.suite.attribute("tests").value()) == "6");
  CHECK(std::string(junit.suite.attribute("failures").value()) == "4");
  CHECK(std::string(junit.suite.attribute("skipped").value()) == "1");
}

TEST_CASE("JUnit: what is red says that it is news and a known failure says what it is now") {
  std::vector<Record> now = {failed(1), failed(2)};
  std::vector<Record> before = {failed(1), ended(2, Outcome::flaky, "1 of 5 runs fails")};
  before[0].known = Known{.reason = "issue 12", .expires = "2026-01-31"};
  before[1].known = Known{.reason = "issue 13", .expires = "2026-12-31"};
  const News news = news_of(result_of(now), result_of(before), "2026-06-15");
  const Junit junit(result_of(now), &news);
  CHECK(std::string(junit.test(0).child("failure").text().get())
            .starts_with("known expired: fail (known: issue 12) until"));
  CHECK(has(junit.test(0).child("failure").text().get(), "\nrerun: ./bisect"));
  CHECK(std::string(junit.test(1).child("skipped").attribute("message").value()) ==
        "fail, known until 2026-12-31: issue 13");
  CHECK(has(markdown_of(result_of(now), &news), "| fail | issue 13 | 2026-12-31 |"));
}

TEST_CASE("Markdown: a shard says that it is one") {
  CHECK(has(markdown_of(shard_of(result_of({passed(1), passed(2)}), 2, 2), nullptr), "\nShard 2 of 2.\n"));
}
