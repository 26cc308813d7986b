// SPDX-License-Identifier: Apache-2.0
// The user's kernel, a plug-in or a command, on packed tensors that are known to be right.
#include "cases/case/task.h"
#include "cases/search/bisect.h"
#include "cases/search/examine.h"
#include "cases/search/launch_rules.h"
#include "cases/search/magnitude.h"
#include "cases/search/new_report.h"
#include "cases/search/probing.h"
#include "cases/search/races.h"
#include "cases/search/stage_lines.h"
#include "fixtures/error.h"
#include "kernel/lane_model/lane_model.h"

#include <algorithm>
#include <memory>

namespace w4::cases::search {
namespace {

using kernel::RunResult;
using kernel::Task;

constexpr int kLaunchesForHazard = 40;  // before hazards without launches that differ are a note

/// One bisection of a kernel, from its examination to what explains it.
class KernelBisection {
 public:
  KernelBisection(kernel::child::ForeignKernel& kernel, const Prepared& prepared, const Options& options,
                  const Progress& progress)
      : prepared_(prepared),
        options_(options),
        asked_(std::get<asked::Kernel>(options.asked)),
        step_(progress),
        limit_(limit_of(options.effort)),
        walk_(walk_repack(OwnPath({}), prepared.layer, {}, progress)),
        seen_(examine(kernel, prepared, options, task_of(prepared, repack::packed_of(walk_.last), options), progress)),
        report_(new_report(prepared, options, first(), trials_.expected())) {}

  report::Report run() {
    describe_kernel();
    report_.notes.insert(report_.notes.end(), seen_.symptoms.notes.begin(), seen_.symptoms.notes.end());
    ask_sanitizers();
    report_.repeats = judge::repeats_of(trials_.launches(), trials_.expected());
    judge();
    describe_stages();
    report_.runs += trials_.launches_made();
    return std::move(report_);
  }

 private:
  const RunResult& first() const { return trials_.first(); }

  void describe_kernel() {
    const kernel::child::ForeignKernel& kernel = trials_.kernel();
    report_.kernel = asked_.spec;
    report_.made = made_on(kernel);
    const std::string file = asked_.spec.substr(asked_.spec.find(':') + 1);
    report_.launch = kernel.name() == file ? "" : kernel.name() + ", ";
    report_.launch +=
        fmt::format("{}up to {} launches", kernel.on_device() ? kernel.device() + ", " : "", options_.effort.repeat);
    report_.launches = first().kernel_launches;
    if (kernel.on_device() && !kernel.unwatched().empty())
      report_.notes.push_back("launches are not watched: " + kernel.unwatched());
  }

  void ask_sanitizers() {
    for (const std::string& tool : asked_.sanitize) {
      step_(tool);
      const std::filesystem::path file = kernel::child::plugin_file(asked_.spec);
      if (file.empty()) throw CannotTest("--sanitize: {} is no plug-in", asked_.spec);
      sanitizers_.push_back(
          kernel::child::sanitize(file, trials_.task(), tool, std::chrono::seconds(options_.effort.timeout_seconds)));
      if (!is_evidence(sanitizers_.back(), trials_)) trials_.repeat_until_different(kLaunchesForHazard);
      report_.notes.push_back(note_of(sanitizers_.back(), trials_));
    }
  }

  bool sanitizers_complain() const {
    return std::ranges::any_of(sanitizers_, [&](const auto& answer) {
      return answer.finished && !answer.clean() && is_evidence(answer, trials_);
    });
  }

  void judge() {
    find_culprits();
    if (seen_.right() && report_.culprits.empty() && walk_.broken.empty() && !sanitizers_complain()) {
      report_.verdict = report::Verdict::match;
      if (trials_.rounding()) add_rounding(report_, *trials_.rounding(), prepared_.layer.dtype);
      return;
    }
    if (const std::string failure = known_good_failure(); !failure.empty()) {
      report_.culprits.clear();
      report_.verdict = report::Verdict::cannot_test;
      report_.reason = "the known-good path itself fails here: " + failure;
      return;
    }
    report_.verdict = report::Verdict::mismatch;
    if (report_.culprits.empty()) explain();
    if (report_.culprits.empty()) report_.culprits.push_back({.stage = "", .fault = "unexplained", .evidence = {}});
    for (report::Culprit& culprit : report_.culprits) complete(culprit);
    report_.reason = seen_.right() ? report_.culprits[0].evidence.at(0) : seen_.reason;
  }

  void add_all(std::vector<report::Culprit> found) {
    report_.culprits.insert(report_.culprits.end(), found.begin(), found.end());
  }

  /// The rules on how launches end and what they leave behind. Its output is explained when no rule names a culprit.
  void find_culprits() {
    if (const std::vector<report::Culprit> ended = faults_of_end(trials_); !ended.empty()) return add_all(ended);
    add_all(faults_of_side_effects(trials_));
    if (report_.culprits.empty()) add_all(faults_of_repeats(trials_, sanitizers_));
    if (report_.culprits.empty()) add_all(faults_of_workspace(trials_, asked_.workspace));
  }

