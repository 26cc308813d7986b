// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/matrix_run.h"

#include "cases/matrix/finding_groups.h"
#include "cases/report/lines_file.h"
#include "cases/report/progress_bar.h"
#include "cases/report/write_file.h"
#include "fixtures/error.h"
#include "fixtures/text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>

namespace w4::cases::matrix {
namespace {

constexpr std::size_t kMostShown = 20;  // findings in the summary; the reports have all cases

std::string cases_text(std::size_t count) { return fmt::format("{} {}", count, count == 1 ? "case" : "cases"); }

/// The finding, where it shows, and its first case with the command that repeats it.
std::string text_of(const FindingGroup& group, const Results& results) {
  const Record& first = group.first();
  const std::string condition = condition_of(group, results), cure = group.cure();
  std::string text = text_line("{:<12} {}: {}", name_of(first.outcome), cases_text(group.cases.size()), group.what);
  if (!condition.empty()) text += text_line("{:<12} {}", "", condition);
  if (!cure.empty()) text += text_line("{:<12} {}", "cure", cure);
  if (group.what == first.reason)
    text += text_line("{:<12} {}", "first", first.case_text);
  else
    text += text_line("{:<12} {}: {}", "first", first.case_text, first.reason);
  return text + text_line("{:<12} {}", "", first.rerun);
}

Heading heading_of(const MatrixOptions& options, std::size_t cases) {
  Heading heading{.set = options.selection.set,
                  .cases = cases,
                  .shard = options.shard,
                  .shards = options.shards,
                  .made = made_here()};
  const auto add = [&](const char* name, const std::vector<std::string>& values) {
    for (const std::string& value : values) heading.selection.push_back(fmt::format("{} {}", name, value));
  };
  add("--axis", options.selection.axes);
  add("--only", options.selection.globs);
  add("--where", options.selection.where);
  add("--inject", options.plan.inject);
  add("--set", options.plan.settings);
  if (options.plan.times > 1) heading.selection.push_back(fmt::format("--repeat {}", options.plan.times));
  return heading;
}

/// A file that is written as results come, and its first write error. `made_with`: of each case, as it is now.
class Keeper {
 public:
  Keeper(const std::string& path, const Heading& heading, std::map<std::string, MadeWith> made_with)
      : path_(path),
        made_with_(std::move(made_with)),
        file_(path, json_of(heading), "holds a result of other cases than those asked for; --fresh begins it anew") {
    for (const auto& value : file_.kept()) {
      Record record = record_of(value, path);
      records_[record.case_text] = std::move(record);
    }
  }

  bool has(const CaseId& id) const { return records_.contains(id.text()); }

  /// Forgets what was made with another kernel, program or fixture than there is now.
  void forget_outdated() {
    std::set<std::string> changed;
    const auto outdated = std::erase_if(records_, [&](const auto& kept) {
      const auto now = made_with_.find(kept.first);
      if (now == made_with_.end()) return false;
      const std::string what = difference(kept.second.made_with, now->second);
      if (!what.empty()) changed.insert(what);
      return !what.empty();
    });
    if (outdated > 0)
      fmt::print(stderr, "matrix: {}: {} made with another {}: run anew\n", path_,
                 outdated == 1 ? "1 result was" : fmt::format("{} results were", outdated),
                 fmt::join(changed, ", or another "));
  }

  void keep(Record record) {
    if (const auto now = made_with_.find(record.case_text); now != made_with_.end())
      record.made_with.merge(MadeWith(now->second));
    is_new_ = true;
    try {
      file_.add(json_of(record));
    } catch (const InputError& error) {
      if (not_written_.empty()) not_written_ = error.what();
    }
    records_[record.case_text] = std::move(record);
  }

  /// The records of `cases`, in their order; the file is rewritten in that order.
  MatrixRun finish(Heading heading, const std::vector<CaseId>& cases) {
    if (const auto& kept = file_.kept_heading(); !kept.is_null()) {  // this run is one of those that made the result
      const MadeWith before = matrix::heading_of(kept, path_).made;
      heading.made = is_new_ ? joined_made({before, heading.made}) : before;
    }
    MatrixRun run{.results = {std::move(heading), {}}, .not_written = not_written_};
    for (const CaseId& id : cases)
      if (auto found = records_.extract(id.text())) run.results.records.push_back(std::move(found.mapped()));
    if (path_.empty() || !not_written_.empty()) return run;
    try {
      report::write_json(path_, text_of(run.results));
    } catch (const Error& error) {
      run.not_written = error.what();
    }
    return run;
  }

 private:
  std::string path_;
  std::map<std::string, MadeWith> made_with_;
  report::LinesFile file_;
  std::map<std::string, Record> records_;
  std::string not_written_;
  bool is_new_ = false;  // a record is
};

void begin_anew(const MatrixOptions& options) {
  if (!options.fresh || options.results.empty() || !std::filesystem::is_regular_file(options.results)) return;
  std::filesystem::remove(options.results);
}

}  // namespace

MatrixRun run_matrix(const MatrixOptions& options, const std::string& program) {
  const std::vector<CaseId> all = selected(options.selection);
  const std::vector<CaseId> cases = shard_of(all, options.shard, options.shards);
  const Heading heading = heading_of(options, all.size());
  begin_anew(options);
  Keeper keeper(options.results, heading, made_with(cases, program));
  keeper.forget_outdated();
  std::vector<CaseId> missing;
  for (const CaseId& id : cases)
    if (!keeper.has(id)) missing.push_back(id);
  report::ProgressBar bar("matrix " + options.selection.set, missing.size(), options.quiet);
  run_cases(program, options.plan, options.budget, missing, [&](Record record) {
    bar.advance(record.case_text);
    keeper.keep(std::move(record));
  });
  return keeper.finish(heading, cases);
}

std::string summary_of(const Results& results) {
  std::string text;
  std::map<std::string, std::size_t> left_out;
  for (const Record& record : results.records)
    if (record.outcome == Outcome::unsupported || record.outcome == Outcome::skipped)
      ++left_out[fmt::format("{:<12} {}", name_of(record.outcome), record.reason)];
  const std::vector<FindingGroup> groups = groups_of(red_cases(results));
  for (std::size_t i = 0; i < std::min(groups.size(), kMostShown); ++i) text += text_of(groups[i], results);
  if (groups.size() > kMostShown) text += fmt::format("{:<12} and {} more\n", "", groups.size() - kMostShown);
  for (const auto& [why, count] : left_out) text += text_line("{} ({})", why, cases_text(count));
  return text + text_line("{:<12} {}", "matrix " + results.heading.set, counts_text(results.records));
}

int exit_code_of(const Results& results) {
  bool passed = false;
  for (const Record& record : results.records) {
    if (is_red(record.outcome)) return kMismatch;
    passed = passed || record.outcome == Outcome::pass;
  }
  return passed ? kMatch : kCannotTest;
}

}  // namespace w4::cases::matrix
