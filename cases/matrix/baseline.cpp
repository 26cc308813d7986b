// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/baseline.h"

#include "fixtures/error.h"

#include <fmt/chrono.h>
#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <chrono>

namespace w4::cases::matrix {
namespace {

constexpr std::string_view kDateShape = "YYYY-MM-DD";

/// A number of digits alone; 0, which no year, month or day is, when it is none.
unsigned number_of(std::string_view digits) {
  unsigned value = 0;
  if (!std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) return 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

bool is_date(std::string_view text) {
  if (text.size() != kDateShape.size() || text[4] != '-' || text[7] != '-') return false;
  const unsigned year = number_of(text.substr(0, 4));
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(number_of(text.substr(5, 2))),
                                         std::chrono::day(number_of(text.substr(8, 2)))};
  return year > 0 && date.ok();
}

void check_record(const Record& record, std::string_view where) {
  const std::string place = fmt::format("{}: {}", where, record.case_text);
  if (!is_red(record.outcome)) {
    if (record.known) throw InputError("{} is a known failure, but its outcome is {}", place, name_of(record.outcome));
    return;
  }
  if (!record.known)
    throw InputError("{} is {}: in a baseline it needs a reason and the day until when it may (known)", place,
                     name_of(record.outcome));
  if (record.known->reason.empty()) throw InputError("{}: a known failure needs a reason", place);
  check_date(record.known->expires, place);
}

}  // namespace

void check_date(std::string_view date, std::string_view where) {
  if (!is_date(date)) throw InputError("{}: '{}' is no date, it is written {}", where, date, kDateShape);
}

std::string today() { return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::chrono::system_clock::now())); }

Results slim(Results results) {
  for (Record& record : results.records) {
    record.finding = record.pictures = nullptr;
    record.made_with.clear();
  }
  return results;
}

Results with_known(Results results, const std::string& glob, const std::string& reason, const std::string& expires) {
  if (reason.empty()) throw InputError("known failures '{}' need a reason", glob);
  check_date(expires, fmt::format("known failures '{}'", glob));
  std::size_t matches = 0;
  for (Record& record : results.records) {
    if (!is_red(record.outcome) || fnmatch(glob.c_str(), record.case_text.c_str(), 0) != 0) continue;
    record.known = Known{.reason = reason, .expires = expires};
    ++matches;
  }
  if (matches == 0)
    throw InputError("known failures '{}': no failing case matches, of {}", glob, counts_text(results.records));
  return results;
}

void check_baseline(const Results& baseline, std::string_view where) {
  for (const Record& record : baseline.records) check_record(record, where);
}

Results read_baseline(const std::string& path) {
  Results baseline = read_results(path);
  check_baseline(baseline, path);
  return baseline;
}

}  // namespace w4::cases::matrix
