// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/record.h"

#include "cases/report/schema.h"
#include "fixtures/error.h"
#include "fixtures/files/json_dump.h"
#include "fixtures/files/json_text.h"
#include "fixtures/files/mapped_file.h"
#include "fixtures/text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <set>

namespace w4::cases::matrix {
namespace {

using nlohmann::ordered_json;

constexpr int kUnnamedSchema = 1;  // of older files, otherwise the same
constexpr std::string_view kOutcomes[] = {"pass",    "fail",    "flaky",     "unsupported",
                                          "skipped", "crashed", "timed-out", "unreadable"};

[[noreturn]] void refuse_field(const char* name, std::string_view where) {
  throw InputError("{}: no '{}' of the expected kind; it is no result of schema {}", where, name,
                   report::kResultsSchema);
}

template <class Value>
Value field(const ordered_json& object, const char* name, std::string_view where) {
  try {
    return object.at(name).get<Value>();
  } catch (const ordered_json::exception&) {
    refuse_field(name, where);
  }
}

/// A count or a rank, and no other number.
int count_of(const ordered_json& value, const char* name, std::string_view where) {
  if (!value.is_number_unsigned() || value > std::numeric_limits<int>::max()) refuse_field(name, where);
  return value.get<int>();
}
int count_in(const ordered_json& object, const char* name, std::string_view where) {
  return count_of(field<ordered_json>(object, name, where), name, where);
}

ErrorFigures error_of(const ordered_json& value, std::string_view where) {
  const auto figure = [&](const char* name) {
    return field<ordered_json>(value, name, where).is_null() ? std::nan("") : field<double>(value, name, where);
  };
  return {.max_z = figure("max_z"), .rms_z = figure("rms_z"), .nrmse = figure("nrmse"), .gain = figure("gain")};
}

RecordedRounding rounding_of(const ordered_json& value, std::string_view where) {
  const auto name = field<std::string>(value, "class", where);
  try {
    return {judge::parse_rounding(name), field<std::string>(value, "text", where)};
  } catch (const InputError&) {
    throw InputError("{}: '{}' is no class of rounding that this program knows", where, name);
  }
}

/// Checks the fields of culprits that the reports print.
ordered_json finding_of(const ordered_json& value, std::string_view where) {
  if (!value.is_object()) throw InputError("{}: 'finding' is no object", where);
  if (!value.contains("culprits")) return value;
  for (const ordered_json& culprit : field<std::vector<ordered_json>>(value, "culprits", where)) {
    for (const char* name : {"stage", "fault", "cure", "rerun"}) field<std::string>(culprit, name, where);
    field<std::vector<std::string>>(culprit, "evidence", where);
  }
  return value;
}

std::string line_of(const ordered_json& value) { return fixtures::files::dumped(value) + "\n"; }

/// "bias-missing in stage epilogue", "unexplained"
std::string name_of(const ordered_json& culprit) {
  const std::string fault = culprit.value("fault", ""), stage = culprit.value("stage", "");
  return stage.empty() ? fault : fault + " in stage " + stage;
}

std::string text_of(const ordered_json& culprit) {
  const std::string cure = culprit.value("cure", ""), rerun = culprit.value("rerun", "");
  std::string text = text_line("culprit: {}", name_of(culprit));
  for (const ordered_json& line : culprit.value("evidence", ordered_json::array()))
    text += text_line("  {}", line.get<std::string>());
  if (!cure.empty()) text += text_line("  cure: {}", cure);
  if (!rerun.empty()) text += text_line("  alone: {}", rerun);
  return text;
}

std::string text_of(const ErrorFigures& error) {
  return fmt::format("error: max z {:.4g}, rms z {:.4g}, nrmse {:.3e}, gain {:.6g}\n", error.max_z, error.rms_z,
                     error.nrmse, error.gain);
}

}  // namespace

ErrorFigures figures_of(const judge::Comparison& c) {
  return {.max_z = c.max_z, .rms_z = c.rms_z, .nrmse = c.nrmse, .gain = c.gain};
}

std::string_view name_of(Outcome outcome) { return kOutcomes[static_cast<std::size_t>(outcome)]; }

Outcome parse_outcome(std::string_view text) {
  for (std::size_t i = 0; i < std::size(kOutcomes); ++i)
    if (text == kOutcomes[i]) return static_cast<Outcome>(i);
  throw InputError("unknown outcome '{}': it is one of {}", text, fmt::join(kOutcomes, ", "));
}

ordered_json number(double value) { return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr); }

ordered_json json_of(const Heading& heading) {
  ordered_json out = {{"schema", report::kResultsSchema},
                      {"set", heading.set},
                      {"selection", heading.selection},
                      {"cases", heading.cases},
                      {"shard", {heading.shard, heading.shards}}};
  if (!heading.made.empty()) out["made"] = heading.made;
  return out;
}

ordered_json json_of(const Record& record) {
  ordered_json out = {{"case", record.case_text},
                      {"outcome", name_of(record.outcome)},
                      {"reason", record.reason},
                      {"seconds", record.seconds}};
  if (record.launch_seconds) out["launch_seconds"] = *record.launch_seconds;
  if (record.error)
    out["error"] = {{"max_z", number(record.error->max_z)},
                    {"rms_z", number(record.error->rms_z)},
                    {"nrmse", number(record.error->nrmse)},
                    {"gain", number(record.error->gain)}};
  if (record.rounding)
    out["rounding"] = {{"class", judge::name_of(record.rounding->rounding)}, {"text", record.rounding->text}};
  if (record.times > 1) out["repeated"] = {{"times", record.times}, {"failed", record.failed}};
  if (!record.finding.is_null()) out["finding"] = record.finding;
  if (!record.pictures.is_null()) out["pictures"] = record.pictures;
  out["rerun"] = record.rerun;
  if (record.known) out["known"] = {{"reason", record.known->reason}, {"expires", record.known->expires}};
  if (!record.made_with.empty()) out["made_with"] = record.made_with;
  return out;
}

