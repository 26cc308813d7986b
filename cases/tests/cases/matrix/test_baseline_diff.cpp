// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/baseline.h"
#include "cases/tests/cases/matrix/made_results.h"
#include "cases/tests/fixtures/scratch.h"

#include <doctest/doctest.h>

using namespace w4;
using namespace w4::cases;
using namespace w4::cases::matrix;
using fixtures::test::error_of;
using fixtures::test::Scratch;

namespace {

constexpr const char* kToday = "2026-06-15";

std::vector<Record> ten_passes() {
  std::vector<Record> records;
  for (int i = 0; i < 10; ++i) records.push_back(passed(i, 0.2 + 0.01 * i));
  return records;
}

std::string news_text(const Results& now, const Results& before) { return text_of(news_of(now, before, kToday)); }

/// The news of ten passing cases, of which one was `before` and is `now`.
std::string news_text(const Record& now, const Record& before) {
  std::vector<Record> records_now = ten_passes(), records_before = ten_passes();
  records_now[4] = now;
  records_before[4] = before;
  return news_text(result_of(records_now), result_of(records_before));
}

std::string refused(const Results& baseline) {
  return error_of([&] { news_of(result_of(ten_passes()), baseline, kToday); });
}

}  // namespace

TEST_CASE("news: a result held against itself has none") {
  const Results now = result_of(ten_passes());
  const News news = news_of(now, slim(now), kToday);
  CHECK(news.empty());
  CHECK(text_of(news) == "");
  CHECK(news.pace == 1);
}

TEST_CASE("news: every change of outcome is told with both values") {
  const std::string name = case_number(4);
  CHECK(news_text(failed(4), passed(4)) ==
        "newly failing  " + name + ": pass in the baseline, fail: max z 1e+04, limit 8 now\n");
  CHECK(news_text(ended(4, Outcome::crashed, "signal\n11"), known(failed(4))) ==
        "newly failing  " + name + ": fail (known: issue 12) in the baseline, crashed: signal\\n11 now\n");
  CHECK(news_text(passed(4), ended(4, Outcome::skipped, "no GPU")) ==
        "newly passing  " + name + ": skipped in the baseline, pass now\n");
  CHECK(news_text(ended(4, Outcome::skipped, "no GPU"), passed(4)) ==
        "not run        " + name + ": pass in the baseline, skipped: no GPU now\n");
  CHECK(news_text(ended(4, Outcome::unsupported, "K"), known(failed(4))) ==
        "not run        " + name + ": fail (known: issue 12) in the baseline, unsupported: K now\n");
}

TEST_CASE("news: cases that came and went are told unless the result is of a part") {
  const Results before = result_of(ten_passes());
  Results now = before;
  now.records.pop_back();
  now.records.push_back(passed(20));
  now.records.push_back(failed(21));
  CHECK(news_text(now, before) == "newly failing  " + case_number(21) +
                                      ": not in the baseline, fail: max z 1e+04, limit 8 now\n" + "new case       " +
                                      case_number(20) + ": not in the baseline, pass now\n" + "case gone      " +
                                      case_number(9) + ": pass in the baseline, not in this result\n");
  CHECK(news_text(shard_of(before, 2, 3), before) == "");
  now = before;
  now.records.resize(6);
  CHECK(news_text(now, before) != "");
  now.heading.selection = {"--only *_s[0-5]"};
  CHECK(news_text(now, before) == "");
}

TEST_CASE("news: a known failure is none until the end of the day it expires") {
  const std::string name = case_number(4);
  CHECK(news_text(failed(4), known(failed(4))) == "");
  CHECK(news_text(failed(4), known(failed(4), kToday)) == "");
  CHECK(news_text(failed(4), known(failed(4), "2026-06-14")) ==
        "known expired  " + name +
            ": fail (known: issue 12) until 2026-06-14, today is 2026-06-15; fail: max z 1e+04, limit 8 now\n");
}

TEST_CASE("news: a known failure that passes is one and whether it has expired is no matter") {
  const std::string want = "known passes   " + case_number(4) + ": fail (known: issue 12) in the baseline, pass now\n";
  CHECK(news_text(passed(4), known(failed(4))) == want);
  CHECK(news_text(passed(4), known(failed(4), "2026-01-01")) == want);
}

TEST_CASE("news: a case known as flaky may pass or fail in all its runs but not crash") {
  const Record flaky = known(ended(4, Outcome::flaky, "2 of 5 runs fail"), "2026-12-31");
  CHECK(news_text(passed(4), flaky) == "");
  CHECK(news_text(failed(4), flaky) == "");
  CHECK(news_text(ended(4, Outcome::crashed, "signal 11"), flaky) != "");
  CHECK(news_text(passed(4), known(ended(4, Outcome::flaky, "2 of 5"), "2026-01-01")) != "");
}

