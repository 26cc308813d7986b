// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/case_runner.h"

#include "cases/ask.h"
#include "cases/case/task.h"
#include "cases/faults/faults.h"
#include "cases/judge/pictures.h"
#include "cases/report/report_text.h"
#include "cases/search/examine.h"
#include "cases/search/rounding_search.h"
#include "fixtures/error.h"
#include "fixtures/stopwatch.h"
#include "fixtures/text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <new>
#include <span>

namespace w4::cases::matrix {
namespace {

using kernel::RunResult;

/// Peaks of bisect on failing cases, by /usr/bin/time: 118 MiB at K=N=4096 and M=1, 341 MiB at K=512, N=8192 and
/// M=1024.
constexpr long long kBytesPerRounding = 110;  // of an output that may round in ways that are not ours
constexpr long long kBytesPerWeight = 7, kBytesPerOutput = 40, kBytesPerActivation = 8, kBytesAlways = 32 << 20;

const search::Progress kSilent = [](std::string_view) {};

/// No fault is planted in the kernel: it is the known-good one.
bool known_good_kernel(const repack::Recipe& planted) {
  return std::ranges::all_of(planted, [](const auto& way) { return is_repacking(faults::parse_stage(way.first)); });
}

/// Seconds of the fastest launch; none: of one of them they are unknown.
std::optional<double> fastest_of(std::span<const RunResult> launches) {
  const double seconds = std::ranges::min(launches, {}, &RunResult::seconds).seconds;
  return seconds > 0 ? std::optional(seconds) : std::nullopt;
}

/// A combination of axes that no layer can have is no failure of the kernel and no bad input.
Prepared made_ready(const Options& options) {
  try {
    return prepare(options.request);
  } catch (const InputError& error) {
    throw CannotTest("{}", error.what());
  }
}

}  // namespace

long long bytes_needed(const CaseId& id) {
  const long long K = id.K, N = id.N, M = id.M;
  const long long per_output = kBytesPerOutput + (has_classes(options_of(id).asked) ? kBytesPerRounding : 0);
  return kBytesAlways + kBytesPerWeight * K * N + per_output * M * N + kBytesPerActivation * M * K;
}

Options CaseRunner::options_of_case(const CaseId& id) const {
  Options options = options_of(id);
  options.effort.timeout_seconds = plan_.timeout_seconds;
  options.effort.sweep_unexplained = false;  // a matrix is a sweep itself
  if (auto* own = std::get_if<asked::OwnPath>(&options.asked)) own->planted = {plan_.inject, plan_.settings};
  return options;
}

kernel::child::ForeignKernel& CaseRunner::opened(const std::string& spec) {
  auto& kernel = kernels_[spec];
  if (!kernel) kernel = kernel::child::open_kernel(spec, std::chrono::seconds(plan_.timeout_seconds));
  return *kernel;
}

/// The outcome of an examination, and what the record keeps of it.
template <class Examination>
CaseRunner::Checked CaseRunner::checked(const Examination& seen, const RunResult& shown,
                                        const judge::Expected& expected) {
  Checked checked{.outcome = seen.right() ? Outcome::pass : Outcome::fail, .reason = seen.reason};
  if (seen.comparison.judged > 0) checked.error = figures_of(seen.comparison);
  if (!shown.ran() || !seen.comparison.right())
    checked.pictures = judge::pictures_of(shown.C, expected, kernel::Launch{}.fill);
  return checked;
}

CaseRunner::Checked CaseRunner::own_path(const Options& options) const {
  const Prepared prepared = made_ready(options);
  const repack::Recipe planted = planted_by(options.asked);
  const auto seen = search::examine(prepared, OwnPath(planted), options, known_good_kernel(planted), kSilent);
  Checked found = checked(seen, seen.seen, seen.expected);
  found.launch_seconds = fastest_of({&seen.seen, 1});
  return found;
}

CaseRunner::Checked CaseRunner::users_kernel(const Options& options) {
  kernel::child::ForeignKernel* kernel = nullptr;
  try {
    kernel = &opened(kernel_spec(options.asked));
  } catch (const CannotTest& error) {
    return {.outcome = Outcome::skipped, .reason = error.what()};
  }
  const Prepared prepared = for_kernel(made_ready(options), kernel->takes_bias());
  const kernel::Task task = task_of(prepared, repack::repack(prepared.layer), options);
  const search::KernelExamination seen = search::examine(*kernel, prepared, options, task, kSilent);
  Checked found = checked(seen, seen.shown, seen.trials.expected());
  found.launch_seconds = fastest_of(seen.trials.launches());
  found.made = made_on(*kernel);
  if (const auto& rounding = seen.trials.rounding(); rounding && found.outcome == Outcome::pass)
    found.rounding = {*rounding, judge::text_of(*rounding, prepared.layer.dtype)};
  if (seen.shown.timed_out)
    found.outcome = Outcome::timed_out;
  else if (!seen.shown.signal.empty() || seen.shown.exit_code)
    found.outcome = Outcome::crashed;
  return found;
}

CaseRunner::Checked CaseRunner::once(const Options& options) {
  try {
    Checked checked = kernel_spec(options.asked).empty() ? own_path(options) : users_kernel(options);
    checked.reason = shown(checked.reason);
    return checked;
  } catch (const kernel::child::CannotStart& error) {
    return {.outcome = Outcome::skipped, .reason = error.what()};
  } catch (const CannotTest& error) {
    return {.outcome = Outcome::unsupported, .reason = error.what()};
  } catch (const kernel::child::UnreadableAnswer& error) {
    return {.outcome = Outcome::unreadable, .reason = error.what()};
  } catch (const kernel::child::ToolFailed& error) {
    return {.outcome = Outcome::skipped, .reason = error.what()};
  } catch (const std::bad_alloc&) {
    return {.outcome = Outcome::skipped, .reason = "out of memory"};
  }
}

Record CaseRunner::check(const CaseId& id) {
  const Stopwatch watch;
  const Options options = options_of_case(id);
  Record record{.case_text = id.text(), .times = plan_.times, .rerun = command_line(options)};
  bool passed = false;
  for (int i = 0; i < plan_.times; ++i) {
    Checked checked = once(options);
    const bool red = is_red(checked.outcome);
    passed = passed || checked.outcome == Outcome::pass;
    record.failed += red;
    if (i > 0 && !(red && record.failed == 1)) continue;  // the first one, or the first that failed
    record.outcome = checked.outcome;
    record.reason = checked.reason;
    record.launch_seconds = checked.launch_seconds;
    record.error = checked.error;
    record.rounding = checked.rounding;
    record.pictures = std::move(checked.pictures);
    record.made_with = std::move(checked.made);
    if (!red && checked.outcome != Outcome::pass) break;  // it will not be otherwise the next time
  }
  if (passed && record.failed > 0) {
    record.outcome = Outcome::flaky;
    record.reason = fmt::format("fails in {} of {} runs: {}", record.failed, plan_.times, record.reason);
  }
  record.seconds = watch.seconds();
  return record;
}

void CaseRunner::find(const CaseId& id, Record& record) {
  try {
    const Stopwatch watch;
    report::Report report = report_on(options_of_case(id), kSilent);
    report.seconds = watch.seconds();
    report.made.clear();  // the record says it
    record.finding = report::json_of(report);
    if (record.pictures.is_null() && report.pictures)
      record.pictures = *report.pictures;
    else if (report.pictures && report.pictures->contains("permutation"))
      record.pictures["permutation"] = (*report.pictures)["permutation"];
    if (record.outcome != Outcome::fail) return;
    if (report.verdict == report::Verdict::match) {
      record.outcome = Outcome::flaky;
      record.reason = "bisect ran it again and saw nothing wrong; the first run: " + record.reason;
    } else if (report.verdict == report::Verdict::cannot_test) {
      record.outcome = Outcome::skipped;
      record.reason = shown("cannot be tested here: " + report.reason);
    } else if (report.verdict == report::Verdict::unreadable) {
      record.outcome = Outcome::unreadable;
      record.reason = report.reason;
    }
  } catch (const Error& error) {
    record.reason += fmt::format("; bisect: {}", error.what());
  } catch (const std::bad_alloc&) {
    record.reason += "; bisect: out of memory";
  }
}

}  // namespace w4::cases::matrix
