// SPDX-License-Identifier: Apache-2.0
#include "cases/explain/explain.h"

#include "cases/case/task.h"
#include "cases/explain/explain_expected.h"
#include "cases/explain/explain_report.h"
#include "cases/explain/in_registers.h"
#include "cases/probe/effective.h"
#include "cases/recorded/bisect_recorded.h"
#include "cases/search/bisect.h"
#include "cases/search/new_report.h"
#include "cases/search/rounding_search.h"
#include "fixtures/error.h"
#include "fixtures/files/container.h"
#include "fixtures/half.h"
#include "kernel/lane_model/launch.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace w4::cases::explain {
namespace {

using repack::Packed;

constexpr std::size_t kShown = 20;

void check_index(const char* name, int index, int extent, const std::string& case_id) {
  if (index < extent) return;
  throw InputError("{}={}: {} has {} 0..{}", name, index, case_id, name, extent - 1);
}

/// For each column of A, the rows of B that it is multiplied with.
std::vector<std::vector<int>> rows_by_column(const Packed& packed) {
  std::vector<std::vector<int>> rows(static_cast<std::size_t>(packed.stored_K));
  for (int row = 0; row < packed.stored_K; ++row)
    rows[static_cast<std::size_t>(packed.perm.empty() ? row : packed.perm(0, row))].push_back(row);
  return rows;
}

/// Builds one trace, from the packed tensors to the terms that are shown.
class Tracing {
 public:
  /// `foreign`: null for our own kernel and for a recorded output.
  Tracing(const Prepared& prepared, const repack::Recipe& recipe, const Options& options, const Traced& question,
          kernel::child::ForeignKernel* foreign)
      : prepared_(prepared),
        recipe_(recipe),
        options_(options),
        packed_(std::get_if<asked::PackedTensors>(&options.asked)),
        recorded_(std::get_if<asked::RecordedOutput>(&options.asked)),
        foreign_(foreign) {
    trace_.question = question;
    trace_.case_id = prepared.id.text();
    trace_.fixture = prepared.fixture;
    trace_.notes = prepared.notes;
    if (is_ours()) {
      trace_.kernel = "cpu: " + search::new_report(prepared, options).launch;
      return;
    }
    trace_.foreign = foreign != nullptr;
    trace_.kernel = foreign ? foreign->name() : "recorded:" + recorded_->file.string();
    trace_.notes.push_back(
        "thread blocks, slices and warps are the lane model's: this kernel may share work in another way");
  }

  Trace run() {
    const Traced& asked = trace_.question;
    check_index(asked.weight ? "k" : "m", asked.row, asked.weight ? prepared_.layer.K : prepared_.id.M, trace_.case_id);
    check_index("n", asked.n, prepared_.layer.N, trace_.case_id);
    const kernel::Task task = task_of(prepared_, packed(), options_);
    task_ = for_lane_model(task);
    kernel::lane_model::check(task_);
    describe_path();
    if (foreign_) read_weights(task);
    if (!asked.weight) {
      trace_output(run_of(task));
      trace_slices();
    }
    trace_terms();
    choose_shown();
    find_origins();
    return std::move(trace_);
  }

 private:
  Packed packed() const {
    if (!packed_) return repack::repack(prepared_.layer, recipe_);
    return repack::read_packed(fixtures::files::read_container(packed_->file), prepared_.layer);
  }

  void describe_path() {
    trace_.path = packed_ ? "packed tensors " + packed_->file.string() : "our repack";
    for (const auto& [stage, variant] : recipe_)
      if (variant != "reference") trace_.path += fmt::format(", {}={}", stage, variant);
    trace_.plan = kernel::lane_model::plan_of(task_, task_.packed.N);
    trace_.one_group = task_.packed.one_group();
    trace_.stores_zeros = !task_.packed.zeros.empty();
    trace_.reduce_bits = task_.launch.reduce_bits;
  }

  /// Whether the kernel is the lane model, whose registers can be read.
  bool is_ours() const { return !foreign_ && !recorded_; }

  double bias() const {
    if (!prepared_.layer.bias) return 0;
    const auto bits = fixtures::files::grid_of<std::uint16_t>(*prepared_.layer.bias);
    return value_of(bits(0, trace_.question.n), prepared_.layer.dtype);
  }

  double a(int k) const { return value_of(prepared_.A(trace_.question.row, k), prepared_.layer.dtype); }

  /// One run of the path, or a recorded output.
  kernel::RunResult run_of(const kernel::Task& task) {
    if (foreign_) return foreign_->run(task);
    if (!recorded_) return kernel::lane_model::run_lane_model(task, recipe_);
    kernel::RunResult run;
    run.C = recorded::recorded_output(prepared_, recorded_->file);
    return run;
  }

