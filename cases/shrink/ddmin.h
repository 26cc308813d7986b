// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace w4::cases::shrink {

/// ddmin() removes at least 1/16 of the rest at once, since each step costs a run of bisect.
inline constexpr std::size_t kMostParts = 16;

/// Delta debugging (Zeller and Hildebrandt 2002, "Simplifying and isolating failure-inducing input"): a part of `whole`
/// for which keeps(part) is true, and from which no 16th (no single item, if 16 or fewer are left) can be removed.
/// Requires keeps(whole); never calls keeps with no items. Deterministic.
template <class Keeps>
std::vector<int> ddmin(std::vector<int> whole, const Keeps& keeps) {
  using Part = std::vector<int>;
  for (std::size_t parts = 2; whole.size() > 1;) {
    const auto cut = [&](std::size_t i) {
      return whole.begin() + static_cast<std::ptrdiff_t>(i * whole.size() / parts);
    };
    Part smaller;
    for (std::size_t i = 0; i < parts && smaller.empty(); ++i) {
      Part rest(whole.begin(), cut(i));
      rest.insert(rest.end(), cut(i + 1), whole.end());
      if (keeps(rest)) smaller = std::move(rest);  // with two parts, the rest is the other part
    }
    if (!smaller.empty()) {
      whole = std::move(smaller);
      parts = std::max<std::size_t>(parts - 1, 2);
    } else if (parts >= std::min(whole.size(), kMostParts)) {
      break;
    } else {
      parts = std::min({2 * parts, whole.size(), kMostParts});
    }
  }
  return whole;
}

}  // namespace w4::cases::shrink
