// SPDX-License-Identifier: Apache-2.0
#include "cases/search/new_report.h"

#include "cases/case/task.h"
#include "cases/judge/pictures.h"
#include "cases/search/stage_lines.h"
#include "fixtures/half.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace w4::cases::search {
namespace {

constexpr std::size_t kFirstOutputs = 20;  // numbers of the output that a report prints

}  // namespace

report::Report new_report(const Prepared& prepared, const Options& options) {
  const kernel::Launch launch = task_of(prepared, {}, options).launch;
  report::Report report;
  report.case_id = prepared.id.text();
  report.fixture = prepared.fixture;
  const auto* recorded = std::get_if<asked::RecordedOutput>(&options.asked);
  report.kernel = recorded ? "recorded:" + recorded->file.string() : "cpu";
  if (!recorded)
    report.launch =
        fmt::format("the lane model, block_tile {}x{}, {} thread blocks, {}-bit reduction", launch.block_tile.thread_k,
                    launch.block_tile.thread_n, launch.thread_blocks, launch.reduce_bits);
  report.notes = prepared.notes;
  for (const fixtures::lint::LintLine& doubt : prepared.doubts) report.doubts.push_back(doubt.sentence);
  report.doubt_cure = prepared.doubt_cure;
  report.rerun = command_line(options);
  return report;
}

report::Report report_of_unreadable(const Prepared& prepared, const Options& options, const std::string& why) {
  report::Report report = new_report(prepared, options);
  report.kernel = kernel_spec(options.asked);
  report.launch.clear();
  report.verdict = report::Verdict::unreadable;
  report.reason = why;
  report.stages = stage_lines({}, {}, "");
  for (report::StageLine& line : report.stages) line.evidence = "no answer to judge by";
  return report;
}

void add_rounding(report::Report& report, const judge::RoundingClass& rounding, DType dtype) {
  report.rounding = rounding;
  report.rounding_text = judge::text_of(rounding, dtype);
}

report::Report new_report(const Prepared& prepared, const Options& options, const kernel::RunResult& result,
                          const judge::Expected& expected) {
  report::Report report = new_report(prepared, options);
  report.comparison = judge::compare(result.C, expected, kernel::Launch{}.fill);
  report.pictures =
      std::make_shared<nlohmann::ordered_json>(judge::pictures_of(result.C, expected, kernel::Launch{}.fill));
  report.audit = judge::audit(result.C, expected, kernel::Launch{}.fill);
  for (std::size_t i = 0; i < std::min(kFirstOutputs, result.C.size()); ++i)
    report.first.push_back(value_of(result.C[i], expected.dtype));
  return report;
}

}  // namespace w4::cases::search
