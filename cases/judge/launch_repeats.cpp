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
  add(result.return_code != 0, fmt::format("return code {}", result.return_code));
  add(!result.launch_error.empty(), "launch error " + result.launch_error);
  add(!result.unchecked_launch_error.empty(), "launch error " + result.unchecked_launch_error);
  add(!result.synchronise_error.empty(), "synchronise error " + result.synchronise_error);
  add(std::any_of(result.workspace.begin(), result.workspace.end(), [](int word) { return word != 0; }),
      "workspace left non-zero");
  for (const std::string& line : result.trespasses) kinds.insert(trespass_kind(line));
}

/// NaN and infinity are apart from everything but themselves.
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

Repeats repeats_of(const std::vector<RunResult>& launches, const Expected& expected) {
  Repeats repeats{.launches = static_cast<int>(launches.size()), .outputs = launches[0].C.size()};
  std::set<std::string> kinds;
  const RunResult* first = nullptr;
  for (const RunResult& result : launches) {
    add_failures(result, kinds);
    if (!result.ran()) continue;
    ++repeats.compared;
    if (first == nullptr) first = &result;
    std::size_t differing = 0;
    for (std::size_t i = 0; i < result.C.size(); ++i) differing += result.C[i] != first->C[i];
    repeats.differing = std::max(repeats.differing, differing);
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
