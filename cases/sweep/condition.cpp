// SPDX-License-Identifier: Apache-2.0
#include "cases/sweep/condition.h"

#include "cases/case/task.h"
#include "cases/sweep/random_cases.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace w4::cases::sweep {
namespace {

constexpr int kBudgetUnasked = 60;  // shapes, without --sweep

bool is_unexplained(const report::Culprit& culprit) { return culprit.fault == "unexplained"; }

/// The properties of the case that random layers share.
CaseId like(const Prepared& prepared, bool takes_bias) {
  const fixtures::Layer& layer = prepared.layer;
  return {.symmetric = layer.symmetric,
          .format = layer.format,
          .zero_encoding = layer.zero_encoding,
          .act_order = layer.act_order(),
          .bias = layer.bias.has_value() && takes_bias,
          .dtype = layer.dtype};
}

SweptBox swept_box(const Prepared& prepared, const Options& options, probe::Box& box, bool takes_bias) {
  return {.box = &box,
          .options = options,
          .like = like(prepared, takes_bias),
          .stores_zeros = prepared.layer.qzeros.has_value(),
          .cut = prepared.layer.cut_from != nullptr};
}

Shape shape_of(const Prepared& prepared) {
  const fixtures::Layer& layer = prepared.layer;
  const bool one_group = prepared.id.group == -1 && layer.group_size == layer.K;
  return {.M = prepared.id.M, .K = layer.K, .N = layer.N, .group = one_group ? -1 : layer.group_size};
}

bool launches_differ(const report::Report& report) {
  return report.repeats && (report.repeats->differing > 0 || report.repeats->apart);
}

/// The first smaller shape that fails too: launches there take less time.
Shape origin_for(const Shape& base, RandomCases& cases) {
  for (const Shape& shape : smaller_shapes(base))
    if (cases.at(shape) == Outcome::wrong) return shape;
  return base;
}

report::Condition stopped(std::string text, const RandomCases& cases) {
  return {.text = std::move(text), .evidence = {}, .launches = cases.launches(), .finished = true};
}

/// A case fails, and a random layer of its shape does not.
std::string why_right(const report::Report& report, bool cut) {
  if (report.comparison && report.comparison->right())
    return "random data of this shape is right, and so is this output: there is no failure to follow";
  if (cut) return "a whole layer of this shape is right: the condition is in the cut or the data";
  return "random data of this shape is right: the condition is in the data";
}

/// The sweep of a case whose shape fails with random data too.
report::Condition swept(const Shape& base, const std::optional<kernel::BlockTile>& block_tile, int budget,
                        RandomCases& cases) {
  const Shape origin = origin_for(base, cases);
  const Sweep sweep = find_change_points(shapes_around(base, origin, block_tile), point_of(origin), budget,
                                         [&](const Point& point) { return cases.at(shape_at(point)); });
  std::vector<std::string> lines = sweep.lines();
  report::Condition condition{.text = lines[0], .launches = cases.launches(), .finished = !sweep.ran_out()};
  condition.evidence.assign(lines.begin() + 1, lines.end());
  condition.evidence.push_back(fmt::format("{} launches of random layers: {}", cases.launches(), cases.range()));
  if (const std::string left_out = cases.left_out(); !left_out.empty()) condition.evidence.push_back(left_out);
  if (sweep.ran_out())
    condition.evidence.push_back(
        fmt::format("{} shapes are too few for {}: --sweep-budget", budget, fmt::join(sweep.unfinished, ", ")));
  return condition;
}

report::Condition condition_of(const Shape& base, const SweptBox& box, const report::Report& report,
                               const search::Progress& progress) {
  const bool asked = box.options.effort.sweep;
  const int budget = asked ? box.options.effort.sweep_budget : kBudgetUnasked;
  RandomCases cases(box, progress);
  const Outcome at_base = cases.at_base(base, launches_differ(report));
  if (at_base == Outcome::cannot)
    return stopped("random data of this shape cannot be tested: " + cases.refusal(), cases);
  if (at_base == Outcome::right) return stopped(why_right(report, box.cut), cases);
  if (cases.timed_out() && !asked)
    return stopped("random data of this shape hangs too: --sweep launches other shapes", cases);
  return swept(base, box.block_tile, budget, cases);
}

report::Condition of_own_path(const Prepared& prepared, const Options& options, const repack::Recipe& planted,
                              const report::Report& report, const search::Progress& progress) {
  const OwnPath subject(planted);
  probe::PathBox box(subject);
  const kernel::Launch launch = task_of(prepared, {}, options).launch;
  Shape base = shape_of(prepared);
  base.thread_blocks = launch.thread_blocks;
  SweptBox swept = swept_box(prepared, options, box, true);
  swept.block_tile = launch.block_tile;
  return condition_of(base, swept, report, progress);
}

/// thread_blocks is an axis only where the case gives it: the kernel's own choice varies.
report::Condition of_kernel(const Prepared& prepared, const Options& options, const report::Report& report,
                            const search::Progress& progress) {
  const auto kernel =
      kernel::child::open_kernel(kernel_spec(options.asked), std::chrono::seconds(options.effort.timeout_seconds));
  probe::KernelBox box(*kernel);
  Shape base = shape_of(prepared);
  if (kernel->on_device()) base.thread_blocks = options.request.thread_blocks;
  SweptBox swept = swept_box(prepared, options, box, kernel->takes_bias());
  swept.multiprocessors = kernel->multiprocessors();
  return condition_of(base, swept, report, progress);
}

}  // namespace

bool wants_condition(const report::Report& report, const Options& options) {
  const std::string spec = kernel_spec(options.asked);
  const bool launched = std::holds_alternative<asked::OwnPath>(options.asked) || !spec.empty();
  if (report.verdict != report::Verdict::mismatch || !launched) return false;
  if (options.effort.sweep) return true;
  return options.effort.sweep_unexplained && !spec.starts_with("exec:") &&
         std::ranges::any_of(report.culprits, is_unexplained);
}

void add_condition(const Prepared& prepared, const Options& options, const repack::Recipe& planted,
                   const search::Progress& progress, report::Report& report) {
  report.condition = kernel_spec(options.asked).empty() ? of_own_path(prepared, options, planted, report, progress)
                                                        : of_kernel(prepared, options, report, progress);
  for (report::Culprit& culprit : report.culprits)
    if (is_unexplained(culprit)) culprit.evidence.push_back(report.condition->text);
}

}  // namespace w4::cases::sweep