  /// How a launch ended is the finding: nothing that its numbers could show follows from it.
  void explain() {
    if (const RunResult& last = trials_.launches().back(); !last.ran()) {
      report_.culprits.push_back(culprit_of_end(last));
      return;
    }
    if (report_.comparison->right()) return;
    if (report_.comparison->inf > 0) add_all(faults_of_magnitude(trials_, prepared_));
    if (report_.culprits.empty()) explain_by_probes();
  }

  /// Probes of its parts, and the known faults that predict the answers: as launched, then, where the kernel chooses
  /// the thread blocks, on one thread block, if it is wrong there too. One block's stripe is known, whatever the
  /// kernel's plan.
  void explain_by_probes() {
    probe::KernelBox box(trials_.kernel());
    kernel::Launch launch = trials_.task().launch;
    auto probing = std::make_unique<Probing>(prepared_, box, trials_.launches(), launch, options_, limit_, step_,
                                             options_.effort.rounding);
    add_named(probing->name_one());
    if (report_.culprits.empty() && first().ran()) add_all(faults_of_magnitude(trials_, prepared_));
    const bool on_device = trials_.kernel().on_device() && first().ran();
    if (report_.culprits.empty() && on_device && !trials_.right(trials_.with_one_block())) {
      launch.thread_blocks = 1;
      const std::vector<RunResult> alone = {trials_.with_one_block()};
      probing =
          std::make_unique<Probing>(prepared_, box, alone, launch, options_, limit_, step_, options_.effort.rounding);
      add_named(probing->name_one());
      seen_.symptoms.wrong.push_back("the probes ran on one thread block, where the kernel is wrong too");
    }
    if (report_.culprits.empty()) add_named(probing->read_and_name());
    probing->describe(report_);
    report_.runs = box.asked();
  }

  void add_named(std::vector<report::Culprit> named) {
    for (report::Culprit& culprit : named) {
      const bool of_repack = !culprit.variant.empty() && is_repacking(faults::parse_stage(culprit.stage));
      if (of_repack)
        culprit.evidence.push_back(
            "the packed tensors are right in every bit: the kernel reads them as if they had been made with this "
            "fault");
      report_.culprits.push_back(std::move(culprit));
    }
  }

  /// A culprit's own evidence first, then all symptoms.
  void complete(report::Culprit& culprit) const {
    for (const std::string& line : seen_.symptoms.wrong)
      if (std::ranges::find(culprit.evidence, line) == culprit.evidence.end()) culprit.evidence.push_back(line);
    for (const kernel::child::SanitizerAnswer& answer : sanitizers_)
      if (is_evidence(answer, trials_)) culprit.evidence.push_back(answer.text());
    if (culprit.rerun.empty()) culprit.rerun = report_.rerun;
  }

  std::string known_good_failure() const {
    if (!walk_.broken.empty()) return "our own repack is not right in stage " + stage_of(walk_.broken[0]);
    try {
      const RunResult good = kernel::lane_model::run_lane_model(for_lane_model(trials_.task()));
      return trials_.compared(good).failed_gate;
    } catch (
        const CannotTest&) {  // the user's kernel may take what the lane model does not: the oracle still judges it
      return "";
    }
  }

  static std::string stage_of(const BrokenStage& broken) { return name_of(broken.stage); }

  void describe_stages() {
    const bool match = report_.verdict == report::Verdict::match;
    const std::span<const StageId> sound = match ? std::span<const StageId>(kAllStages) : kRepackingStages;
    report_.stages = stage_lines(report_.culprits, sound, "the output is right");
    if (match)
      report_.stages[kRepackingStages.size()].evidence =
          fmt::format("return code 0 from {} launches; guards whole, {} words of workspace zero",
                      trials_.launches_made(), first().workspace.size());
    for (const auto& [stage, check] : walk_.checks)
      if (report::StageLine& line = report_.stages[static_cast<std::size_t>(stage)];
          line.verdict == report::StageVerdict::ok)
        line.evidence = check.what + " equal in every bit, in the kernel's input";
  }

  const Prepared& prepared_;
  const Options& options_;
  const asked::Kernel& asked_;
  const Progress& step_;
  TimeLimit limit_;
  RepackWalk walk_;
  KernelExamination seen_;
  LaunchTrials& trials_ = seen_.trials;
  report::Report report_;
  std::vector<kernel::child::SanitizerAnswer> sanitizers_;
};

}  // namespace

report::Report bisect_kernel(const Prepared& prepared, const Options& options, const Progress& progress) {
  auto kernel =
      kernel::child::open_kernel(kernel_spec(options.asked), std::chrono::seconds(options.effort.timeout_seconds));
  const Prepared asked = for_kernel(prepared, kernel->takes_bias());
  return KernelBisection(*kernel, asked, options, progress).run();
}

}  // namespace w4::cases::search