TEST_CASE("news: known failures that still fail are listed apart") {
  std::vector<Record> now = ten_passes(), before = ten_passes();
  now[4] = failed(4);
  before[4] = known(failed(4));
  now[5] = failed(5);
  const News news = news_of(result_of(now), result_of(before), kToday);
  REQUIRE(news.known_failures.size() == 1);
  CHECK(news.known_failures[0].case_text == case_number(4));
  CHECK(news.items.size() == 1);
}

TEST_CASE("news: a baseline with a red case that is not known or a mark that is none is refused") {
  std::vector<Record> records = ten_passes();
  const std::string place = "the baseline: " + case_number(4);
  records[4] = failed(4);
  CHECK(refused(result_of(records)) ==
        place + " is fail: in a baseline it needs a reason and the day until when it may (known)");
  records[4] = known(failed(4));
  records[4].known->reason = "";
  CHECK(refused(result_of(records)) == place + ": a known failure needs a reason");
  records[4] = known(passed(4));
  CHECK(refused(result_of(records)) == place + " is a known failure, but its outcome is pass");
  for (const std::string date :
       {"2026-02-29", "2026-13-01", "2026-1-1", "31.12.2026", "", "2026-12-3x", "0000-01-01"}) {
    records[4] = known(failed(4), date);
    CHECK(refused(result_of(records)) == place + ": '" + date + "' is no date, it is written YYYY-MM-DD");
  }
  records[4] = known(failed(4), "2028-02-29");
  CHECK(refused(result_of(records)) == "no error");
}

TEST_CASE("news: a baseline of another set or shard and a day that is none are refused") {
  const Results now = result_of(ten_passes());
  Results other = now;
  other.heading.set = "smoke";
  CHECK(refused(other) == "the baseline is of set smoke, the result of ci");
  CHECK(refused(shard_of(now, 2, 3)) == "the baseline is shard 2 of 3, the result shard 1 of 1");
  CHECK(news_text(shard_of(now, 2, 3), shard_of(now, 2, 3)) == "");
  CHECK(error_of([&] { news_of(now, now, "today"); }) == "today: 'today' is no date, it is written YYYY-MM-DD");
}

TEST_CASE("news: all cases twice as slow is a slow machine and one ten times as slow is news") {
  const Results before = result_of(ten_passes());
  Results now = before;
  for (Record& record : now.records) record.seconds *= 2;
  const News slow_machine = news_of(now, before, kToday);
  CHECK(text_of(slow_machine) == "");
  CHECK(slow_machine.pace == doctest::Approx(2));
  now.records[4].seconds = before.records[4].seconds * 10;
  CHECK(news_text(now, before) == "slower         " + case_number(4) +
                                      ": 0.240 s in the baseline, 2.400 s now; 0.480 s at this run's pace of 2.00\n");
}

TEST_CASE("news: a case that keeps its time on a machine twice as fast by others is not slower than the factor") {
  const Results before = result_of(ten_passes());
  Results now = before;
  for (Record& record : now.records) record.seconds /= 2;
  now.records[4].seconds *= 2.9;
  CHECK(news_text(now, before) == "");
  now.records[4].seconds *= 3.2 / 2.9;
  CHECK(news_text(now, before) != "");
}

TEST_CASE("news: slower is both a factor and a floor") {
  const auto text = [](double before, double now) { return news_text(passed(4, now), passed(4, before)); };
  CHECK(text(0.001, 0.25) == "");  // 250 times, in a quarter of a second
  CHECK(text(0.001, 0.252) != "");
  CHECK(text(10, 29) == "");  // 19 s, not 3 times
  CHECK(text(10, 31) != "");
}

TEST_CASE("news: the time of a failure and of a handful of cases is not judged") {
  std::vector<Record> before = ten_passes(), now = ten_passes();
  before[4] = known(failed(4));
  now[4] = failed(4);
  now[4].seconds = 100;
  CHECK(news_text(result_of(now), result_of(before)) == "");
  now = before = {passed(0), passed(1), passed(2), passed(3)};
  for (Record& record : now) record.seconds = 100;
  const News of_a_few = news_of(result_of(now), result_of(before), kToday);
  CHECK(text_of(of_a_few) == "");
  CHECK(of_a_few.pace == 1);
  now = before;
  now[0].seconds = 100;
  CHECK(news_text(result_of(now), result_of(before)) == "");
  before.push_back(passed(4));
  now.push_back(passed(4));
  CHECK(news_text(result_of(now), result_of(before)) != "");
}

TEST_CASE("news: a rise of max z is news beyond what drawing the roundings anew explains") {
  Record now = passed(4);
  now.error->max_z = 3.5 + kMaxZRise - 0.01;
  CHECK(news_text(now, passed(4)) == "");
  now.error->max_z = 3.5 + kMaxZRise + 0.1;
  CHECK(news_text(now, passed(4)) ==
        "less accurate  " + case_number(4) +
            ": max z 3.50 in the baseline, 6.10 now (noise: +2.5); nrmse 2.70e-04 in the baseline, 2.70e-04 now "
            "(noise: x1.38)\n");
  CHECK(news_text(passed(4), now) == "");  // a fall is none
}