Heading heading_of(const ordered_json& value, std::string_view where) {
  const auto schema = field<ordered_json>(value, "schema", where);
  if (schema != report::kResultsSchema && schema != kUnnamedSchema)
    throw InputError("{}: schema {}, this program reads {}", where, schema.dump(), report::kResultsSchema);
  const auto shard = field<std::array<ordered_json, 2>>(value, "shard", where);
  return {.set = field<std::string>(value, "set", where),
          .selection = field<std::vector<std::string>>(value, "selection", where),
          .cases = static_cast<std::size_t>(count_in(value, "cases", where)),
          .shard = count_of(shard[0], "shard", where),
          .shards = count_of(shard[1], "shard", where),
          .made = value.contains("made") ? field<MadeWith>(value, "made", where) : MadeWith{}};
}

Record record_of(const ordered_json& value, std::string_view where) {
  Record record{.case_text = field<std::string>(value, "case", where),
                .outcome = parse_outcome(field<std::string>(value, "outcome", where)),
                .reason = field<std::string>(value, "reason", where),
                .seconds = field<double>(value, "seconds", where)};
  if (value.contains("launch_seconds")) record.launch_seconds = field<double>(value, "launch_seconds", where);
  if (value.contains("error")) record.error = error_of(value["error"], where);
  if (value.contains("rounding")) record.rounding = rounding_of(value["rounding"], where);
  if (value.contains("repeated")) {
    record.times = count_in(value["repeated"], "times", where);
    record.failed = count_in(value["repeated"], "failed", where);
  }
  if (value.contains("finding")) record.finding = finding_of(value["finding"], where);
  if (value.contains("pictures")) record.pictures = value["pictures"];
  record.rerun = field<std::string>(value, "rerun", where);
  if (value.contains("known"))
    record.known = Known{.reason = field<std::string>(value["known"], "reason", where),
                         .expires = field<std::string>(value["known"], "expires", where)};
  if (value.contains("made_with")) record.made_with = field<MadeWith>(value, "made_with", where);
  return record;
}

Results read_results(const std::string& path) {
  const std::string text(fixtures::files::map_file(path).text());
  Results results;
  std::set<std::string> seen;
  std::size_t line = 0;
  for (std::size_t begin = 0; begin < text.size(); ++line) {
    const std::size_t end = text.find('\n', begin);
    const std::string where = fmt::format("{}, line {}", path, line + 1);
    if (end == text.npos) throw InputError("{}: is cut short; the run was ended, and the same command goes on", where);
    const std::string_view one = std::string_view(text).substr(begin, end - begin);
    fixtures::files::check_json(one, where);
    const ordered_json value = ordered_json::parse(one.begin(), one.end(), nullptr, false);
    if (value.is_discarded()) throw InputError("{}: is no JSON", where);
    begin = end + 1;
    if (line == 0) {
      results.heading = heading_of(value, where);
      continue;
    }
    results.records.push_back(record_of(value, where));
    if (!seen.insert(results.records.back().case_text).second)
      throw InputError("{}: case {} stands in it twice", where, results.records.back().case_text);
  }
  if (line == 0) throw InputError("{}: is empty, no result", path);
  return results;
}

std::string text_of(const Results& results) {
  std::string text = line_of(json_of(results.heading));
  for (const Record& record : results.records) text += line_of(json_of(record));
  return text;
}

MadeWith made_of(const Results& results) {
  std::set<MadeWith> all = {results.heading.made};
  for (const Record& record : results.records) all.insert(record.made_with);
  return joined_made({all.begin(), all.end()});
}

std::vector<std::size_t> counts_of(const std::vector<Record>& records) {
  std::vector<std::size_t> counts(std::size(kOutcomes));
  for (const Record& record : records) ++counts[static_cast<std::size_t>(record.outcome)];
  return counts;
}

std::string counts_text(const std::vector<Record>& records) {
  const std::vector<std::size_t> counts = counts_of(records);
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] > 0) parts.push_back(fmt::format("{} {}", counts[i], kOutcomes[i]));
  return parts.empty() ? "no cases" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string finding_line(const Record& record) {
  if (!record.finding.is_object() || !record.finding.contains("culprits")) return "";
  std::vector<std::string> names;
  for (const ordered_json& culprit : record.finding["culprits"]) names.push_back(name_of(culprit));
  return fmt::format("{}", fmt::join(names, "; "));
}

std::string finding_text(const Record& record) {
  std::string text = record.reason.empty() ? "" : text_line("{}", record.reason);
  if (record.finding.is_object())
    for (const ordered_json& culprit : record.finding.value("culprits", ordered_json::array()))
      text += text_of(culprit);
  if (record.error) text += text_of(*record.error);
  if (record.times > 1) text += fmt::format("repeated: {} of {} runs were no pass\n", record.failed, record.times);
  return text + (record.rerun.empty() ? "" : text_line("rerun: {}", record.rerun));
}

}  // namespace w4::cases::matrix
