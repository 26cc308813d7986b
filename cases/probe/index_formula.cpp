// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/index_formula.h"

#include "cases/probe/bit_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>
#include <optional>

namespace w4::cases::probe {
namespace {

using Source = std::span<const int>;
constexpr int kMostBlock = 4096;  // of a map that repeats itself block by block

template <class F>
bool fits(Source source, const F& formula) {
  for (std::size_t i = 0; i < source.size(); ++i)
    if (source[i] >= 0 && source[i] != formula(static_cast<int>(i))) return false;
  return true;
}

std::string plus(int offset) {
  if (offset == 0) return "";
  return fmt::format(" {} {}", offset < 0 ? '-' : '+', std::abs(offset));
}

int modulo(long long value, int modulus) { return static_cast<int>((value % modulus + modulus) % modulus); }

/// Two neighbours that were read, the later one first in what they tell: index and step. None: no two.
std::optional<std::pair<int, int>> step_of(Source source) {
  for (std::size_t i = 1; i < source.size(); ++i)
    if (source[i - 1] >= 0 && source[i] >= 0) return std::pair{static_cast<int>(i), source[i] - source[i - 1]};
  return std::nullopt;
}

/// source = stride * i + offset, as it is or modulo `size`.
std::string linear(Source source, int size, const std::string& name) {
  const auto step = step_of(source);
  if (!step) return "";
  const int at = step->first, stride = step->second;
  const long long offset = source[static_cast<std::size_t>(at)] - 1LL * stride * at;
  const auto value = [&](int i) { return 1LL * stride * i + offset; };
  if (fits(source, [&](int i) { return value(i); })) {
    if (stride == 0) return fmt::format("{}", offset);
    if (stride == -1) return fmt::format("{} - {}", offset, name);
    return (stride == 1 ? name : fmt::format("{} * {}", name, stride)) + plus(static_cast<int>(offset));
  }
  if (!fits(source, [&](int i) { return modulo(value(i), size); })) return "";
  const int turned = modulo(offset, size), factor = modulo(stride, size);
  if (factor == size - 1) return fmt::format("({} - {}) % {}", turned, name, size);
  const std::string product = factor == 1 ? name : fmt::format("{} * {}", name, factor);
  return turned == 0 ? fmt::format("{} % {}", product, size) : fmt::format("({}{}) % {}", product, plus(turned), size);
}

std::string modulus_or_quotient(Source source, const std::string& name) {
  if (source[0] < 0) return "";
  const int offset = source[0];
  int run = 1;  // how long the first value stays, or how far the first run counts up
  const int count = static_cast<int>(source.size());
  while (run < count && source[static_cast<std::size_t>(run)] == offset) ++run;
  if (run > 1 && run < count && fits(source, [&](int i) { return i / run + offset; }))
    return fmt::format("{} / {}{}", name, run, plus(offset));
  run = 1;
  while (run < count && source[static_cast<std::size_t>(run)] == offset + run) ++run;
  if (run > 1 && run < count && fits(source, [&](int i) { return i % run + offset; }))
    return fmt::format("{} % {}{}", name, run, plus(offset));
  for (int rows = 2; rows <= count / 2; ++rows) {  // a matrix (rows, count / rows) read as its transpose
    const int cols = count / rows;
    if (count % rows == 0 && fits(source, [&](int i) { return i % cols * rows + i / cols + offset; }))
      return fmt::format("{} % {} * {} + {} / {}{}", name, cols, rows, name, cols, plus(offset));
  }
  return "";
}

/// source = i up to a limit, or from one on.
std::string clamped(Source source, const std::string& name) {
  if (source.front() < 0 || source.back() < 0) return "";
  const int least = source.front(), most = source.back();
  if (fits(source, [&](int i) { return std::min(i, most); })) return fmt::format("min({}, {})", name, most);
  if (fits(source, [&](int i) { return std::max(i, least); })) return fmt::format("max({}, {})", name, least);
  return "";
}

std::string bits(Source source, const std::string& name) {
  if (std::ranges::any_of(source, [&](int s) { return s < 0 || s >= static_cast<int>(source.size()); })) return "";
  if (fits(source, [&](int i) { return i ^ source[0]; })) return fmt::format("{} ^ {}", name, source[0]);
  const auto map = bit_map_of(std::vector<std::uint32_t>(source.begin(), source.end()));
  if (!map) return "";
  std::vector<std::string> names;
  for (std::size_t bit = 0; bit < map->masks.size(); ++bit) names.push_back(fmt::format("{}{}", name, bit));
  return "bits " + text_of(*map, names);
}

std::string whole(Source source, int size, const std::string& name) {
  for (const auto& text :
       {linear(source, size, name), clamped(source, name), modulus_or_quotient(source, name), bits(source, name)})
    if (!text.empty()) return text;
  return "";
}

/// One block's map when all blocks of that length do the same.
std::vector<int> block_map(Source source, int block) {
  std::vector<int> first(static_cast<std::size_t>(block), -1);
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] < 0) continue;
    const int start = static_cast<int>(i) / block * block;
    int& inside = first[i - static_cast<std::size_t>(start)];
    const int here = source[i] - start;
    if (here < 0 || here >= block || (inside >= 0 && inside != here)) return {};
    inside = here;
  }
  return first;
}

