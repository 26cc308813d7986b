// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/matrix_options.h"

#include "cases/case/case_id.h"
#include "cases/case/options.h"
#include "cases/faults/faults.h"
#include "cases/matrix/sets.h"
#include "fixtures/error.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdlib>
#include <thread>

namespace w4::cases::matrix {
namespace {

constexpr const char* kExit =
    "Exit: 0 nothing failed (with --baseline: no news), 1 something did, 125 nothing could be run here, 129 bad input "
    "or a report that could not be written.";

std::string about() {
  std::string text =
      "Runs a set of cases, hands what fails to bisect, and writes reports. Also: matrix merge OUT IN..., matrix "
      "report RESULTS, matrix baseline RESULTS OUT, matrix compare A B, each with a --help of its own.\n\nSETs:\n";
  for (const NamedSet& set : named_sets()) text += fmt::format("  {:<10} {}\n", set.name, set.what);
  text += "\nAxes, for --axis and --where (K and N for --where alone):\n";
  for (const Axis& axis : all_axes())
    if (axis.set != nullptr) text += fmt::format("  {:<10} {}\n", axis.name, axis.values);
  return text + "\n" + kExit;
}

/// "2/3"
std::pair<int, int> shard_in(const std::string& text) {
  const auto parts = split(text, '/');
  int numbers[2] = {0, 0};
  bool good = parts.size() == 2;
  for (std::size_t i = 0; good && i < 2; ++i) {
    const auto [end, error] = std::from_chars(parts[i].data(), parts[i].data() + parts[i].size(), numbers[i]);
    good = error == std::errc() && end == parts[i].data() + parts[i].size();
  }
  if (!good || numbers[0] < 1 || numbers[0] > numbers[1])
    throw InputError("--shard {}: I/N is expected, I from 1 to N", text);
  return {numbers[0], numbers[1]};
}

/// Half of the machine's memory.
int default_memory_mib() {
  return static_cast<int>((::sysconf(_SC_PHYS_PAGES) / 2 * (::sysconf(_SC_PAGESIZE) >> 10)) >> 10);
}

std::vector<std::string> gpus_of(int count) {
  if (const auto given = gpu_given_by_ctest()) return {*given};
  if (count == 1) return {""};  // CUDA_VISIBLE_DEVICES unchanged
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(fmt::format("{}", i));
  return names;
}

void add_reports(CLI::App& app, ReportFiles& files) {
  app.add_option("--junit", files.junit, "write JUnit XML to FILE");
  app.add_option("--markdown", files.markdown, "write a summary for a pull request to FILE");
  app.add_option("--html", files.html, "write the report, one self-contained page, to FILE");
  app.add_option("--baseline", files.baseline, "compare with an earlier result, of `matrix baseline`: only news fail");
}

/// An option that is given once for each value.
CLI::Option* repeatable(CLI::App& app, const char* name, std::vector<std::string>& values, const char* help) {
  return app.add_option(name, values, help)->allow_extra_args(false);
}

void add_number(CLI::App& app, const char* name, int& value, const char* help) {
  app.add_option(name, value, help)->check(CLI::PositiveNumber)->capture_default_str();
}

void add_selection(CLI::App& app, Selection& selection) {
  repeatable(app, "--axis", selection.axes, "NAME=VALUE,VALUE: those values in place of the set's (repeatable)");
  repeatable(app, "--only", selection.globs, "only cases that this shell pattern fits (repeatable: one of them)");
  repeatable(app, "--where", selection.where,
             "only cases that it holds for: \"M <= 16 and group < K\" (repeatable: all of them)");
}

/// What workers may use, as it stands on the command line.
struct BudgetWords {
  int memory_mib = default_memory_mib(), gpus = 1;

