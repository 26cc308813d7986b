// SPDX-License-Identifier: Apache-2.0
#include "cases/search/bisect.h"

#include "cases/case/task.h"
#include "cases/faults/faults.h"
#include "cases/judge/pictures.h"
#include "cases/search/kernel_search.h"
#include "cases/search/new_report.h"
#include "cases/search/repack_search.h"
#include "fixtures/error.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace w4::cases::search {
namespace {

using kernel::RunResult;
using kernel::Task;
using repack::Recipe;

/// One bisection, from the walk through the stages to the confirmed culprits.
class Bisection {
 public:
  Bisection(const Prepared& prepared, const OwnPath& subject, const Options& options, const Progress& progress)
      : prepared_(prepared),
        subject_(subject),
        options_(options),
        step_(progress),
        report_(new_report(prepared, options)) {}

  report::Report run() {
    walk_ = walk_repack(subject_, prepared_.layer, {}, step_);
    const Task task = task_of(prepared_, repack::packed_of(walk_.last), options_);
    step_("kernel");
    const RunResult seen = subject_.run(task);
    step_("oracle");
    expected_ = judge::expected_output(prepared_.layer, prepared_.A, rounding_of(prepared_, task));
    describe_output(seen, expected_, report_);
    step_("zero-point probe");
    zero_points_ = probe_zero_points(subject_, prepared_.layer, walk_);
    const Task sound = with_sound_repack(task);
    kernel_ = search_kernel(subject_, sound, options_.effort.repeat, step_);
    report_.repeats = judge::repeats_of(kernel_.launches, expected_);
    judge();
    describe_repack_stages();
    describe_kernel_stages(sound);
    return std::move(report_);
  }

 private:
  bool healthy() const {
    return walk_.broken.empty() && zero_points_.broken.empty() && kernel_.differences.empty() &&
           report_.comparison->right();
  }

  void judge() {
    if (healthy()) {
      report_.verdict = report::Verdict::match;
      return;
    }
    step_("known-good path");
    if (const std::string failure = outcome_of({}).failed_gate; !failure.empty()) {
      report_.verdict = report::Verdict::cannot_test;
      report_.reason = "the known-good path itself fails here: " + failure;
      return;
    }
    report_.verdict = report::Verdict::mismatch;
    report_.reason = report_.comparison->failed_gate;
    accuse_repack();
    accuse_kernel();
    if (report_.reason.empty())
      report_.reason = fmt::format("this output is within the bound, but {}", report_.culprits.at(0).evidence.at(0));
  }

  /// Faults stack, and one can hide another (scales of zero hide their order): puts broken stages right until a walk
  /// finds no more, so that the kernel is judged on sound packed tensors.
  Task with_sound_repack(Task task) {
    Recipe right;
    for (RepackWalk walk = walk_; !walk.broken.empty();) {
      for (const BrokenStage& broken : walk.broken)
        right[faults::stage_ids()[static_cast<std::size_t>(broken.stage)]] = "reference";
      walk = walk_repack(subject_, prepared_.layer, right, step_);
      walk_.broken.insert(walk_.broken.end(), walk.broken.begin(), walk.broken.end());
      task.packed = repack::packed_of(walk.last);
    }
    std::stable_sort(walk_.broken.begin(), walk_.broken.end(),
                     [](const BrokenStage& a, const BrokenStage& b) { return a.stage < b.stage; });
    return task;
  }

  /// The known-good path with some stages done otherwise, held against the oracle.
  judge::Comparison outcome_of(const Recipe& recipe) {
    const Task task = task_of(prepared_, repack::packed_of(repack_with(prepared_.layer, recipe)), options_);
    return judge::compare(kernel::lane_model::run_lane_model(task, recipe).C, expected_, task.launch.fill);
  }

  /// The path under test with some stages put right.
  judge::Comparison cured(const Recipe& put_right) {
    const RepackWalk walk = walk_repack(subject_, prepared_.layer, put_right, [](std::string_view) {});
    const Task task = task_of(prepared_, repack::packed_of(walk.last), options_);
    return judge::compare(subject_.run(task, put_right).C, expected_, task.launch.fill);
  }