  /// One weight, or all that are multiplied for one output.
  void read_weights(const kernel::Task& task) {
    const Traced& asked = trace_.question;
    effective_from_ = asked.weight ? asked.row : 0;
    const int end = asked.weight ? asked.row + 1 : prepared_.layer.K;
    probe::EffectiveColumn column = probe::effective_column(*foreign_, task, asked.n, effective_from_, end);
    effective_ = std::move(column.outputs);
    if (column.failed)
      trace_.unread = "launches on rows of the identity fail" + how_it_ended(*column.failed);
    else if (column.rows != prepared_.id.M)
      trace_.notes.push_back(
          fmt::format("the kernel's weights are read at M={}, the case has M={}", column.rows, prepared_.id.M));
  }

  /// The oracle of all rows, under the class of rounding that explains them, where one does.
  judge::Expected explained(const kernel::RunResult& run) {
    std::optional<probe::KernelBox> box;
    std::optional<probe::RoundingProbes> probes;
    if (foreign_) {
      box.emplace(*foreign_);
      probes.emplace(
          prepared_, task_of(prepared_, {}, options_).launch,
          [&](const probe::Question& question) { return box->ask(question); }, box->on_device());
    }
    judge::Expected own =
        judge::expected_output(prepared_.layer, prepared_.A, rounding_with_classes(prepared_.layer, task_));
    search::Explained found = search::explain_launches(prepared_, options_, {run}, std::move(own),
                                                       kernel::Launch{}.fill, probes ? &*probes : nullptr);
    rounding_ = found.rounding;
    return std::move(found.expected);
  }

  void trace_output(const kernel::RunResult& run) {
    const auto [weight, m, n, all] = trace_.question;
    const bool classes = has_classes(options_.asked);
    const int row = classes ? m : 0;
    const judge::Expected expected = classes ? explained(run) : expected_row(prepared_, task_, m);
    OutputLine line{.want = expected.at(row, n), .used = value_of(run.C(m, n), prepared_.layer.dtype)};
    line.error = judge::element_error(line.used, expected, row, n);
    if (run.C(m, n) == task_.launch.fill) line.missing = "never written" + how_it_ended(run);
    line.bias = bias();
    trace_.output = line;
  }

  void trace_slices() {
    const auto [weight, m, n, all] = trace_.question;
    const kernel::lane_model::Plan& plan = trace_.plan;
    const int column = m / kernel::lane_model::kProblemRows * plan.columns + n / plan.block_tile.thread_n;
    const auto sums =
        is_ours() ? kernel::lane_model::slice_sums(task_, recipe_, m, n) : std::vector<kernel::lane_model::SliceSum>{};
    for (const kernel::lane_model::PlannedSlice& slice : kernel::lane_model::column_slices(plan, column)) {
      SliceLine line{.slice = slice,
                     .k_begin = slice.k_tile_begin * plan.block_tile.thread_k,
                     .k_end = std::min(plan.K, slice.k_tile_end * plan.block_tile.thread_k),
                     .stripe_begin = plan.iters * slice.thread_block,
                     .stripe_end = std::min(plan.block_tiles(), plan.iters * (slice.thread_block + 1LL))};
      const judge::Expected expected = expected_slice(prepared_, task_, m, n, {line.k_begin, line.k_end});
      line.want = expected.y[0];
      if (trace_.slices.size() < sums.size()) line.used = sums[trace_.slices.size()].sum;
      line.right = !is_ours() || (line.used && judge::element_error(*line.used, expected, 0, 0).right());
      trace_.slices.push_back(line);
    }
  }

  void trace_terms() {
    const Traced& asked = trace_.question;
    const auto rows = rows_by_column(task_.packed);
    for (int k = asked.weight ? asked.row : 0; k < (asked.weight ? asked.row + 1 : prepared_.layer.K); ++k) {
      const std::vector<int>& met = rows[static_cast<std::size_t>(k)];
      for (std::size_t i = 0; i < std::max<std::size_t>(1, met.size()); ++i)
        trace_.terms.push_back(term(k, i < met.size() ? std::optional(met[i]) : std::nullopt, i > 0));
    }
  }

  Term term(int k, std::optional<int> row, bool again) const {
    Term out{.k = k, .place = {}, .again = again, .want = judge::expected_parts(prepared_.layer, k, trace_.question.n)};
    if (!trace_.question.weight) out.a = a(k);
    if (!row) return out;
    out.place = place_of(task_.packed, *row, trace_.question.n);
    out.used = used_at(task_.packed, *out.place);
    out.in_registers = in_registers(*out.place);
    if (!effective_.empty()) judge_effective(effective_[static_cast<std::size_t>(k - effective_from_)], out);
    return out;
  }

