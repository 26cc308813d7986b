// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/case_runner.h"

#include "cases/ask.h"
#include "cases/case/task.h"
#include "cases/judge/launch_repeats.h"
#include "cases/judge/pictures.h"
#include "cases/matrix/own_path.h"
#include "cases/report/report_text.h"
#include "cases/search/bisect.h"
#include "cases/search/launch_rules.h"
#include "cases/search/launch_symptoms.h"
#include "cases/search/repack_search.h"
#include "fixtures/error.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <new>

namespace w4::cases::matrix {
namespace {

using kernel::RunResult;
using kernel::Task;

/// A search among three faults at once, or over other shapes, takes many times as long as all else: a matrix has many
/// cases to search, and is a sweep itself.
constexpr int kMostFaultsAtOnce = 2;

/// Peaks of bisect on failing cases, by /usr/bin/time: 118 MiB at K=N=4096 and M=1, 341 MiB at K=512, N=8192 and
/// M=1024.
constexpr long long kBytesPerWeight = 7, kBytesPerOutput = 40, kBytesPerActivation = 8, kBytesAlways = 32 << 20;

ErrorFigures figures_of(const judge::Comparison& c) {
  return {.max_z = c.max_z, .rms_z = c.rms_z, .nrmse = c.nrmse, .gain = c.gain};
}

/// How a run that did not reach its end ended, and what that is called.
std::pair<Outcome, std::string> ending_of(const RunResult& result, const judge::Repeats& repeats, int timeout_seconds) {
  if (result.timed_out) return {Outcome::timed_out, fmt::format("the kernel is not done after {} s", timeout_seconds)};
  std::string reason = fmt::format("{}", fmt::join(repeats.failures, "; "));
  if (!result.message.empty()) reason += ": " + result.message;
  const bool crashed = !result.signal.empty() || result.exit_code;
  return {crashed ? Outcome::crashed : Outcome::fail, reason};
}

/// What is wrong with a kernel all of whose launches gave the right output; empty: nothing. It is what bisect calls a
/// mismatch too.
std::string wrong_beside_output(search::Trials& trials, int timeout_seconds) {
  if (const search::Symptoms symptoms = search::symptoms_of(trials, timeout_seconds); !symptoms.wrong.empty())
    return symptoms.wrong[0];
  if (const std::vector<report::Culprit> found = search::faults_of_side_effects(trials); !found.empty())
    return found[0].evidence.at(0);
  return "";
}

/// A combination of axes that no layer can have is not this kernel's fault, nor the user's.
Prepared made_ready(const Options& options) {
  try {
    return prepare(options.request);
  } catch (const InputError& error) {
    throw CannotTest("{}", error.what());
  }
}

std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  return text;
}

}  // namespace

long long bytes_needed(const CaseId& id) {
  const long long K = id.K, N = id.N, M = id.M;
  return kBytesAlways + kBytesPerWeight * K * N + kBytesPerOutput * M * N + kBytesPerActivation * M * K;
}

Options CaseRunner::options_of_case(const CaseId& id) const {
  Options options = options_of(id);
  options.effort.timeout_seconds = plan_.timeout_seconds;
  options.effort.most_faults = kMostFaultsAtOnce;
  options.effort.sweep_unexplained = false;
  if (auto* own = std::get_if<asked::OwnPath>(&options.asked)) own->planted = {plan_.inject, plan_.settings};
  return options;
}

kernel::child::ForeignKernel& CaseRunner::opened(const std::string& spec) {
  auto& kernel = kernels_[spec];
  if (!kernel) kernel = kernel::child::open_kernel(spec, std::chrono::seconds(plan_.timeout_seconds));
  return *kernel;
}