TEST_CASE("news: a case that passes by a wider class of rounding than before is told with both classes") {
  const auto rounds = [](const char* name) {
    matrix::Record record = passed(4);
    const judge::RoundingClass rounding = judge::parse_rounding(name);
    record.rounding = {rounding, judge::text_of(rounding, DType::fp16)};
    return record;
  };
  CHECK(news_text(rounds("once/any:6"), rounds("once")) ==
        "rounds wider   " + case_number(4) +
            ": weights rounded to fp16 before the product; partial sums in 32 bits in the baseline, weights rounded to "
            "fp16 before the product; up to 6 partial sums rounded to 16 bits now\n");
  CHECK(news_text(rounds("once"), rounds("once/any:6")) == "");
  CHECK(news_text(rounds("once/any:8"), rounds("once/any:6")) == "");
  CHECK(news_text(rounds("products"), passed(4)) == "");  // a baseline from before classes were recorded
}

TEST_CASE("news: a rise of nrmse is news beyond noise that is wider for fewer outputs") {
  CHECK(nrmse_rise(64) == doctest::Approx(2.75));
  CHECK(nrmse_rise(64 * 512) < 1.33);
  Record now = passed(4), before = passed(4);  // 16 x 512 outputs
  now.error->nrmse = 1.37 * before.error->nrmse;
  CHECK(news_text(now, before) == "");
  now.error->nrmse = 1.40 * before.error->nrmse;
  CHECK(news_text(now, before) != "");
  now.case_text = before.case_text = "M1_K512_N512_g128_sym_fp16_r_s4";
  CHECK(news_text(now, before) == "");
  now.error->nrmse = 1.80 * before.error->nrmse;
  CHECK(news_text(now, before) != "");
  now.case_text = before.case_text = "M1_K512_N512_g128_sym_tp1of8c_fp16_r_s4";  // 64 outputs
  CHECK(news_text(now, before) == "");
}

TEST_CASE("baseline: it keeps figures and times but no findings and no pictures and no sums") {
  Results results = result_of({failed(1)});
  results.records[0].made_with = {{"kernel", "0123456789abcdef"}};
  const Results baseline = slim(results);
  CHECK(baseline.records[0].made_with.empty());
  CHECK(baseline.records[0].finding.is_null());
  CHECK(baseline.records[0].pictures.is_null());
  CHECK(baseline.records[0].error.has_value());
  CHECK(baseline.records[0].reason == "max z 1e+04, limit 8");
  CHECK(baseline.records[0].seconds == 0.1);
}

TEST_CASE("baseline: red cases that a glob matches are known and the others stay as they are") {
  Results results = result_of({failed(1), failed(2), passed(3)});
  results.records[0].case_text += "@plugin:a/b.so";
  const Results marked = with_known(results, "*b.so", "issue 12", "2026-12-31");
  CHECK(marked.records[0].known == Known{.reason = "issue 12", .expires = "2026-12-31"});
  CHECK_FALSE(marked.records[1].known.has_value());
  const Results all = with_known(marked, "*", "all", "2027-01-01");
  CHECK(all.records[0].known->reason == "all");
  CHECK_FALSE(all.records[2].known.has_value());
  CHECK_NOTHROW(check_baseline(all, "FILE"));
}

TEST_CASE("baseline: a glob that no failing case matches and a mark that says nothing are refused") {
  const Results results = result_of({failed(1), passed(3)});
  const auto refused = [&](const std::string& glob, const std::string& reason, const std::string& date) {
    return error_of([&] { with_known(results, glob, reason, date); });
  };
  CHECK(refused("*_s3", "x", "2026-12-31") == "known failures '*_s3': no failing case matches, of 1 pass, 1 fail");
  CHECK(refused("*", "", "2026-12-31") == "known failures '*' need a reason");
  CHECK(refused("*", "x", "soon") == "known failures '*': 'soon' is no date, it is written YYYY-MM-DD");
}

TEST_CASE("baseline: a file is checked as it is read") {
  const Scratch scratch;
  const auto good = scratch.file("good", text_of(with_known(result_of({failed(1)}), "*", "x", "2026-12-31")));
  CHECK(read_baseline(good.string()).records.size() == 1);
  const auto bad = scratch.file("bad", text_of(result_of({failed(1)})));
  CHECK(error_of(bad, [&] { read_baseline(bad.string()); }) ==
        "FILE: " + case_number(1) + " is fail: in a baseline it needs a reason and the day until when it may (known)");
}

TEST_CASE("baseline: today is a date") { CHECK_NOTHROW(check_date(today(), "today")); }
