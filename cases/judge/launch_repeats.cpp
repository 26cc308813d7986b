// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/launch_repeats.h"

#include "cases/judge/compare.h"
#include "fixtures/half.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace w4::cases::judge {
namespace {

using kernel::RunResult;

/// "C behind its end" of "C: 64 bytes changed behind its end, ...": the buffer and the side, no numbers.
std::string trespass_kind(const std::string& line) {
  const std::string buffer = line.substr(0, line.find(':'));
  for (const char* side : {"behind its end", "before its begin"})
    if (line.find(side) != std::string::npos) return buffer + " changed " + side;
  return buffer + " changed";
}

void add_failures(const RunResult& result, std::set<std::string>& kinds) {
  const auto add = [&](bool failed, const std::string& kind) {
    if (failed) kinds.insert(kind);
  };
  add(result.timed_out, "hangs");
  add(!result.signal.empty(), result.signal);
  add(result.exit_code.has_value(), fmt::format("exit code {}", result.exit_code.value_or(0)));
  add(!result.exception.empty(), result.exception);
  add(result.return_code != 0, fmt::format("return code {}", result.return_code));
  add(!result.launch_error.empty(), "launch error " + result.launch_error);
  add(!result.unchecked_launch_error.empty(), "launch error " + result.unchecked_launch_error);
  add(!result.synchronise_error.empty(), "synchronise error " + result.synchronise_error);
  add(std::any_of(result.workspace.begin(), result.workspace.end(), [](int word) { return word != 0; }),
      "workspace left non-zero");
  for (const std::string& line : result.trespasses) kinds.insert(trespass_kind(line));
}

std::size_t unwritten(const RunResult& result) {
  return static_cast<std::size_t>(std::ranges::count(result.C.cells(), kernel::Launch{}.fill));
}

/// NaN and infinity are apart from all other bits.
bool is_apart(const RunResult& a, const RunResult& b, const Expected& expected) {
  for (int m = 0; m < a.C.rows(); ++m) {
    for (int n = 0; n < a.C.cols(); ++n) {
      if (a.C(m, n) == b.C(m, n)) continue;
      const double one = value_of(a.C(m, n), expected.dtype), other = value_of(b.C(m, n), expected.dtype);
      if (!std::isfinite(one) || !std::isfinite(other)) return true;
      if (std::abs(one - other) > allowed_distance(expected, m, n, one, other)) return true;
    }
  }
  return false;
}

}  // namespace

bool same_result(const RunResult& a, const RunResult& b) {
  return a.return_code == b.return_code && a.launch_error == b.launch_error &&
         a.synchronise_error == b.synchronise_error && a.signal == b.signal && a.timed_out == b.timed_out &&
         a.C == b.C && a.workspace == b.workspace && a.guards_intact == b.guards_intact &&
         a.block_tiles_done == b.block_tiles_done;
}

bool all_equal(const std::vector<RunResult>& launches) {
  return std::ranges::all_of(launches, [&](const RunResult& result) { return same_result(result, launches[0]); });
}

std::size_t differing(const Grid<std::uint16_t>& a, const Grid<std::uint16_t>& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) return std::max(a.size(), b.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i];
  return count;
}

std::size_t most_differing(const std::vector<RunResult>& launches) {
  std::size_t most = 0;
  for (const RunResult& result : launches) most = std::max(most, differing(result.C, launches[0].C));
  return most;
}

std::string difference_text(const std::vector<RunResult>& launches) {
  return fmt::format("{} launches of the same task differ in up to {} of {} outputs", launches.size(),
                     most_differing(launches), launches[0].C.size());
}

std::vector<std::string> endings_of(const RunResult& result) {
  std::vector<std::string> lines;
  if (!result.exception.empty()) lines.push_back(result.exception);
  if (result.exit_code) lines.push_back(fmt::format("ended its process with exit code {}", *result.exit_code));
  if (result.return_code != 0) lines.push_back(fmt::format("return code {}", result.return_code));
  if (!result.launch_error.empty()) lines.push_back("launch error " + result.launch_error);
  if (!result.synchronise_error.empty()) lines.push_back("synchronise error " + result.synchronise_error);
  if (!result.signal.empty()) lines.push_back("ended by " + result.signal);
  if (result.timed_out) lines.push_back("hangs: a thread block waits for a lock that is never set");
  return lines;
}

std::vector<std::string> differences(const RunResult& got, const RunResult& good) {
  std::vector<std::string> lines = endings_of(got);
  if (const std::size_t lost = unwritten(got); lost > 0)
    lines.push_back(fmt::format("{} of {} outputs keep the fill: never written, not zero", lost, got.C.size()));
  if (const std::size_t other = differing(got.C, good.C); other > 0)
    lines.push_back(fmt::format("{} of {} outputs differ from the known-good kernel's on the same packed tensors",
                                other, got.C.size()));
  const auto locks = std::ranges::count_if(got.workspace, [](int lock) { return lock != 0; });
  if (locks > 0) lines.push_back(fmt::format("{} of {} locks are left non-zero", locks, got.workspace.size()));
  if (!got.guards_intact) lines.push_back("wrote outside its buffers");
  if (got.block_tiles_done != good.block_tiles_done)
    lines.push_back(
        fmt::format("{} block_tiles done where {} are needed", got.block_tiles_done, good.block_tiles_done));
  else if (unwritten(got) == got.C.size())
    lines.push_back(fmt::format("{} block_tiles were multiplied all the same", got.block_tiles_done));
  return lines;
}

Repeats repeats_of(const std::vector<RunResult>& launches, const Expected& expected) {
  Repeats repeats{.launches = static_cast<int>(launches.size()), .outputs = launches[0].C.size()};
  std::set<std::string> kinds;
  const RunResult* first = nullptr;
  for (const RunResult& result : launches) {
    add_failures(result, kinds);
    if (!result.ran()) continue;
    ++repeats.compared;
    if (first == nullptr) first = &result;
    repeats.differing = std::max(repeats.differing, differing(result.C, first->C));
    repeats.apart = repeats.apart || is_apart(result, *first, expected);
  }
  repeats.failures.assign(kinds.begin(), kinds.end());
  return repeats;
}

std::string triage_of(const Repeats& repeats) {
  if (repeats.compared < 2)
    return fmt::format("{} of {} ran to its end: whether launches differ is not known", repeats.compared,
                       repeats.launches);
  if (repeats.differing == 0) return fmt::format("{} launches are equal in every bit", repeats.compared);
  const std::string seen = fmt::format("{} launches of the same task differ in up to {} of {} outputs",
                                       repeats.compared, repeats.differing, repeats.outputs);
  return repeats.apart ? "race: " + seen + ", by more than rounding can (or one launch leaves something to the next)"
                       : "benign: " + seen + ", each difference within the bound: another order of sums";
}

}  // namespace w4::cases::judge
