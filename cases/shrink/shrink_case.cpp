// SPDX-License-Identifier: Apache-2.0
#include "cases/shrink/shrink_case.h"

#include "cases/ask.h"
#include "fixtures/error.h"
#include "fixtures/files/container.h"
#include "fixtures/files/write_beside.h"
#include "fixtures/text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace w4::cases::shrink {
namespace {

namespace fs = std::filesystem;

/// Runs of a case before it counts as not failing: racing launches may be right by chance.
constexpr int kMostTries = 5;

/// Three known faults at once are thousands of predictions, made in every trial of an unexplained failure. The final
/// case is searched with the full number.
constexpr int kMostFaultsOfTrial = 2;

bool is_unexplained(const Failure& failure) {
  return std::ranges::any_of(failure.culprits, [](const auto& culprit) { return culprit.second == "unexplained"; });
}

void check_can_run_again(const Options& options) {
  if (std::holds_alternative<asked::RecordedOutput>(options.asked))
    throw InputError("--kernel recorded: shrink runs a kernel on smaller cases, a recorded output is no kernel");
  if (std::holds_alternative<asked::PackedTensors>(options.asked))
    throw InputError("--packed: shrink packs smaller layers itself, tensors that are packed already cannot follow");
}

/// Thread blocks of a launch; 0: the kernel chooses.
int thread_blocks_of(const Options& options) {
  return options.request.thread_blocks.value_or(kernel_spec(options.asked).empty() ? kernel::Launch{}.thread_blocks
                                                                                   : 0);
}

/// The options of the case written as a fixture: codes, scales and activations are the fixture's.
Options options_for(const Options& asked, const PlainCase& plain, const fs::path& fixture) {
  Options options = asked;
  options.request = {.group = plain.group,
                     .fixture = fixture,
                     .block_tile = asked.request.block_tile,
                     .thread_blocks = asked.request.thread_blocks,
                     .reduce_bits = asked.request.reduce_bits};
  if (plain.thread_blocks != thread_blocks_of(asked)) options.request.thread_blocks = plain.thread_blocks;
  return options;
}

/// Without progress: only the number of the trial is shown.
report::Report asked_of(const Prepared& prepared, const Options& options) {
  return report_on(prepared, options, [](std::string_view) {});
}

/// One trial of a smaller case. CannotTest means that the kernel refused it; other errors end the search.
Answer answer_of(const PlainCase& plain, const ShrunkCase& wanted) {
  const Prepared prepared = prepared_of(plain, "");
  Options options = options_for(wanted.asked, plain, wanted.asked.request.fixture);
  if (is_unexplained(wanted.failure)) options.effort.most_faults = kMostFaultsOfTrial;
  try {
    for (int tries = wanted.comes_and_goes ? kMostTries : 1; tries > 0; --tries)
      if (failure_of(asked_of(prepared, options)) == wanted.failure) return Answer::same_failure;
    return Answer::another_outcome;
  } catch (const CannotTest&) {
    return Answer::not_taken;
  }
}

/// The lane model's races are deterministic; a kernel's are not.
bool comes_and_goes(const report::Report& report, const Options& options) {
  return !kernel_spec(options.asked).empty() && report.repeats && report.repeats->apart;
}

/// A layer that is decoded and stored again must still fail: the cause may be something that decoding drops.
void check_survives_rewriting(const ShrunkCase& wanted, const PlainCase& plain) {
  if (answer_of(plain, wanted) != Answer::same_failure)
    throw CannotTest(
        "{}: stored anew{} it does not fail the same way: {}", wanted.case_id,
        wanted.asked.request.cuts.empty() ? " with the same content" : " as a layer of its own, no longer a slice,",
        text_of(wanted.failure));
}

Shrinker::Told told_by(const search::Progress& progress, int budget) {
  return [&progress, budget](int trial, const PlainCase& plain) {
    progress(fmt::format("trial {} of {}: M={} K={} N={}", trial, budget, plain.M(), plain.K(), plain.N()));
  };
}

Failure failure_to_shrink(const report::Report& report) {
  if (report.verdict == report::Verdict::match)
    throw CannotTest("{} is a match: there is nothing to shrink", report.case_id);
  if (report.verdict == report::Verdict::cannot_test || report.verdict == report::Verdict::unreadable)
    throw CannotTest("{}: {}", report.case_id, report.reason);
  return failure_of(report);
}

report::Report read_back(const ShrunkCase& shrunk, const fs::path& written, const search::Progress& progress) {
  for (int reading = 1; reading <= kMostTries; ++reading) {
    progress(fmt::format("the written fixture, run {}", reading));
    const Options options = options_of(shrunk, written);
    report::Report report = asked_of(prepare(options.request), options);
    if (failure_of(report) == shrunk.failure) return report;
  }
  throw CannotTest(
      "the shrunken case, read back, did not fail the same way in {} runs: it comes and goes; --repeat {} "
      "launches more at a time",
      kMostTries, 4 * shrunk.asked.effort.repeat);
}

}  // namespace

