// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/rounding_probes.h"

#include "cases/case/task.h"
#include "cases/probe/probes.h"
#include "fixtures/error.h"
#include "fixtures/half.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace w4::cases::probe {
namespace {

using judge::RoundingClass;
using judge::SumRounding;
using judge::WeightRounding;

constexpr int kStep = 16;  // rows of K that one mma adds exactly
constexpr int kSpans[] = {4, 16, 64, 128, 256, 512};

/// One row of A, and what fp32 gives for it.
struct SpanRow {
  int rows;  // of a span; 0: all of K
  std::vector<float> a;
  double ones = 0;
};

/// b: b + 1 lies between two numbers of the type.
float large(DType dtype) { return dtype == DType::bf16 ? 256.0f : 2048.0f; }

/// Every `step`-th place of the span that begins at `first`: a quarter b, a half ones, a quarter -b.
void fill_span(int first, int rows, int step, float b, const std::vector<int>& order, SpanRow& row) {
  const int places = rows / step;
  for (int i = 0; i < places; ++i) {
    const int quarter = 4 * i / places;
    float& a = row.a[static_cast<std::size_t>(order[static_cast<std::size_t>(first + i * step)])];
    a = quarter == 0 ? b : quarter == 3 ? -b : 1.0f;
    row.ones += a == 1.0f;
  }
}

SpanRow spans_of(int rows, float b, const std::vector<int>& order) {
  const auto K = static_cast<int>(order.size());
  SpanRow row{.rows = rows, .a = std::vector<float>(order.size())};
  for (int first = 0; first + rows <= K; first += rows)
    fill_span(first, rows, rows < 4 * kStep ? 1 : kStep, b, order, row);
  return row;
}

/// b in the first `ends` steps of K, -b in the last ones, a one in each step between and `extra` more in the first and
/// last of them: their number up to a step that thread blocks begin with is odd.
SpanRow whole_of(int ends, int extra, float b, const std::vector<int>& order) {
  const int steps = static_cast<int>(order.size()) / kStep;
  SpanRow row{.rows = 0, .a = std::vector<float>(order.size())};
  const auto set = [&](int place, float value) {
    row.a[static_cast<std::size_t>(order[static_cast<std::size_t>(place)])] = value;
    row.ones += value == 1.0f;
  };
  for (int i = 0; i < steps; ++i) {
    set(i * kStep, i < ends ? b : i >= steps - ends ? -b : 1.0f);
    for (int more = 1; more <= extra && (i == ends || i == steps - ends - 1); ++more) set(i * kStep + more, 1.0f);
  }
  return row;
}

/// Rows of K as a kernel sums them.
std::vector<int> summed_rows(const fixtures::Layer& layer) {
  std::vector<int> order = summed_order(layer);
  for (int k = 0; order.size() < static_cast<std::size_t>(layer.K); ++k) order.push_back(k);
  return order;
}

std::vector<SpanRow> rows_for(const Prepared& prepared) {
  const std::vector<int> order = summed_rows(prepared.layer);
  const float b = large(prepared.layer.dtype);
  std::vector<SpanRow> rows;
  for (const int span : kSpans)
    if (span <= prepared.layer.K) rows.push_back(spans_of(span, b, order));
  if (prepared.layer.K >= 4 * kStep) rows.push_back(whole_of(1, 0, b, order));
  if (prepared.layer.K >= 12 * kStep) rows.push_back(whole_of(4, 1, b, order));
  return rows;
}

}  // namespace

std::optional<SumReading> read_sums(const Prepared& prepared, const kernel::Launch& launch, const Launcher& ask) {
  const DType dtype = prepared.layer.dtype;
  const std::vector<SpanRow> rows = rows_for(prepared);
  const auto layer = unit_layer(prepared.layer);
  const auto count = static_cast<int>(rows.size()), M = prepared.A.rows();
  SumReading reading;
  for (const SpanRow& row : rows)
    if (row.rows > 0) reading.spans.push_back({row.rows, 0});
  for (int first = 0; first < count; first += M) {
    const auto row_of = [&](int m) -> const SpanRow& { return rows[static_cast<std::size_t>((first + m) % count)]; };
    const auto A = Grid<std::uint16_t>::from(
        M, prepared.layer.K, [&](int m, int k) { return bits_of(row_of(m).a[static_cast<std::size_t>(k)], dtype); });
    const kernel::RunResult answer = ask({layer, A, launch});
    if (!answer.ran() || answer.C.rows() != M) return std::nullopt;
    for (int m = 0; m < std::min(M, count - first); ++m)
      for (int n = 0; n < answer.C.cols(); ++n) {
        const SpanRow& row = row_of(m);
        const double got = value_of(answer.C(m, n), dtype);
        reading.exact = reading.exact && answer.C(m, n) == bits_of(static_cast<float>(row.ones), dtype);
        if (row.rows == 0) continue;
        double& lost = reading.spans[static_cast<std::size_t>(first + m)].lost;
        lost = std::max(lost, std::isfinite(got) ? std::abs(1 - got / row.ones) : INFINITY);
      }
  }
  return reading;
}