  void accuse_repack() {
    for (const BrokenStage& broken : walk_.broken) report_.culprits.push_back(culprit_of(broken, false));
    for (const BrokenStage& broken : zero_points_.broken) report_.culprits.push_back(culprit_of(broken, true));
    for (report::Culprit& culprit : report_.culprits) confirm(culprit);
    for (const BrokenStage& broken : walk_.broken)
      if (broken.map && !report_.pictures->contains("permutation"))
        (*report_.pictures)["permutation"] = judge::permutation_picture(broken.map->what, broken.map->source);
  }

  void accuse_kernel() {
    for (report::Culprit& culprit : kernel_.culprits) {
      if (culprit.variant.empty())
        culprit.evidence.insert(culprit.evidence.end(), kernel_.differences.begin(), kernel_.differences.end());
      if (!culprit.stage.empty()) confirm(culprit);
      report_.culprits.push_back(std::move(culprit));
    }
  }

  report::Culprit culprit_of(const BrokenStage& broken, bool latent) const {
    const std::string& stage = faults::stage_ids()[static_cast<std::size_t>(broken.stage)];
    report::Culprit culprit{.stage = stage, .fault = "unexplained"};
    if (latent)
      culprit.evidence.push_back(
          "one bit of qzeros flipped: this symmetric layer feels it, though it must not; as stored it is "
          "right by luck");
    culprit.evidence.push_back(fmt::format("{} of {} compared differ, first {}", broken.check.wrong,
                                           broken.check.compared, broken.check.first));
    if (broken.variants.empty()) {
      culprit.evidence.push_back("no known wrong way makes what this stage made");
      return culprit;
    }
    culprit.fault.clear();
    for (const std::string& variant : broken.variants) {
      const faults::Fault& fault = faults::fault_of(stage, variant);
      const std::string& id = fault.id.empty() ? fault.name : fault.id;
      if (culprit.fault.find(id) == std::string::npos) culprit.fault += (culprit.fault.empty() ? "" : " or ") + id;
    }
    const faults::Fault& fault = faults::fault_of(stage, broken.variants[0]);
    culprit.variant = fault.variant;
    culprit.cure = fault.cure;
    culprit.evidence.push_back(fmt::format("{} reproduces it bit for bit{}: {}", fault.name,
                                           broken.variants.size() == 1 ? ", no other known way does" : "", fault.what));
    if (broken.variants.size() > 1) culprit.evidence.push_back("these cannot be told apart in this case");
    return culprit;
  }

  /// From both sides: put right it cures, put wrong alone on the known-good path it breaks.
  void confirm(report::Culprit& culprit) {
    if (culprit.variant.empty()) return;
    step_("confirm " + culprit.stage);
    right_[culprit.stage] = "reference";
    const judge::Comparison with_right = cured(right_);
    const std::string together = right_.size() > 1 ? "put right with the above" : "put right alone";
    culprit.evidence.push_back(with_right.right()
                                   ? fmt::format("{}: within the bound, max z {:.2f}", together, with_right.max_z)
                                   : fmt::format("{}: {}", together, with_right.failed_gate));
    const judge::Comparison wrong = outcome_of({{culprit.stage, culprit.variant}});
    culprit.evidence.push_back(wrong.right()
                                   ? "wrong alone on the known-good path: the output of this case does not show it"
                                   : "wrong alone on the known-good path: " + wrong.failed_gate);
    culprit.rerun = command_line(options_, {culprit.stage + "=" + culprit.variant});
  }

  void describe_repack_stages();
  void describe_kernel_stages(const Task& task);
  report::StageLine repack_line(int stage) const;
  report::StageLine kernel_line(const std::string& stage, const Task& task) const;
  report::StageLine sound_kernel_line(const std::string& stage, const Task& task) const;
  const report::Culprit* culprit_at(const std::string& stage) const;