Options options_of(const ShrunkCase& shrunk, const fs::path& fixture) {
  return options_for(shrunk.asked, shrunk.shrunk.best, fixture);
}

fixtures::files::Container container_of(const ShrunkCase& shrunk, const fs::path& folder) {
  fixtures::files::Container container = fixtures::container_of(layer_of(shrunk.shrunk.best));
  container.manifest["shrunk_from"] = shrunk.case_id + ", " + command_line(shrunk.asked);
  container.manifest["failure"] = text_of(shrunk.failure);
  container.manifest["command"] = command_line(options_of(shrunk, folder));
  return container;
}

ShrunkCase shrink_case(const Options& options, int budget, const search::Progress& progress,
                       const Shrinker::Stopped& stopped) {
  check_can_run_again(options);
  progress("the case as it came");
  const Prepared prepared = prepare(options.request);
  const report::Report report = asked_of(prepared, options);
  ShrunkCase out{.asked = options,
                 .case_id = report.case_id,
                 .failure = failure_to_shrink(report),
                 .comes_and_goes = comes_and_goes(report, options),
                 .shrunk = {}};
  PlainCase plain = plain_of(prepared);
  plain.thread_blocks = thread_blocks_of(options);
  check_survives_rewriting(out, plain);
  const auto trial = [&](const PlainCase& smaller) { return answer_of(smaller, out); };
  out.shrunk = Shrinker(plain, budget, trial, told_by(progress, budget), stopped).run();
  return out;
}

report::Report write_shrunk(const ShrunkCase& shrunk, const fs::path& folder, const search::Progress& progress) {
  report::Report report;
  fixtures::files::write_beside(folder, [&](const fs::path& temporary) {
    fixtures::files::write_container(container_of(shrunk, folder), temporary,
                                     fixtures::files::ContainerKind::npy_folder);
    report = read_back(shrunk, temporary, progress);
  });
  report.fixture = folder.string();
  report.rerun = command_line(options_of(shrunk, folder));
  return report;
}

namespace {

/// The command of racecheck, for launches that differ by more than rounding. It watches kernels on a GPU.
std::string racecheck_text(const ShrunkCase& shrunk, const fs::path& fixture, const fs::path& reproducer) {
  Options options = options_of(shrunk, fixture);
  std::string text;
  if (kernel_spec(options.asked).starts_with("exec:")) {
    text = text_line("compute-sanitizer --tool racecheck --target-processes all {}", command_line(options));
  } else {
    const bool lane_model = kernel_spec(options.asked).empty();  // racecheck cannot watch it
    if (lane_model) options.asked = asked::Kernel{"cuda"};
    std::get<asked::Kernel>(options.asked).sanitize = {"racecheck"};
    text = text_line("{}{}", command_line(options), lane_model ? "   # or your kernel: --kernel plugin:FILE" : "");
  }
  if (!reproducer.empty())
    text += text_line("{:13}cd {} && compute-sanitizer --tool racecheck ./reproducer KERNEL.so", "",
                      shell_word(reproducer.string()));
  return "racecheck    " + text;
}

std::string search_text(const Shrunk& shrunk) {
  std::string text = fmt::format("{} trials", shrunk.trials);
  if (shrunk.not_taken > 0) text += fmt::format(", {} of them cases that cannot be tested", shrunk.not_taken);
  if (shrunk.interrupted) return text + "; interrupted: a smaller case may be there";
  return text + (shrunk.budget_ran_out
                     ? fmt::format("; the budget ran out: --budget {} may find a smaller case", 4 * shrunk.trials)
                     : "; a local minimum: no single step of any strategy keeps the failure");
}

}  // namespace

std::string text_of(const ShrunkCase& shrunk, const fs::path& fixture, const fs::path& reproducer,
                    const report::Report& report) {
  std::string text = text_line("case         {}", shrunk.case_id);
  text += text_line("failure      {}", text_of(shrunk.failure));
  for (const std::string& step : shrunk.shrunk.steps)
    text += text_line("{:<12} {}", &step == &shrunk.shrunk.steps.front() ? "steps" : "", step);
  text += text_line("left         {}", text_of(shrunk.shrunk.best));
  text += text_line("search       {}", search_text(shrunk.shrunk));
  if (report.repeats) text += text_line("launches     {}", judge::triage_of(*report.repeats));
  if (report.repeats && report.repeats->apart) text += racecheck_text(shrunk, fixture, reproducer);
  text += text_line("fixture      {}, read back and run again: the same failure", fixture.string());
  if (!reproducer.empty()) text += text_line("reproducer   {}: see its README.md", reproducer.string());
  return text + text_line("{}", command_line(options_of(shrunk, fixture)));
}

}  // namespace w4::cases::shrink