CaseRunner::Checked CaseRunner::lane_model(const Options& options) const {
  const Prepared prepared = made_ready(options);
  const OwnPath path(planted_by(options.asked), prepared.layer);
  const Task task = task_of(prepared, repack::packed_of(path.last()), options);
  const RunResult result = path.run(task);
  const judge::Expected expected = judge::expected_output(prepared.layer, prepared.A, rounding_of(prepared, task));
  const judge::Comparison comparison = judge::compare(result.C, expected, task.launch.fill);
  Checked checked{.error = figures_of(comparison)};
  if (result.ran() && comparison.right()) {
    checked.reason = path.wrong_beside_output(task, result, options.effort.repeat);
    if (!checked.reason.empty()) checked.outcome = Outcome::fail;
    return checked;
  }
  checked.pictures = judge::pictures_of(result.C, expected, task.launch.fill);
  checked.outcome = Outcome::fail;
  checked.reason = result.ran()
                       ? comparison.failed_gate
                       : ending_of(result, judge::repeats_of({result}, expected), plan_.timeout_seconds).second;
  return checked;
}

CaseRunner::Checked CaseRunner::foreign(const Options& options) {
  kernel::child::ForeignKernel* kernel = nullptr;
  try {
    kernel = &opened(kernel_spec(options.asked));
  } catch (const CannotTest& error) {
    return {.outcome = Outcome::skipped, .reason = one_line(error.what())};
  }
  const Prepared whole = made_ready(options);
  const Prepared prepared = kernel->takes_bias() ? whole : without_bias(whole);
  const Task task = task_of(prepared, repack::packed_of(search::repack_with(prepared.layer, {})), options);
  const search::Progress nobody = [](std::string_view) {};
  search::Trials trials(*kernel, prepared, options, task, nobody);
  Checked checked;
  for (const RunResult& result : trials.launches()) {
    const judge::Comparison comparison = trials.compared(result);
    if (comparison.judged > 0) checked.error = figures_of(comparison);
    if (result.ran() && comparison.right()) continue;
    checked.outcome = Outcome::fail;
    checked.reason = comparison.failed_gate;
    checked.pictures = judge::pictures_of(result.C, trials.expected(), task.launch.fill);
    if (!result.ran())
      std::tie(checked.outcome, checked.reason) =
          ending_of(result, judge::repeats_of(trials.launches(), trials.expected()), plan_.timeout_seconds);
    return checked;
  }
  checked.reason = wrong_beside_output(trials, plan_.timeout_seconds);
  if (!checked.reason.empty()) checked.outcome = Outcome::fail;
  return checked;
}

CaseRunner::Checked CaseRunner::once(const Options& options) {
  try {
    Checked checked = kernel_spec(options.asked).empty() ? lane_model(options) : foreign(options);
    checked.reason = one_line(checked.reason);
    return checked;
  } catch (const CannotTest& error) {
    return {.outcome = Outcome::unsupported, .reason = one_line(error.what())};
  } catch (const std::bad_alloc&) {
    return {.outcome = Outcome::crashed, .reason = "out of memory"};
  }
}

Record CaseRunner::check(const CaseId& id) {
  const auto begin = std::chrono::steady_clock::now();
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
    record.error = checked.error;
    record.pictures = std::move(checked.pictures);
    if (!red && checked.outcome != Outcome::pass) break;  // it will not be otherwise the next time
  }
  if (passed && record.failed > 0) {
    record.outcome = Outcome::flaky;
    record.reason = fmt::format("fails in {} of {} runs: {}", record.failed, plan_.times, record.reason);
  }
  record.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return record;
}

void CaseRunner::find(const CaseId& id, Record& record) {
  try {
    const auto begin = std::chrono::steady_clock::now();
    report::Report report = report_on(options_of_case(id), [](std::string_view) {});
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
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
      record.reason = one_line("cannot be tested here: " + report.reason);
    }
  } catch (const Error& error) {
    record.reason += one_line(fmt::format("; bisect: {}", error.what()));
  } catch (const std::bad_alloc&) {
    record.reason += "; bisect: out of memory";
  }
}

}  // namespace w4::cases::matrix