  const Prepared& prepared_;
  const OwnPath& subject_;
  const Options& options_;
  const Progress& step_;
  report::Report report_;
  RepackWalk walk_;
  KernelSearch kernel_;
  judge::Expected expected_;
  ZeroPointProbe zero_points_;
  Recipe right_;
};

const report::Culprit* Bisection::culprit_at(const std::string& stage) const {
  for (const report::Culprit& culprit : report_.culprits)
    if (culprit.stage == stage) return &culprit;
  return nullptr;
}

/// What a sound repacking stage leaves unseen in this case; empty: all of it is seen.
std::string nothing_to_see(int stage, const fixtures::Layer& layer, bool probed) {
  const std::string& id = faults::stage_ids()[static_cast<std::size_t>(stage)];
  if (id == "zero_points" && layer.symmetric && !probed) return "symmetric and no qzeros stored: 8 everywhere";
  if (id == "act_order" && !layer.act_order()) return "no g_idx: rows as stored";
  return "";
}

report::StageLine Bisection::repack_line(int stage) const {
  const std::string& id = faults::stage_ids()[static_cast<std::size_t>(stage)];
  if (const report::Culprit* culprit = culprit_at(id))
    return {id, report::StageVerdict::broken, culprit->fault + ": " + culprit->evidence[0]};
  const judge::StageCheck& check = walk_.checks[static_cast<std::size_t>(stage)];
  if (!check.ok()) return {id, report::StageVerdict::broken, check.first};
  if (std::string why = nothing_to_see(stage, prepared_.layer, zero_points_.made); !why.empty())
    return {id, report::StageVerdict::not_visible, why};
  const bool flipped = id == "zero_points" && zero_points_.made;
  return {id, report::StageVerdict::ok,
          check.what + (flipped ? " equal; a flipped bit of qzeros changes nothing" : " equal in every bit")};
}

void Bisection::describe_repack_stages() {
  for (int stage = 0; stage < faults::kRepackStages; ++stage) report_.stages.push_back(repack_line(stage));
}

std::string handed_over(const Task& task) {
  std::size_t split = 0, most = 1;
  for (const auto& slices : slices_by_column(task)) {
    split += slices.size() > 1;
    most = std::max(most, slices.size());
  }
  if (split == 0) return "";
  return fmt::format("{} columns handed over, up to {} slices, {} bits", split, most, task.launch.reduce_bits);
}

/// What a kernel stage that is not accused shows.
report::StageLine Bisection::sound_kernel_line(const std::string& stage, const Task& task) const {
  if (stage == "launch")
    return {stage, report::StageVerdict::ok,
            fmt::format("return code 0, {} block_tiles done", kernel_.good.block_tiles_done)};
  if (stage == "pipeline") return {stage, report::StageVerdict::ok, "every output written"};
  if (stage == "reduce") {
    const std::string over = handed_over(task);
    if (over.empty()) return {stage, report::StageVerdict::not_visible, "one slice a column: nothing is handed over"};
    return {stage, report::StageVerdict::ok,
            fmt::format("{}; locks zero after; {} launches equal", over, kernel_.launches.size())};
  }
  if (stage == "epilogue" && !prepared_.layer.bias && !task.packed.one_group())
    return {stage, report::StageVerdict::not_visible, "no bias and no scale here"};
  if (report_.verdict == report::Verdict::match && (stage == "multiply" || stage == "dequant"))
    return {stage, report::StageVerdict::ok,
            fmt::format("max z {:.2f}, rms z {:.2f} against the oracle", report_.comparison->max_z,
                        report_.comparison->rms_z)};
  return {stage, report::StageVerdict::ok, "equal to the known-good kernel's in every bit"};
}

report::StageLine Bisection::kernel_line(const std::string& stage, const Task& task) const {
  if (const report::Culprit* culprit = culprit_at(stage))
    return {stage, report::StageVerdict::broken, culprit->fault + ": " + culprit->evidence[0]};
  if (culprit_at("") != nullptr) {
    const bool ran = kernel_.launches[0].ran();
    return {stage, ran ? report::StageVerdict::not_visible : report::StageVerdict::not_reached,
            ran ? "the kernel is wrong and nothing known reproduces it" : "the kernel did not run to its end"};
  }
  report::StageLine line = sound_kernel_line(stage, task);
  if (culprit_at("launch") != nullptr) line.evidence = "with launch put right: " + line.evidence;
  return line;
}

void Bisection::describe_kernel_stages(const Task& task) {
  for (std::size_t stage = faults::kRepackStages; stage < faults::stage_ids().size(); ++stage)
    report_.stages.push_back(kernel_line(faults::stage_ids()[stage], task));
}

}  // namespace

report::Report bisect(const Prepared& prepared, const OwnPath& subject, const Options& options,
                      const Progress& progress) {
  return Bisection(prepared, subject, options, progress).run();
}

}  // namespace w4::cases::search
