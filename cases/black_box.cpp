// SPDX-License-Identifier: Apache-2.0
// What somebody else made: packed tensors or a recorded output. Nothing in between can be seen; every known wrong way
// is a hypothesis that predicts what would be seen.
#include "cases/bisect.h"
#include "cases/faults.h"
#include "cases/kernel_search.h"
#include "cases/repack_search.h"
#include "fixtures/error.h"
#include "kernel/lane_model.h"

#include <algorithm>
#include <cmath>

namespace w4::cases {
namespace {

using repack::Packed;
using repack::Recipe;

using Hypothesis = std::vector<const Fault*>;  // of different stages

Recipe recipe_of(const Hypothesis& hypothesis) {
  Recipe recipe;
  for (const Fault* fault : hypothesis) recipe[fault->stage] = fault->variant;
  return recipe;
}

std::string names_of(const Hypothesis& hypothesis) {
  std::vector<std::string> names;
  for (const Fault* fault : hypothesis) names.push_back(fault->name);
  return fmt::format("{}", fmt::join(names, " and "));
}

/// Known faults of the stages [first, last), alone or in twos of different stages. Toggles are no hypotheses.
std::vector<Hypothesis> hypotheses(int first, int last, int size) {
  std::vector<Hypothesis> all;
  const auto in_range = [&](const Fault& fault) {
    return !fault.id.empty() && stage_index(fault.stage) >= first && stage_index(fault.stage) < last;
  };
  for (const Fault& a : faults()) {
    if (!in_range(a)) continue;
    if (size == 1) all.push_back({&a});
    for (const Fault& b : faults())
      if (size == 2 && in_range(b) && stage_index(a.stage) < stage_index(b.stage)) all.push_back({&a, &b});
  }
  return all;
}

/// Culprits of the hypotheses that fit: one is a name, several are a class that nothing here tells apart.
void accuse(const std::vector<Hypothesis>& fits, const std::vector<std::string>& evidence, const Options& options,
            Report& report) {
  if (fits.empty()) {
    report.culprits.push_back({.stage = "", .fault = "unexplained", .evidence = evidence});
    return;
  }
  for (std::size_t position = 0; position < fits[0].size(); ++position) {
    const Fault& first = *fits[0][position];
    Culprit culprit{.stage = first.stage,
                    .fault = "",
                    .variant = first.variant,
                    .evidence = evidence,
                    .cure = first.cure,
                    .rerun = command_line(options, {first.stage + "=" + first.variant})};
    std::vector<std::string> ids;
    for (const Hypothesis& fit : fits)
      if (std::find(ids.begin(), ids.end(), fit[position]->id) == ids.end()) ids.push_back(fit[position]->id);
    culprit.fault = fmt::format("{}", fmt::join(ids, " or "));
    if (ids.size() > 1) culprit.evidence.push_back("what was given does not tell these apart");
    report.culprits.push_back(std::move(culprit));
  }
}

/// Stage lines of a black box: the named stages are broken; the rest is sound by implication, or cannot be seen.
void describe_stages(const Report& report, int last, std::string_view implied, std::vector<StageLine>& lines) {
  for (std::size_t i = 0; i < stage_ids().size(); ++i) {
    StageLine line{stage_ids()[i], StageVerdict::not_visible, "inside a black box"};
    if (static_cast<int>(i) < last && !implied.empty()) line = {stage_ids()[i], StageVerdict::ok, std::string(implied)};
    for (const Culprit& culprit : report.culprits)
      if (culprit.stage == line.stage) line = {line.stage, StageVerdict::broken, culprit.fault};
    lines.push_back(std::move(line));
  }
}

std::size_t differing_words(const Packed& a, const Packed& b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.words.size(); ++i) count += a.words[i] != b.words[i];
  return count;
}

bool same_packed(const Packed& a, const Packed& b) {
  return a.words == b.words && a.scales == b.scales && a.zeros == b.zeros && a.perm == b.perm;
}

std::string packed_difference(const Packed& got, const Packed& want) {
  std::vector<std::string> parts;
  if (const std::size_t words = differing_words(got, want); words > 0)
    parts.push_back(fmt::format("{} of {} words differ", words, got.words.size()));
  if (got.scales != want.scales) parts.push_back("scales differ");
  if (got.zeros != want.zeros) parts.push_back("zero points differ");
  if (got.perm != want.perm) parts.push_back("perm differs");
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::vector<Hypothesis> packed_fits(const Prepared& prepared, const Packed& seen, int size) {
  std::vector<Hypothesis> fits;
  for (const Hypothesis& hypothesis : hypotheses(0, kRepackStages, size)) {
    try {
      if (same_packed(repack::packed_of(repack_with(prepared.layer, recipe_of(hypothesis))), seen))
        fits.push_back(hypothesis);
    } catch (const CannotTest&) {  // this way cannot be done to this layer, so it was not
    }
  }
  return fits;
}

/// Somebody's output, element by element: in the type of the layer.
Grid<std::uint16_t> recorded_output(const Prepared& prepared, const std::filesystem::path& path) {
  const fixtures::Container file = fixtures::read_container(path);
  const auto found = file.tensors.size() == 1 ? file.tensors.begin() : file.tensors.find("C");
  if (found == file.tensors.end())
    throw InputError("{}: {} tensors and none is named C", path.string(), file.tensors.size());
  const fixtures::Tensor& C = found->second;
  const std::vector<std::int64_t> want = {prepared.id.M, prepared.id.N};
  if (C.shape != want)
    throw InputError("{}: output is {} where the case has M={} and N={}", path.string(), fixtures::shape_text(C.shape),
                     prepared.id.M, prepared.id.N);
  const DType dtype = prepared.layer.dtype;
  if (C.dtype == DType::fp32) {
    const auto values = fixtures::grid_of<float>(C);
    return Grid<std::uint16_t>::made(values.rows(), values.cols(), [&](std::span<std::uint16_t> out) {
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = bits_of(values[i], dtype);
    });
  }
  if (C.dtype != dtype && !(C.dtype == DType::u16 && dtype == DType::bf16))
    throw InputError("{}: output is {} where the case computes in {}; --dtype changes that", path.string(),
                     name_of(C.dtype), name_of(dtype));
  return fixtures::grid_of<std::uint16_t>(C);
}

/// What the oracle would allow round another centre: both outputs round, and a larger output rounds more.
Expected around(const Grid<std::uint16_t>& center, const Expected& right) {
  double squared = 0, squared_right = 0;
  Expected out = right;
  for (std::size_t i = 0; i < out.y.size(); ++i) {
    const double value = value_of(center[i], right.dtype);
    out.y[i] = value;
    squared += std::isfinite(value) ? value * value : 0;
    squared_right += right.y[i] * right.y[i];
  }
  const double growth = std::max(1.0, squared_right > 0 ? squared / squared_right : 1.0);
  for (std::size_t i = 0; i < out.y.size(); ++i)
    out.variance[i] = 2 * (right.variance[i] * growth + out.y[i] * out.y[i]);
  return out;
}

/// Whether an output is what a hypothesis predicts: NaN where NaN, zero where nothing is written (a fresh buffer).
bool predicted(const Grid<std::uint16_t>& seen, const kernel::RunResult& made, const Expected& right,
               std::uint16_t fill) {
  const Expected allowed = around(made.C, right);
  const double unit = allowed.dtype == DType::bf16 ? 0x1p-8 : 0x1p-11;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const double got = value_of(seen[i], allowed.dtype);
    if (made.C[i] == fill) {
      if (got != 0) return false;
    } else if (!std::isfinite(allowed.y[i])) {
      if (std::isfinite(got)) return false;
    } else {
      const double limit =
          kMaxZ * 0.425 * unit * std::sqrt(allowed.variance[i]) + 0x1p-23 * allowed.K / 16 * allowed.norm[i] + 0x1p-24;
      if (!(std::abs(got - allowed.y[i]) <= limit)) return false;
    }
  }
  return true;
}

}  // namespace

