// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/finding.h"
#include "cases/probe/region.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::probe {
namespace {

const std::set<StageId> kOfOutputs = {StageId::launch, StageId::pipeline, StageId::multiply, StageId::reduce,
                                      StageId::epilogue};

std::vector<std::string> row_lines(const OutputChecks& outputs) {
  constexpr std::size_t kMostRows = 6;
  std::vector<std::string> lines;
  std::vector<bool> none(outputs.row_used.size());
  std::size_t others = 0;
  for (std::size_t m = 0; m < outputs.row_used.size(); ++m) {
    const int used = outputs.row_used[m];
    none[m] = used < 0;
    if (used < 0 || used == static_cast<int>(m)) continue;
    if (++others <= kMostRows) lines.push_back(fmt::format("row m={} of the output follows row {} of A", m, used));
  }
  if (others > kMostRows) lines.push_back(fmt::format("and {} more rows follow another row of A", others - kMostRows));
  if (std::ranges::find(none, true) != none.end())
    lines.push_back(fmt::format("at {} outputs follow no row of A", text_of_indices(none, "m")));
  for (std::size_t m = 0; m < outputs.row_gain.size() && lines.size() < 2 * kMostRows; ++m)
    if (outputs.row_gain[m] != 1)
      lines.push_back(fmt::format("row m={} of the output is multiplied by {:.4g}", m, outputs.row_gain[m]));
  return lines;
}

void add_rows(const OutputChecks& outputs, std::vector<Finding>& found) {
  if (std::vector<std::string> lines = row_lines(outputs); !lines.empty())
    found.push_back({"pipeline or epilogue", std::move(lines), kOfOutputs});
}

/// Single outputs: what they should show is the same as that of their neighbours.
void add_places(const OutputChecks& outputs, int N, std::vector<Finding>& found) {
  std::vector<bool> off = outputs.off;
  for (std::size_t i = 0; i < off.size(); ++i)  // whole rows are told as rows
    if (outputs.row_used[i / static_cast<std::size_t>(N)] < 0) off[i] = false;
  const auto count = std::ranges::count(off, true);
  if (count == 0) return;
  if (outputs.zero == off)
    return found.push_back({"pipeline or multiply or epilogue",
                            {fmt::format("{} of {} outputs are zero whatever A holds, at {}", count, off.size(),
                                         text_of_region(off, N, "m", "n", "outputs"))},
                            kOfOutputs});
  const auto same = std::ranges::count(outputs.unchanged, true);
  std::vector<std::string> lines = {
      fmt::format("with one weight everywhere and rows of A that are multiples of one row, {} of {} outputs are not "
                  "the multiple that their row is, at {}",
                  count, off.size(), text_of_region(off, N, "m", "n", "outputs"))};
  if (same > 0) lines.push_back(fmt::format("{} of them are the same whatever A holds: stale, or constant", same));
  found.push_back({"reduce or epilogue", std::move(lines), kOfOutputs});
}

}  // namespace

bool explained_by_outputs(const OutputChecks& outputs, const std::vector<bool>& wrong) {
  if (outputs.never_negative || outputs.stops_at) return true;  // what is done to all outputs
  const std::size_t N = outputs.off.size() / std::max<std::size_t>(1, outputs.row_used.size());
  for (std::size_t i = 0; i < wrong.size() && N > 0; ++i) {
    const std::size_t m = i / N;
    if (wrong[i] && !outputs.off[i] && outputs.row_used[m] == static_cast<int>(m) && outputs.row_gain[m] == 1)
      return false;
  }
  return N > 0;
}

std::vector<Finding> wrong_outputs(const fixtures::Layer& layer, const OutputChecks& outputs) {
  if (outputs.silent)
    return {{"", {"every output is zero, or not finite, for one weight everywhere: no weight can be read"}, {}}};
  if (outputs.stops_at)
    return {{"epilogue",
             {fmt::format("no output is larger than {:g} in magnitude, whatever A holds: outputs are clipped there",
                          *outputs.stops_at)},
             kOfOutputs}};
  if (outputs.never_negative)
    return {{"epilogue", {"negative sums are written as zero: no output is negative"}, kOfOutputs}};
  std::vector<Finding> found;
  add_rows(outputs, found);
  add_places(outputs, layer.N, found);
  if (found.empty() && outputs.uneven > 0)
    found.push_back(
        {"multiply or reduce or epilogue",
         {fmt::format("{} outputs do not change their sign with A: the output is not linear in A", outputs.uneven)},
         kOfOutputs});
  return found;
}

}  // namespace w4::cases::probe
