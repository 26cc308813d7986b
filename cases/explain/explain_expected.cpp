// SPDX-License-Identifier: Apache-2.0
#include "cases/explain/explain_expected.h"

#include "cases/case/task.h"
#include "cases/search/bisect.h"
#include "fixtures/half.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace w4::cases::explain {
namespace {

judge::Expected one_element(const Prepared& prepared, double y, double norm, double variance) {
  return {.M = 1,
          .N = 1,
          .K = prepared.layer.K,
          .dtype = prepared.layer.dtype,
          .y = {y},
          .norm = {norm},
          .variance = {variance}};
}

}  // namespace

judge::Expected expected_row(const Prepared& prepared, const kernel::Task& task, int m) {
  judge::Rounding rounding = rounding_of(prepared, task);
  if (!rounding.slice_starts.empty()) {
    const auto first = rounding.slice_starts.begin() + m / rounding.problem_rows * rounding.columns;
    rounding.slice_starts = std::vector(first, first + rounding.columns);
  }
  const auto row = prepared.A.row(m);
  const Grid<std::uint16_t> alone(1, prepared.layer.K, {row.begin(), row.end()});
  return judge::expected_output(prepared.layer, alone, rounding);
}

judge::Expected expected_slice(const Prepared& prepared, const kernel::Task& task, int m, int n, kernel::Slice rows) {
  const std::vector<int> order = rounding_of(prepared, task).row_order;
  double sum = 0, squares = 0;
  for (int row = rows.k_begin; row < std::min(rows.k_end, prepared.layer.K); ++row) {
    const int k = order.empty() ? row : order[static_cast<std::size_t>(row)];
    const judge::WeightParts parts = judge::expected_parts(prepared.layer, k, n);
    const double a = value_of(prepared.A(m, k), prepared.layer.dtype);
    const double product = a * (task.packed.one_group() ? parts.code - parts.zero : parts.weight());
    sum += product;
    squares += product * product;
  }
  return one_element(prepared, sum, std::sqrt(squares), sum * sum + squares);
}

judge::Expected expected_weight(const Prepared& prepared, const judge::WeightParts& parts, double bias,
                                const std::optional<judge::RoundingClass>& rounding) {
  const double weight = parts.weight(), y = weight + bias;
  double variance = 2 * weight * weight + y * y;                         // rounded before and after the bias
  if (rounding && rounding->weights >= judge::WeightRounding::products)  // as products, and as sums of one product
    variance += 2 * parts.scale * parts.scale * (parts.code * parts.code + parts.zero * parts.zero);
  return one_element(prepared, y, std::abs(weight), variance);
}

std::string how_it_ended(const kernel::RunResult& run) {
  if (run.return_code != 0) return fmt::format(": return code {}", run.return_code);
  if (!run.launch_error.empty()) return ": " + run.launch_error + " at the launch";
  if (!run.synchronise_error.empty()) return ": " + run.synchronise_error + " at the next synchronise";
  if (!run.exception.empty()) return ": " + run.exception;
  if (!run.signal.empty()) return ": " + run.signal;
  if (run.exit_code) return fmt::format(": the kernel's process ended with {}", *run.exit_code);
  return run.timed_out ? ": a thread block waits for ever" : "";
}

}  // namespace w4::cases::explain