Report bisect_packed(const Prepared& prepared, const Options& options, const Progress& progress) {
  Report report = new_report(prepared, options);
  const Packed seen = repack::read_packed(fixtures::read_container(options.packed), prepared.layer);
  const Packed right = repack::repack(prepared.layer);
  const kernel::Task task = task_of(prepared, seen, options);
  progress("kernel");
  const Expected expected = expected_output(prepared.layer, prepared.A, rounding_of(prepared, task));
  describe_output(kernel::run_lane_model(task), expected, report);
  report.reason = report.comparison->failed_gate;
  if (same_packed(seen, right)) {
    report.verdict = report.comparison->right() ? Verdict::match : Verdict::cannot_test;
    describe_stages(report, kRepackStages, "the packed tensors equal ours in every bit", report.stages);
    return report;
  }
  report.verdict = Verdict::mismatch;
  progress("hypotheses");
  std::vector<Hypothesis> fits = packed_fits(prepared, seen, 1);
  if (fits.empty()) fits = packed_fits(prepared, seen, 2);
  std::vector<std::string> evidence = {packed_difference(seen, right)};
  for (const Hypothesis& fit : fits) evidence.push_back("your tensors equal ours bit for bit with " + names_of(fit));
  if (fits.empty()) evidence.push_back("no known wrong way makes these tensors, alone or in twos");
  accuse(fits, evidence, options, report);
  describe_stages(report, kRepackStages, fits.empty() ? "" : "the rest reproduces the tensors bit for bit",
                  report.stages);
  return report;
}