  /// The output of the user's kernel for an activation of one: weight + bias, rounded after each.
  void judge_effective(double got, Term& term) const {
    const double weight = term.want.weight();
    term.seen = got - bias();
    const judge::Expected expected = expected_weight(prepared_, term.want, bias(), rounding_);
    if (judge::element_error(got, expected, 0, 0).right()) return;
    term.in_registers.push_back(fmt::format("the kernel adds {} for an activation of one where {} is right",
                                            digits(*term.seen, weight), digits(weight, *term.seen)));
  }

  /// Every 64-row problem uses the weight; equal findings are reported once.
  std::vector<std::string> in_registers(const Place& place) const {
    if (!is_ours()) return {};
    if (!trace_.question.weight) return differs_in_registers(task_, recipe_, trace_.question.row, place);
    std::vector<std::string> all;
    for (int problem = 0; problem < trace_.plan.problems; ++problem)
      for (const std::string& line :
           differs_in_registers(task_, recipe_, problem * kernel::lane_model::kProblemRows, place))
        if (std::find(all.begin(), all.end(), line) == all.end()) all.push_back(line);
    return all;
  }

  void choose_shown() {
    trace_.shown.resize(trace_.terms.size());
    std::iota(trace_.shown.begin(), trace_.shown.end(), 0);
    std::stable_partition(trace_.shown.begin(), trace_.shown.end(),
                          [&](std::size_t i) { return !trace_.terms[i].right(); });
    if (!trace_.question.all && trace_.shown.size() > kShown) trace_.shown.resize(kShown);
    for (const Term& term : trace_.terms) {
      if (term.right()) continue;
      ++trace_.wrong;
      trace_.misread += term.right_in_memory();
      trace_.wrong_same += !term.right_in_memory() && term.used_weight() == term.wanted_weight();
    }
  }

  void find_origins() {
    std::vector<std::size_t> lost;
    std::vector<Place> places;
    for (const std::size_t i : trace_.shown) {
      if (trace_.terms[i].right_in_memory() || !trace_.terms[i].place) continue;
      lost.push_back(i);
      places.push_back(*trace_.terms[i].place);
    }
    if (packed_) return;  // other layers cannot be repacked by an external packer
    const std::vector<Origin> origins = origins_of(prepared_.layer, recipe_, places);
    for (std::size_t i = 0; i < origins.size(); ++i) {
      Term& term = trace_.terms[lost[i]];
      term.from = origins[i];
      drop_doubtful(term);
    }
    trace_.traced = origins.size() == places.size();
  }

  /// A traced origin must hold the same value as the packed place: content that is moved and changed is not traced.
  void drop_doubtful(Term& term) const {
    const fixtures::Layer& layer = prepared_.layer;
    auto& [code, zero, scale] = term.from;
    const Cell own = {.row = term.k, .n = trace_.question.n};
    const Cell own_group = {.row = term.want.group, .n = trace_.question.n};
    if (code && *code != own && judge::expected_parts(layer, code->row, code->n).code != term.used.code) code.reset();
    if (zero && *zero != own_group && judge::expected_group(layer, zero->row, zero->n).zero != term.used.zero)
      zero.reset();
    if (scale && *scale != own_group && judge::expected_group(layer, scale->row, scale->n).scale != term.used.scale)
      scale.reset();
  }

  const Prepared& prepared_;
  const repack::Recipe& recipe_;
  const Options& options_;
  const asked::PackedTensors* packed_;
  const asked::RecordedOutput* recorded_;
  kernel::child::ForeignKernel* foreign_;
  kernel::Task task_;              // for the lane model
  std::vector<double> effective_;  // of the user's kernel: what it adds for each k from effective_from_ on
  int effective_from_ = 0;
  std::optional<judge::RoundingClass> rounding_ = options_.effort.rounding;  // of the user's kernel
  Trace trace_;
};

}  // namespace

Trace explain(const Prepared& prepared, const repack::Recipe& recipe, const Options& options, const Traced& question) {
  const std::string spec = kernel_spec(options.asked);
  if (spec.empty()) return Tracing(prepared, recipe, options, question, nullptr).run();
  const auto foreign = kernel::child::open_kernel(spec, std::chrono::seconds(options.effort.timeout_seconds));
  const Prepared asked = for_kernel(prepared, foreign->takes_bias());
  return Tracing(asked, recipe, options, question, foreign.get()).run();
}

}  // namespace w4::cases::explain