/// The map of a block as an expression of the whole index: "(n + 5) % 12", or "(n % 12) ^ 5".
std::string inside_block(const std::vector<int>& first, int block, const std::string& name) {
  const std::string text = whole(first, block, name);
  if (text.ends_with(fmt::format(") % {}", block))) return text;
  return text.empty() ? "" : whole(first, block, fmt::format("({} % {})", name, block));
}

}  // namespace

std::string formula_of(Source source, int size, const std::string& name) {
  const auto read = std::ranges::count_if(source, [](int s) { return s >= 0; });
  if (source.size() < 2 || 2 * static_cast<std::size_t>(read) < source.size()) return "";
  if (const std::string text = whole(source, size, name); !text.empty()) return text;
  const int count = static_cast<int>(source.size());
  for (int block = 2; block <= std::min(kMostBlock, count / 2); ++block) {
    if (count % block != 0) continue;
    const std::vector<int> first = block_map(source, block);
    if (first.empty()) continue;
    const std::string text = inside_block(first, block, name);
    if (!text.empty()) return fmt::format("{} / {} * {}{}", name, block, block, text == "0" ? "" : " + " + text);
  }
  return "";
}

namespace {

std::string term(const std::string& name, long long factor) {
  return factor == 1 ? name : fmt::format("{} * {}", name, factor);
}

/// A matrix in a flat buffer: row by row, or column by column, with `pitch` places to each.
struct Buffer {
  bool by_rows = true;
  long long pitch = 0;
  long long address(int r, int c) const { return by_rows ? r * pitch + c : c * pitch + r; }
};

/// The address that place (r, c) reads, as a * r + b * c + first; empty: it is no such stride, or the right one.
std::string stride_in(const Buffer& buffer, Source source, int cols, const std::string& row, const std::string& col) {
  const int rows = static_cast<int>(source.size()) / cols;
  const auto at = [&](int i) { return source[static_cast<std::size_t>(i)]; };
  const auto address = [&](int i) { return buffer.address(at(i) / cols, at(i) % cols); };
  int below = 1, right = 1;
  while (below < rows && at(below * cols) < 0) ++below;
  while (right < cols && at(right) < 0) ++right;
  if (at(0) < 0 || below == rows || right == cols) return "";
  const long long first = address(0), down = address(below * cols) - first, across = address(right) - first;
  if (down % below != 0 || across % right != 0) return "";
  const long long a = down / below, b = across / right;
  if (first == 0 && a == buffer.address(1, 0) && b == buffer.address(0, 1)) return "";
  for (int i = 0; i < rows * cols; ++i)
    if (at(i) >= 0 && address(i) != first + a * (i / cols) + b * (i % cols)) return "";
  std::vector<std::string> terms;
  if (a != 0) terms.push_back(term(row, a));
  if (b != 0) terms.push_back(term(col, b));
  const std::string right_one =
      buffer.by_rows ? term(row, buffer.pitch) + " + " + col : term(col, buffer.pitch) + " + " + row;
  return fmt::format("{}{} where {} is right", fmt::join(terms, " + "), plus(static_cast<int>(first)), right_one);
}

}  // namespace

std::string stride_of(Source source, int cols, const std::string& row, const std::string& col) {
  if (cols < 1 || source.size() < 2 * static_cast<std::size_t>(cols)) return "";
  const auto known = std::ranges::count_if(source, [](int from) { return from >= 0; });
  if (2 * known < std::ssize(source)) return "";
  const int rows = static_cast<int>(source.size()) / cols;
  for (const bool by_rows : {true, false}) {
    const int length = by_rows ? cols : rows;
    for (const int unit : {1, 16, 32, 64, 128, 256}) {  // lines may be padded
      const Buffer buffer{by_rows, (length + unit - 1LL) / unit * unit};
      if (std::string text = stride_in(buffer, source, cols, row, col); !text.empty()) return text;
    }
  }
  return "";
}

}  // namespace w4::cases::probe
