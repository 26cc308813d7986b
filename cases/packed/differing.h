// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/probe/region.h"
#include "fixtures/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace w4::cases::packed {

/// Where scales or zero points differ from the right ones; both (groups, columns), as the kernel takes them.
template <class T>
class Differing {
 public:
  Differing(const Grid<T>& got, const Grid<T>& want) : got_(got), want_(want), at_(got.size()) {
    std::vector<bool> groups(static_cast<std::size_t>(got.rows())), columns(static_cast<std::size_t>(got.cols()));
    for (int g = 0; g < got.rows(); ++g)
      for (int n = 0; n < got.cols(); ++n) {
        if (got(g, n) == want(g, n)) continue;
        at_[place(g, n)] = groups[static_cast<std::size_t>(g)] = columns[static_cast<std::size_t>(n)] = true;
      }
    groups_ = indices(groups);
    columns_ = indices(columns);
  }

  std::size_t count() const { return static_cast<std::size_t>(std::count(at_.begin(), at_.end(), true)); }
  bool few() const { return count() > 0 && 2 * count() < at_.size(); }

  /// What all that differ are; none: they are not the same.
  std::optional<T> one_value() const {
    std::optional<T> value;
    for (std::size_t i = 0; i < at_.size(); ++i) {
      if (at_[i] && value && *value != got_[i]) return {};
      if (at_[i]) value = got_[i];
    }
    return value;
  }

  /// The groups and columns that hold what differs, of `got` or `want`.
  Grid<T> part(const Grid<T>& of) const {
    return Grid<T>::from(static_cast<int>(groups_.size()), static_cast<int>(columns_.size()), [&](int g, int n) {
      return of(groups_[static_cast<std::size_t>(g)], columns_[static_cast<std::size_t>(n)]);
    });
  }

  std::string text_of_part() const {
    std::vector<bool> part(at_.size());
    for (const int g : groups_)
      for (const int n : columns_) part[place(g, n)] = true;
    return text(part, "");
  }

  std::string text(const std::string& what) const { return text(at_, what); }

  /// "12 of 64 scales differ: group 3, all columns", and the first; `value` writes one.
  template <class Value>
  std::vector<std::string> evidence(const std::string& what, const Value& value) const {
    const auto first = static_cast<std::size_t>(std::find(at_.begin(), at_.end(), true) - at_.begin());
    const auto cols = static_cast<std::size_t>(got_.cols());
    return {fmt::format("{} of {} {} differ: {}", count(), at_.size(), what, text(what)),
            fmt::format("first (group {}, column {}): {} where {} is right", first / cols, first % cols,
                        value(got_[first]), value(want_[first]))};
  }

 private:
  std::size_t place(int g, int n) const {
    return static_cast<std::size_t>(g) * static_cast<std::size_t>(got_.cols()) + static_cast<std::size_t>(n);
  }
  std::string text(const std::vector<bool>& in, const std::string& what) const {
    return probe::text_of_region(in, got_.cols(), "groups", "columns", what);
  }
  static std::vector<int> indices(const std::vector<bool>& in) {
    std::vector<int> all;
    for (std::size_t i = 0; i < in.size(); ++i)
      if (in[i]) all.push_back(static_cast<int>(i));
    return all;
  }

  const Grid<T>& got_;
  const Grid<T>& want_;
  std::vector<bool> at_;
  std::vector<int> groups_, columns_;
};

}  // namespace w4::cases::packed
