// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/region.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::probe {
namespace {

constexpr std::size_t kMostListed = 6;
constexpr int kModuli[] = {2, 4, 8, 16, 32, 64, 128};

std::vector<int> members(const std::vector<bool>& in) {
  std::vector<int> all;
  for (std::size_t i = 0; i < in.size(); ++i)
    if (in[i]) all.push_back(static_cast<int>(i));
  return all;
}

/// The residues of a modulus, when membership depends on them alone; empty otherwise.
std::vector<int> residues(const std::vector<bool>& in, int modulus) {
  if (in.size() < 2 * static_cast<std::size_t>(modulus)) return {};
  for (std::size_t i = 0; i < in.size(); ++i)
    if (in[i] != in[i % static_cast<std::size_t>(modulus)]) return {};
  std::vector<bool> first(in.begin(), in.begin() + modulus);
  return members(first);
}

std::string listed(const std::vector<int>& all) {
  std::vector<int> shown(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), kMostListed)));
  return fmt::format("{}{}", fmt::join(shown, ", "), shown.size() < all.size() ? ", ..." : "");
}

}  // namespace

std::string text_of_indices(const std::vector<bool>& in, const std::string& name) {
  const std::vector<int> all = members(in);
  if (all.empty()) return "no " + name;
  if (all.size() == in.size()) return "all " + name;
  if (all.size() == 1) return fmt::format("{} {}", name, all[0]);
  if (all.back() - all.front() + 1 == static_cast<int>(all.size()))
    return fmt::format("{} {}..{}", name, all.front(), all.back());
  for (const int modulus : kModuli) {
    const std::vector<int> rest = residues(in, modulus);
    if (rest.size() == 1) return fmt::format("{} % {} = {}", name, modulus, rest[0]);
    if (!rest.empty()) return fmt::format("{} % {} in {{{}}}", name, modulus, listed(rest));
  }
  return fmt::format("{} {} ({} of {})", name, listed(all), all.size(), in.size());
}

std::string text_of_region(const std::vector<bool>& in, int cols, const std::string& row_name,
                           const std::string& col_name, const std::string& what) {
  const std::size_t width = static_cast<std::size_t>(cols);
  std::vector<bool> rows(in.size() / width), columns(width);
  std::size_t count = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!in[i]) continue;
    ++count;
    rows[i / width] = columns[i % width] = true;
  }
  const auto all_rows = static_cast<std::size_t>(std::count(rows.begin(), rows.end(), true));
  const auto all_columns = static_cast<std::size_t>(std::count(columns.begin(), columns.end(), true));
  const std::string where = text_of_indices(rows, row_name) + ", " + text_of_indices(columns, col_name);
  return count == all_rows * all_columns ? where : fmt::format("{} {} within {}", count, what, where);
}

}  // namespace w4::cases::probe
