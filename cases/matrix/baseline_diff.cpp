// SPDX-License-Identifier: Apache-2.0
#include "cases/case/case_id.h"
#include "cases/matrix/baseline.h"
#include "fixtures/error.h"
#include "fixtures/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>
#include <unordered_map>

namespace w4::cases::matrix {
namespace {

using ByCase = std::unordered_map<std::string_view, const Record*>;

struct Pair {
  const Record& now;
  const Record& before;
  bool passes() const { return now.outcome == Outcome::pass && before.outcome == Outcome::pass; }
  bool is_timed() const { return passes() && now.seconds > 0 && before.seconds > 0; }
};

ByCase by_case(const Results& results) {
  ByCase records;
  for (const Record& record : results.records) records.emplace(record.case_text, &record);
  return records;
}

/// "fail (known: cold cache)", "crashed: signal 11"
std::string was(const Record& record) {
  std::string text(name_of(record.outcome));
  if (record.known) text += " (known: " + record.known->reason + ")";
  return text;
}
std::string is(const Record& record) {
  return std::string(name_of(record.outcome)) + (record.reason.empty() ? "" : ": " + record.reason);
}

NewsItem item(NewsKind kind, const Record& record, const std::string& text) {
  return {.kind = kind, .case_text = record.case_text, .text = shown(text)};
}

/// Whether a known failure fails as known. A flaky one may pass: that is no cure.
bool fails_as_known(const Pair& pair) {
  if (!pair.before.known) return false;
  if (pair.now.outcome == pair.before.outcome) return true;
  return pair.before.outcome == Outcome::flaky &&
         (pair.now.outcome == Outcome::pass || pair.now.outcome == Outcome::fail);
}

NewsKind kind_of_change(const Pair& pair) {
  if (is_red(pair.now.outcome)) return NewsKind::newly_failing;
  if (pair.now.outcome != Outcome::pass) return NewsKind::not_run;
  return pair.before.known ? NewsKind::known_passes : NewsKind::newly_passing;
}

std::optional<NewsItem> outcome_news(const Pair& pair, std::string_view today) {
  const bool same = pair.now.outcome == pair.before.outcome;
  const bool expired = pair.before.known && today > pair.before.known->expires;
  if (same && expired)
    return item(NewsKind::known_expired, pair.now,
                fmt::format("{} until {}, today is {}; {} now", was(pair.before), pair.before.known->expires, today,
                            is(pair.now)));
  if (same || (fails_as_known(pair) && !expired)) return {};
  return item(kind_of_change(pair), pair.now,
              fmt::format("{} in the baseline, {} now", was(pair.before), is(pair.now)));
}

Record known_failure(const Pair& pair) {
  Record record = pair.now;
  record.known = pair.before.known;
  record.finding = record.pictures = nullptr;
  return record;
}

/// The lower median of now / before; 1 with fewer than kFewestTimed.
double pace_of(std::vector<double> ratios) {
  if (ratios.size() < kFewestTimed) return 1;
  const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>((ratios.size() - 1) / 2);
  std::ranges::nth_element(ratios, middle);
  return *middle;
}

std::optional<NewsItem> time_news(const Pair& pair, double pace) {
  const double expected = pair.before.seconds * pace;
  if (pair.now.seconds <= expected * kSlowerFactor || pair.now.seconds <= expected + kSlowerFloorSeconds) return {};
  return item(NewsKind::slower, pair.now,
              fmt::format("{:.3f} s in the baseline, {:.3f} s now; {:.3f} s at this run's pace of {:.2f}",
                          pair.before.seconds, pair.now.seconds, expected, pace));
}

double outputs_of(const std::string& case_text) {
  const CaseId id = parse_case(case_text);
  double outputs = static_cast<double>(id.M) * id.N;
  for (const fixtures::Cut& cut : id.cuts)
    if (cut.kind != fixtures::Cut::Kind::rows) outputs /= cut.count;
  return outputs;
}

std::optional<NewsItem> accuracy_news(const Pair& pair) {
  if (!is_less_accurate(pair.now, pair.before)) return {};
  const ErrorFigures &now = *pair.now.error, &before = *pair.before.error;
  const double factor = nrmse_rise(outputs_of(pair.now.case_text));
  return item(NewsKind::less_accurate, pair.now,
              fmt::format("max z {:.2f} in the baseline, {:.2f} now (noise: +{:.1f}); nrmse {:.2e} in the baseline, "
                          "{:.2e} now (noise: x{:.2f})",
                          before.max_z, now.max_z, kMaxZRise, before.nrmse, now.nrmse, factor));
}

std::optional<NewsItem> rounding_news(const Pair& pair) {
  const auto &now = pair.now.rounding, &before = pair.before.rounding;
  if (!pair.passes() || !now || !before || !judge::is_wider(now->rounding, before->rounding)) return {};
  return item(NewsKind::wider_rounding, pair.now, fmt::format("{} in the baseline, {} now", before->text, now->text));
}

NewsItem news_of_unknown(const Record& now) {
  return item(is_red(now.outcome) ? NewsKind::newly_failing : NewsKind::new_case, now,
              fmt::format("not in the baseline, {} now", is(now)));
}

void check_comparable(const Heading& now, const Heading& before) {
  if (now.set != before.set) throw InputError("the baseline is of set {}, the result of {}", before.set, now.set);
  if (before.shards != 1 && (before.shard != now.shard || before.shards != now.shards))
    throw InputError("the baseline is shard {} of {}, the result shard {} of {}", before.shard, before.shards,
                     now.shard, now.shards);
}

/// Whether the result has all cases of the baseline's selection: only then is a missing case gone.
bool speaks_of_all(const Heading& now, const Heading& before) {
  return now.selection == before.selection && now.shard == before.shard && now.shards == before.shards;
}

std::vector<Pair> pairs_of(const Results& now, const ByCase& before) {
  std::vector<Pair> pairs;
  for (const Record& record : now.records)
    if (const auto found = before.find(record.case_text); found != before.end())
      pairs.push_back({.now = record, .before = *found->second});
  return pairs;
}

/// Cases that only one of the two has.
void add_unpaired(const Results& now, const Results& before, std::vector<NewsItem>& items) {
  const ByCase now_by_case = by_case(now), before_by_case = by_case(before);
  for (const Record& record : now.records)
    if (!before_by_case.contains(record.case_text)) items.push_back(news_of_unknown(record));
  if (!speaks_of_all(now.heading, before.heading)) return;
  for (const Record& record : before.records)
    if (!now_by_case.contains(record.case_text))
      items.push_back(item(NewsKind::case_gone, record, was(record) + " in the baseline, not in this result"));
}

void add(std::optional<NewsItem> item, std::vector<NewsItem>& items) {
  if (item) items.push_back(std::move(*item));
}

}  // namespace

std::string_view name_of(NewsKind kind) {
  constexpr std::string_view kNames[] = {"newly failing", "known passes",  "known expired", "slower",   "less accurate",
                                         "rounds wider",  "newly passing", "not run",       "new case", "case gone"};
  return kNames[static_cast<std::size_t>(kind)];
}

double nrmse_rise(double outputs) { return 1.25 + 12 / std::sqrt(outputs); }

bool is_less_accurate(const Record& now, const Record& before) {
  if (!Pair{now, before}.passes() || !now.error || !before.error) return false;
  return now.error->max_z > before.error->max_z + kMaxZRise ||
         now.error->nrmse > before.error->nrmse * nrmse_rise(outputs_of(now.case_text));
}

News news_of(const Results& now, const Results& before, std::string_view today) {
  check_date(today, "today");
  check_baseline(before, "the baseline");
  check_comparable(now.heading, before.heading);
  const std::vector<Pair> pairs = pairs_of(now, by_case(before));
  std::vector<double> ratios;
  for (const Pair& pair : pairs)
    if (pair.is_timed()) ratios.push_back(pair.now.seconds / pair.before.seconds);
  News news{.items = {}, .known_failures = {}, .pace = pace_of(ratios)};
  for (const Pair& pair : pairs) {
    std::optional<NewsItem> change = outcome_news(pair, today);
    if (!change && is_red(pair.now.outcome)) news.known_failures.push_back(known_failure(pair));
    add(std::move(change), news.items);
    if (pair.is_timed() && ratios.size() >= kFewestTimed) add(time_news(pair, news.pace), news.items);
    add(accuracy_news(pair), news.items);
    add(rounding_news(pair), news.items);
  }
  add_unpaired(now, before, news.items);
  std::ranges::sort(news.items, {}, [](const NewsItem& i) { return std::tie(i.kind, i.case_text); });
  return news;
}

std::string known_text(std::string_view outcome, const Known& known) {
  return fmt::format("{}, known until {}: {}", outcome, known.expires, known.reason);
}

std::string text_of(const News& news) {
  std::string text;
  for (const NewsItem& item : news.items)
    text += text_line("{:<13}  {}: {}", name_of(item.kind), item.case_text, item.text);
  return text;
}

}  // namespace w4::cases::matrix
