// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/page.h"

#include "cases/matrix/page_pieces.h"
#include "cases/report/report_text.h"
#include "fixtures/files/json_dump.h"

#include <nlohmann/json.hpp>

namespace w4::cases::matrix {
namespace {

using nlohmann::ordered_json;

/// Of all findings and pictures together: with the list of 10 000 cases beside them the page stays below 20 MB.
constexpr std::size_t kMostDetailBytes = 12 << 20;

/// JSON for the inside of a script element: no "<", so that nothing in it ends the element, and nothing but ASCII.
std::string embedded(const ordered_json& value) {
  std::string out = fixtures::files::dumped(value);
  for (std::size_t at = out.find('<'); at != out.npos; at = out.find('<', at)) out.replace(at, 1, "\\u003c");
  return out;
}

std::string script(const std::string& id, const std::string& json) {
  return "<script type=\"application/json\" id=\"" + id + "\">" + json + "</script>\n";
}

ordered_json error_of(const Record& record) {
  if (!record.error) return nullptr;
  const ErrorFigures& error = *record.error;
  return {number(error.max_z), number(error.rms_z), number(error.nrmse), number(error.gain)};
}

/// A case in the list: an array, because there may be thousands.
ordered_json row_of(const Record& record) {
  ordered_json repeated = nullptr;
  if (record.times > 1) repeated = {record.times, record.failed};
  return ordered_json::array({record.case_text, static_cast<int>(record.outcome), record.reason, record.seconds,
                              error_of(record), repeated, finding_line(record), record.rerun,
                              record.rounding ? ordered_json(record.rounding->text) : ordered_json(nullptr)});
}

/// Items as arrays; known failures by case, with the baseline's text.
ordered_json json_of(const News& news) {
  ordered_json items = ordered_json::array(), known = ordered_json::object();
  for (const NewsItem& item : news.items) items.push_back({name_of(item.kind), item.case_text, item.text});
  for (const Record& record : news.known_failures)
    known[record.case_text] = known_text(name_of(record.outcome), *record.known);
  return {{"items", std::move(items)}, {"known", std::move(known)}};
}

std::string detail_of(const Record& record, bool with_pictures) {
  return embedded({{"finding", record.finding}, {"pictures", with_pictures ? record.pictures : nullptr}});
}

/// Findings and pictures for the pages of single cases, within the limits: findings before pictures.
struct Details {
  std::string scripts;
  std::size_t bytes = 0, pictured = 0;
  std::size_t without_finding = 0, without_pictures = 0;

  void add(std::size_t index, const Record& record) {
    if (record.finding.is_null() && record.pictures.is_null()) return;
    const bool has_pictures = !record.pictures.is_null();
    bool with_pictures = has_pictures && pictured < kMostPictured;
    std::string text = detail_of(record, with_pictures);
    if (with_pictures && bytes + text.size() > kMostDetailBytes) text = detail_of(record, with_pictures = false);
    pictured += with_pictures;
    without_pictures += has_pictures && !with_pictures;
    if (bytes + text.size() > kMostDetailBytes) {
      without_finding += !record.finding.is_null();
      return;
    }
    bytes += text.size();
    scripts += script("detail-" + std::to_string(index), text);
  }
};

std::string joined(std::span<const std::string_view> pieces) {
  std::string out;
  for (const std::string_view piece : pieces) out += piece;
  return out;
}

void put(std::string& page, std::string_view place, const std::string& content) {
  page.replace(page.find(place), place.size(), content);
}

}  // namespace

std::string page_of(const Results& results, const News* news) {
  Details details;
  ordered_json rows = ordered_json::array(), outcomes = ordered_json::array();
  for (std::size_t i = 0; i < results.records.size(); ++i) {
    rows.push_back(row_of(results.records[i]));
    details.add(i, results.records[i]);
  }
  ordered_json heading = json_of(results.heading);
  heading.erase("made");
  const std::vector<std::size_t> counts = counts_of(results.records);
  for (std::size_t i = 0; i < counts.size(); ++i) outcomes.push_back(name_of(static_cast<Outcome>(i)));
  const ordered_json data = {
      {"heading", std::move(heading)},
      {"made", made_of(results)},  // name to value, as in docs/report.md; empty: of an older program
      {"outcomes", outcomes},
      {"counts", counts},
      {"counts_text", counts_text(results.records)},
      {"left_out", {{"findings", details.without_finding}, {"pictures", details.without_pictures}}},
      {"news", news == nullptr ? ordered_json(nullptr) : json_of(*news)},
      {"records", std::move(rows)}};
  const PagePieces pieces = page_pieces();
  std::string page = joined(pieces.html);  // from its end on, so that no piece is searched for the places of others
  put(page, "@js@", joined(pieces.scripts));
  put(page, "@data@", script("data", embedded(data)) + details.scripts);
  put(page, "@css@", joined(pieces.css));
  return page;
}

Results results_of(const report::Report& report) {
  constexpr Outcome kOutcomes[] = {Outcome::pass, Outcome::fail, Outcome::unsupported, Outcome::unreadable};
  Record record{.case_text = report.case_id,
                .outcome = kOutcomes[static_cast<std::size_t>(report.verdict)],
                .reason = report.reason,
                .seconds = report.seconds,
                .finding = report::json_of(report),
                .pictures = report.pictures ? *report.pictures : nullptr,
                .rerun = report.rerun};
  if (report.rounding) record.rounding = {*report.rounding, report.rounding_text};
  if (report.comparison && report.comparison->judged > 0) record.error = figures_of(*report.comparison);
  return {.heading = {.set = "bisect", .cases = 1, .made = report.made}, .records = {std::move(record)}};
}

}  // namespace w4::cases::matrix
