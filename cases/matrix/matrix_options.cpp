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
      "report "
      "RESULTS, matrix baseline RESULTS OUT, each with a --help of its own.\n\nSETs:\n";
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
  int memory_mib = default_memory_mib(), gpus = 1;
  options.budget.jobs = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  CLI::App app(about(), "matrix");
  const auto number = [&](const char* name, int& value, const char* help) {
    return app.add_option(name, value, help)->check(CLI::PositiveNumber)->capture_default_str();
  };
  app.add_option("SET", options.selection.set, "which cases")->required();
  repeatable(app, "--axis", options.selection.axes,
             "NAME=VALUE,VALUE: those values in place of the set's (repeatable)");
  app.add_option("--kernel", kernel, "the same as --axis kernel=KERNEL");
  repeatable(app, "--only", options.selection.globs,
             "only cases that this shell pattern fits (repeatable: one of them)");
  repeatable(app, "--where", options.selection.where,
             "only cases that it holds for: \"M <= 16 and group < K\" (repeatable: all of them)");
  app.add_flag("--list", options.list, "print the cases, each as `bisect --case` takes it");
  repeatable(app, "--inject", options.plan.inject, "plant known faults, as bisect does")->delimiter(',');
  repeatable(app, "--set", options.plan.settings, "do a stage another way: STAGE=VARIANT (repeatable)");
  app.add_option("--results", options.results,
                 "results as lines of JSON, written as they come; what is there and made with the same stays");
  app.add_flag("--fresh", options.fresh, "begin that file anew");
  app.add_option("--shard", shard, "I/N: every N-th case from the I-th on");
  number("--jobs", options.budget.jobs, "cases at once");
  app.add_option("--memory", memory_mib, "MiB that cases at work may take together (default: half of the machine's)")
      ->check(CLI::PositiveNumber);
  number("--gpus", gpus, "GPUs; each runs one case at a time");
  number("--timeout", options.plan.timeout_seconds, "seconds before a run of a kernel is ended");
  number("--bisect-timeout", options.budget.search_seconds, "seconds before bisect of a failing case is ended");
  number("--repeat", options.plan.times, "runs of each case: one that does not always end alike is flaky");
  app.add_flag("--no-bisect", no_bisect, "do not look for what is wrong with a failing case");
  add_reports(app, options.reports);
  app.add_flag("--quiet", options.quiet, "no progress on stderr");
  parse_words(app, [&] { app.parse(argc, argv); });
  if (!kernel.empty()) options.selection.axes.push_back("kernel=" + kernel);
  options.plan.search = !no_bisect;
  options.budget.memory_bytes = static_cast<long long>(memory_mib) << 20;
  options.budget.gpus = gpus_of(gpus);
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

}  // namespace w4::cases::matrix
