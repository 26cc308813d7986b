// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/own_path.h"

#include "cases/faults/faults.h"
#include "cases/search/kernel_search.h"
#include "kernel/lane_model/lane_model.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::matrix {
namespace {

using kernel::RunResult;
using kernel::Task;

std::string text_of(const search::BrokenStage& broken) {
  return fmt::format("in stage {} {} of {} compared differ, first {}", name_of(broken.stage), broken.check.wrong,
                     broken.check.compared, broken.check.first);
}

}  // namespace

OwnPath::OwnPath(const repack::Recipe& planted, const fixtures::Layer& layer)
    : planted_(planted), layer_(layer), subject_(planted), walk_(search::checked_repack(subject_, layer)) {}

/// The lane model is held against itself with nothing planted: where nothing is planted in it, it is that.
std::string OwnPath::wrong_in_kernel(Task task, const RunResult& seen, int repeat) const {
  const auto in_kernel = [](const auto& way) { return !is_repacking(faults::parse_stage(way.first)); };
  if (std::ranges::none_of(planted_, in_kernel)) return "";
  const RunResult good = kernel::lane_model::run_lane_model(task);
  if (!search::same_result(seen, good)) return search::differences(seen, good).at(0);
  for (int i = 1; i < repeat; ++i) {
    task.launch.number = static_cast<std::uint64_t>(i);
    if (!search::same_result(subject_.run(task), seen)) return "launches of the same task differ";
  }
  return "";
}

std::string OwnPath::wrong_beside_output(const Task& task, const RunResult& seen, int repeat) const {
  std::string wrong;
  if (!walk_.broken.empty())
    wrong = text_of(walk_.broken[0]);
  else if (const search::ZeroPointProbe probe = search::probe_zero_points(subject_, layer_, walk_);
           !probe.broken.empty())
    wrong = text_of(probe.broken[0]) + ", with one bit of qzeros flipped";
  else
    wrong = wrong_in_kernel(task, seen, repeat);
  return wrong.empty() ? "" : "the output is within the bound, but " + wrong;
}

}  // namespace w4::cases::matrix