Report bisect_recorded(const Prepared& prepared, const Options& options, const Progress& progress) {
  Report report = new_report(prepared, options);
  const kernel::Task task = task_of(prepared, repack::repack(prepared.layer), options);
  progress("oracle");
  const Expected expected = expected_output(prepared.layer, prepared.A, rounding_of(prepared, task));
  kernel::RunResult seen;
  seen.C = recorded_output(prepared, options.recorded);
  describe_output(seen, expected, report);
  report.reason = report.comparison->failed_gate;
  if (report.comparison->right()) {
    report.verdict = Verdict::match;
    describe_stages(report, static_cast<int>(stage_ids().size()), "the output is right", report.stages);
    return report;
  }
  report.verdict = Verdict::mismatch;
  std::vector<Hypothesis> fits, exact;
  const std::vector<Hypothesis> tried = hypotheses(0, static_cast<int>(stage_ids().size()), 1);
  for (const Hypothesis& hypothesis : tried) {
    progress(names_of(hypothesis));
    const Recipe recipe = recipe_of(hypothesis);
    try {
      const Packed packed = repack::packed_of(repack_with(prepared.layer, recipe));
      const kernel::RunResult made = kernel::run_lane_model(task_of(prepared, packed, options), recipe);
      if (made.C == kernel::run_lane_model(task).C || !predicted(seen.C, made, expected, task.launch.fill)) continue;
      fits.push_back(hypothesis);
      if (made.C == seen.C) exact.push_back(hypothesis);
    } catch (const CannotTest&) {  // this way cannot be done to this layer
    }
  }
  if (!exact.empty()) fits = exact;
  std::vector<std::string> evidence = {fmt::format("{} of {} known wrong ways predict this output {}", fits.size(),
                                                   tried.size(), exact.empty() ? "within rounding" : "bit for bit")};
  if (report.comparison->zero == report.comparison->count)
    evidence.push_back("a recorded zero may be written or never written: only a run with a filled buffer tells");
  accuse(fits, evidence, options, report);
  describe_stages(report, 0, "", report.stages);
  return report;
}

}  // namespace w4::cases
