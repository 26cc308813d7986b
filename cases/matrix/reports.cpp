// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/reports.h"

#include "cases/matrix/matrix_run.h"
#include "cases/matrix/page.h"
#include "cases/report/write_file.h"
#include "fixtures/error.h"
#include "fixtures/terminal.h"

#include <fmt/format.h>

#include <optional>

namespace w4::cases::matrix {

void check_reports(const ReportFiles& files) {
  for (const std::string& file : {files.junit, files.markdown, files.html}) report::check_writable(file);
  if (!files.baseline.empty()) read_baseline(files.baseline);
}

int report_results(const Results& results, const ReportFiles& files, const std::string& not_written) {
  std::optional<News> news;
  const int code = exit_code_of(results);
  if (!files.baseline.empty() && code != kCannotTest) news = news_of(results, read_baseline(files.baseline), today());
  std::vector<std::string> failed;
  if (!not_written.empty()) failed.push_back(not_written);
  const auto write = [&](const std::string& file, const auto& text_of) {
    if (file.empty()) return;
    try {
      report::write_json(file, text_of());
    } catch (const Error& error) {
      failed.emplace_back(error.what());
    }
  };
  const News* const told = news ? &*news : nullptr;
  write(files.junit, [&] { return junit_of(results, told); });
  write(files.markdown, [&] { return markdown_of(results, told); });
  write(files.html, [&] { return page_of(results, told); });
  print(summary_of(results));
  if (!files.baseline.empty() && !news) fmt::print("nothing could be run: not held against the baseline\n");
  if (news) print(news->empty() ? "no news against the baseline\n" : text_of(*news));
  if (!failed.empty()) throw InputError("{}", fmt::join(failed, "; "));
  if (!news) return code;
  return news->empty() ? kMatch : kMismatch;
}

}  // namespace w4::cases::matrix