const std::optional<SumReading>& RoundingProbes::read(const kernel::Launch& launch, Answer& answer) {
  if (std::exchange(answer.asked, true)) return answer.sums;
  try {
    answer.sums = read_sums(prepared_, launch, ask_);
  } catch (const CannotTest&) {  // this kernel does not take the question
  }
  return answer.sums;
}

const std::optional<SumReading>& RoundingProbes::sums() { return read(launch_, sums_); }

const std::optional<SumReading>& RoundingProbes::alone() {
  kernel::Launch launch = launch_;
  launch.thread_blocks = 1;
  return on_device_ ? read(launch, alone_) : alone_.sums;
}

judge::Confirmed RoundingProbes::confirmed() {
  if (!sums()) return judge::Confirmed::by_nothing;
  return alone() ? judge::Confirmed::by_probes : judge::Confirmed::by_sums;
}

/// Of the ones that 16-bit sums of a span of rows may lose, as a part: more is lost where all of K is accumulated so.
constexpr double kLostByAll = 0.3;

std::string RoundingProbes::alone_against() {
  const std::optional<SumReading>& read = alone();
  if (!read || !(read->lost_at_last() > kLostByAll)) return "";
  return fmt::format(
      "on one thread block {:.0f} % of ones are lost in sums of {} rows: all of K is accumulated in 16 bits",
      100 * read->lost_at_last(), read->spans.back().rows);
}

std::string RoundingProbes::sums_against(const RoundingClass& rounding) {
  constexpr double kSome = 0.05, kFew = 0.25;  // parts of the ones
  const std::optional<SumReading>& read = sums();
  if (!read) return "";
  const SumReading::Span& last = read->spans.back();
  if (rounding.sums == SumRounding::wide && rounding.weights == WeightRounding::folded)  // 9 times and 8 times the sum
    return last.lost <= kSome ? "" : "integers show that partial sums are rounded to 16 bits";
  if (rounding.weights == WeightRounding::group_sums)
    return last.lost <= kLostByAll
               ? ""
               : fmt::format("{:.0f} % of ones are lost in sums of {} rows", 100 * last.lost, last.rows);
  if (rounding.sums == SumRounding::wide)
    return read->exact ? "" : "integers show that partial sums are rounded to 16 bits";
  if (read->exact) return "integers show that partial sums are not rounded to 16 bits";
  if (rounding.sums == SumRounding::chains)
    return last.lost <= kLostByAll ? ""
                                   : fmt::format(
                                         "{:.0f} % of ones are lost in sums of {} rows: all of K is accumulated in 16 "
                                         "bits, or chains of more than {} rows are",
                                         100 * last.lost, last.rows, last.rows / 4);
  for (const SumReading::Span& span : read->spans)
    if (span.rows <= kStep && span.lost > kFew)
      return fmt::format("{:.0f} % of ones are lost in sums of {} rows: no hand-over rounds so often", 100 * span.lost,
                         span.rows);
  return "";
}

void RoundingProbes::ask_power_scaled() {
  if (power_scaled_) return;
  power_scaled_ = PowerScaled{};
  const auto layer = power_scaled_layer(prepared_.layer);
  try {
    power_scaled_->answer = ask_({layer, prepared_.A, launch_});
  } catch (const CannotTest&) {  // this kernel does not take the question
    return;
  }
  const kernel::Task task{.A = prepared_.A, .packed = repack::repack(*layer), .launch = launch_};
  power_scaled_->expected =
      judge::expected_output(*layer, prepared_.A, rounding_with_classes(*layer, for_lane_model(task)));
}

/// Scales that are powers of two: what remains is not the rounding of products with scales.
std::string RoundingProbes::scales_against(const RoundingClass& rounding) {
  ask_power_scaled();
  if (!power_scaled_->answer || !power_scaled_->answer->ran()) return "";
  RoundingClass exact = rounding;
  if (exact.weights != WeightRounding::folded) exact.weights = WeightRounding::unrounded;
  exact.count *= 2;  // an estimate
  const judge::Comparison seen =
      judge::compare(power_scaled_->answer->C, judge::under(power_scaled_->expected, exact), launch_.fill);
  return seen.right() ? "" : "with scales that are powers of two the errors remain: " + seen.failed_gate;
}

std::string RoundingProbes::against(const RoundingClass& rounding) {
  std::string why = sums_against(rounding);
  if (why.empty() && rounding.sums != SumRounding::wide) why = alone_against();
  if (why.empty() && rounding.weights != WeightRounding::unrounded && rounding.weights != WeightRounding::group_sums)
    why = scales_against(rounding);
  return why;
}

}  // namespace w4::cases::probe