  void add_to(CLI::App& app, MatrixOptions& options) {
    options.budget.jobs = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    add_number(app, "--jobs", options.budget.jobs, "cases at once");
    app.add_option("--memory", memory_mib, "MiB that cases at work may take together (default: half of the machine's)")
        ->check(CLI::PositiveNumber);
    add_number(app, "--gpus", gpus, "GPUs; each runs one case at a time");
    add_number(app, "--timeout", options.plan.timeout_seconds, "seconds before a run of a kernel is ended");
  }
  void put_into(Budget& budget) const {
    budget.memory_bytes = static_cast<long long>(memory_mib) << 20;
    budget.gpus = gpus_of(gpus);
  }
};

/// Typing errors are reported before anything runs.
void check(const MatrixOptions& options) {
  faults::merged(faults::recipe_of_faults(options.plan.inject), faults::recipe_of_settings(options.plan.settings));
  const bool planted = !options.plan.inject.empty() || !options.plan.settings.empty();
  for (const CaseId& id : selected(options.selection)) {
    const Asked asked = options_of(id).asked;
    if (planted && !kernel_spec(asked).empty())
      throw InputError("--inject and --set change our own path: they do not go with kernel {}", kernel_spec(asked));
    if (std::holds_alternative<asked::RecordedOutput>(asked))
      throw InputError("kernel {}: an output is of one case, no set", id.kernel);
  }
}

}  // namespace

std::optional<std::string> gpu_given_by_ctest() {
  const char* const given = std::getenv("CTEST_RESOURCE_GROUP_0_GPUS");
  if (given == nullptr) return {};
  const std::string_view id = split(split(given, ';')[0], ',')[0];
  if (!id.starts_with("id:")) return {};
  return std::string(id.substr(3));
}

MatrixOptions parse_matrix(int argc, char** argv) {
  MatrixOptions options;
  std::string kernel, shard = "1/1";
  bool no_bisect = false;
  BudgetWords budget;
  CLI::App app(about(), "matrix");
  app.add_option("SET", options.selection.set, "which cases")->required();
  add_selection(app, options.selection);
  app.add_option("--kernel", kernel, "the same as --axis kernel=KERNEL");
  app.add_flag("--list", options.list, "print the cases, each as `bisect --case` takes it");
  repeatable(app, "--inject", options.plan.inject, "plant known faults, as bisect does")->delimiter(',');
  repeatable(app, "--set", options.plan.settings, "do a stage another way: STAGE=VARIANT (repeatable)");
  app.add_option("--results", options.results,
                 "results as lines of JSON, written as they come; what is there and made with the same stays");
  app.add_flag("--fresh", options.fresh, "begin that file anew");
  app.add_option("--shard", shard, "I/N: every N-th case from the I-th on");
  budget.add_to(app, options);
  add_number(app, "--bisect-timeout", options.budget.search_seconds,
             "seconds before bisect of a failing case is ended");
  add_number(app, "--repeat", options.plan.times, "runs of each case: one that does not always end alike is flaky");
  app.add_flag("--no-bisect", no_bisect, "do not look for what is wrong with a failing case");
  add_reports(app, options.reports);
  app.add_flag("--quiet", options.quiet, "no progress on stderr");
  parse_words(app, [&] { app.parse(argc, argv); });
  if (!kernel.empty()) options.selection.axes.push_back("kernel=" + kernel);
  options.plan.search = !no_bisect;
  budget.put_into(options.budget);
  std::tie(options.shard, options.shards) = shard_in(shard);
  check(options);
  return options;
}

JoinOptions parse_merge(int argc, char** argv) {
  JoinOptions options;
  CLI::App app(std::string("Joins the results of all shards of one set into OUT.\n\n") + kExit, "matrix merge");
  app.add_option("OUT", options.out, "the joined result")->required();
  app.add_option("IN", options.in, "the results of shards")->required();
  add_reports(app, options.reports);
  parse_words(app, [&] { app.parse(argc, argv); });
  return options;
}

JoinOptions parse_report(int argc, char** argv) {
  JoinOptions options;
  options.in.resize(1);
  CLI::App app(std::string("Writes reports of a result that is there.\n\n") + kExit, "matrix report");
  app.add_option("RESULTS", options.in[0], "a result")->required();
  add_reports(app, options.reports);
  parse_words(app, [&] { app.parse(argc, argv); });
  return options;
}

BaselineOptions parse_baseline(int argc, char** argv) {
  BaselineOptions options;
  std::vector<std::string> known, reasons, dates;
  CLI::App app(
      "Makes of a result what later ones are compared with. What fails in it needs a --known, --reason and\n--expires "
      "each, in this order: the failure is known until that day, and news when it passes.",
      "matrix baseline");
  app.add_option("RESULTS", options.in, "a result")->required();
  app.add_option("OUT", options.out, "the baseline")->required();
  repeatable(app, "--known", known, "cases, as a shell pattern, that are known to fail (repeatable)");
  repeatable(app, "--reason", reasons, "why");
  repeatable(app, "--expires", dates, "until when, YYYY-MM-DD");
  parse_words(app, [&] { app.parse(argc, argv); });
  if (known.size() != reasons.size() || known.size() != dates.size())
    throw InputError("{} --known, {} --reason and {} --expires: each known failure needs one of each", known.size(),
                     reasons.size(), dates.size());
  for (std::size_t i = 0; i < known.size(); ++i) options.known.push_back({known[i], reasons[i], dates[i]});
  return options;
}

CompareOptions parse_compare(int argc, char** argv) {
  CompareOptions options;
  BudgetWords budget;
  CLI::App app(
      "Two kernels side by side, case by case: outcome, max z and time a launch; what differs comes first. Each is a "
      "result (FILE.jsonl of `matrix --results`) or a kernel as --kernel takes it, which is run on SET; two kernels "
      "are run in turns.\n\nExit: 0 nothing is worse in B, 1 something is, 125 nothing could be run here, 129 bad "
      "input. Times decide nothing.",
      "matrix compare");
  app.add_option("A", options.a, "a result or a kernel")->required();
  app.add_option("B", options.b, "the one that is held against it")->required();
  app.add_option("SET", options.run.selection.set, "which cases, for a kernel");
  add_selection(app, options.run.selection);
  budget.add_to(app, options.run);
  app.add_option("--json", options.json, "write the comparison as JSON to FILE (-: standard output)");
  app.add_option("--markdown", options.markdown, "write a summary for a pull request to FILE");
  app.add_flag("--quiet", options.run.quiet, "no progress on stderr");
  parse_words(app, [&] { app.parse(argc, argv); });
  budget.put_into(options.run.budget);
  options.run.plan.search = false;
  std::string kernels;
  for (const std::string& side : {options.a, options.b})
    if (!is_result(side)) kernels += (kernels.empty() ? "" : ",") + side;
  if (kernels.empty() != options.run.selection.set.empty())
    throw InputError("{}", kernels.empty()
                               ? "compare: A and B are results, no SET is run"
                               : fmt::format("compare: '{}' is a kernel: which SET is it to be run on?", kernels));
  if (kernels.empty()) return options;
  options.run.selection.axes.push_back("kernel=" + kernels);
  check(options.run);
  return options;
}

}  // namespace w4::cases::matrix
