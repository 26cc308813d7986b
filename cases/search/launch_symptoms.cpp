// SPDX-License-Identifier: Apache-2.0
#include "cases/search/launch_symptoms.h"

#include "cases/judge/launch_repeats.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::search {
namespace {

using kernel::RunResult;

void add(std::vector<std::string>& lines, const std::string& line) {
  if (std::ranges::find(lines, line) == lines.end()) lines.push_back(line);
}

void look_at_end(const RunResult& result, int timeout_seconds, std::vector<std::string>& wrong) {
  if (result.ran()) return;
  if (result.timed_out) add(wrong, fmt::format("hangs: not done after {} s, ended by force", timeout_seconds));
  if (!result.signal.empty()) add(wrong, "ended by " + result.signal);
  const std::string words = result.message.empty() ? "" : ": " + result.message;
  if (!result.exception.empty()) add(wrong, result.exception);
  if (result.exit_code) add(wrong, fmt::format("ended its process with exit code {}{}", *result.exit_code, words));
  if (result.return_code != 0) add(wrong, fmt::format("return code {}{}", result.return_code, words));
  if (!result.launch_error.empty()) add(wrong, "launch error " + result.launch_error);
  if (!result.synchronise_error.empty())
    add(wrong, fmt::format("synchronise error {}{}", result.synchronise_error,
                           result.launch_error.empty() ? ", after a launch without an error" : ""));
}

/// A failed launch is no fault where another launch made up for it.
void look_at_unchecked_error(const LaunchTrials& trials, const RunResult& result, LaunchSymptoms& symptoms) {
  if (result.unchecked_launch_error.empty()) return;
  const std::string line =
      fmt::format("launch error {} was ignored by the kernel, which returned 0", result.unchecked_launch_error);
  if (trials.right(result))
    add(symptoms.notes, line + "; the output is still right");
  else
    add(symptoms.wrong, line);
}

/// The message of a launch that is right is a note, not a symptom. Behind a code it is told already.
void look_at_message(const LaunchTrials& trials, const RunResult& result, LaunchSymptoms& symptoms) {
  if (!result.message.empty() && result.return_code == 0 && !result.exit_code)
    add(trials.right(result) ? symptoms.notes : symptoms.wrong, "the kernel says: " + result.message);
}

void look_at_writes(const LaunchTrials& trials, std::vector<std::string>& wrong) {
  const RunResult& first = trials.first();
  const judge::Comparison output = trials.compared(first);
  const bool follows = !first.exception.empty();  // from a C.npy that was not made
  if (output.unwritten > 0 && !follows)
    add(wrong, fmt::format("{} of {} outputs keep the fill: never written, not zero", output.unwritten, output.count));
  if (output.nan > 0)
    add(wrong, fmt::format("{} of {} outputs are NaN that the kernel wrote", output.nan, output.count));
  for (const RunResult& result : trials.launches())
    for (const std::string& trespass : result.trespasses) add(wrong, trespass);
}

/// Launches that differ within the bound sum in another order.
void look_at_repeats(const LaunchTrials& trials, std::vector<std::string>& notes) {
  const std::vector<RunResult>& launches = trials.launches();
  if (judge::most_differing(launches) == 0 ||
      !std::ranges::all_of(launches, [&](const RunResult& result) { return trials.right(result); }))
    return;
  notes.push_back(judge::difference_text(launches) + ", each within the bound: sums are taken in another order");
}

}  // namespace

LaunchSymptoms symptoms_of(const LaunchTrials& trials, int timeout_seconds) {
  LaunchSymptoms symptoms;
  for (const RunResult& result : trials.launches()) look_at_end(result, timeout_seconds, symptoms.wrong);
  for (const RunResult& result : trials.launches()) look_at_unchecked_error(trials, result, symptoms);
  for (const RunResult& result : trials.launches()) look_at_message(trials, result, symptoms);
  look_at_writes(trials, symptoms.wrong);
  if (!trials.against_rounding().empty()) add(symptoms.wrong, trials.against_rounding());
  look_at_repeats(trials, symptoms.notes);
  return symptoms;
}

}  // namespace w4::cases::search
