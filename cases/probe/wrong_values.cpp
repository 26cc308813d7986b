// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/bit_map.h"
#include "cases/probe/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

namespace w4::cases::probe {
namespace {

constexpr std::size_t kMostMisfits = 4;  // told one by one
constexpr int kValues = 16;
const std::set<StageId> kOfValues = {StageId::checkpoint, StageId::codes,   StageId::zero_points, StageId::scales,
                                     StageId::pipeline,   StageId::dequant, StageId::multiply,    StageId::epilogue};

/// Weight = a * code + b at scales of 1 and zero points of 8; right is a = 1, b = -8.
using Line = std::pair<float, float>;
constexpr Line kRight = {1.0f, -8.0f};

template <class Used>
bool all_are(const Table& used, Used expected) {
  for (int v = 0; v < kValues; ++v)
    if (used[static_cast<std::size_t>(v)] != static_cast<float>(expected(v))) return false;
  return true;
}

std::string formula_in_bits(const Table& used) {
  std::vector<std::uint32_t> images;
  for (const float value : used) {
    if (value != std::trunc(value) || value < 0 || value >= kValues) return "";
    images.push_back(static_cast<std::uint32_t>(value));
  }
  const auto map = bit_map_of(images);
  return map ? "its bits: " + text_of(*map, {"bit 0", "bit 1", "bit 2", "bit 3"}) : "";
}

/// "+ 1", "- 1"
std::string shifted(int d) { return fmt::format("{} {}", d < 0 ? '-' : '+', std::abs(d)); }

/// What a value v of 0..15 is used as, in words; empty: as itself.
std::string text_of_table(const Table& used) {
  if (all_are(used, [](int v) { return v; })) return "";
  if (std::ranges::all_of(used, [&](float value) { return value == used[0]; }))
    return fmt::format("{:g}, whatever it is", used[0]);
  if (all_are(used, [](int v) { return v ^ 8; })) return "v ^ 8, a number in two's complement";
  for (int d = -15; d <= 15; ++d) {
    if (all_are(used, [&](int v) { return v + d; })) return fmt::format("v {}", shifted(d));
    if (all_are(used, [&](int v) { return (v + d + kValues) % kValues; }))
      return fmt::format("(v {}) modulo 16", shifted(d));
    if (all_are(used, [&](int v) { return std::clamp(v + d, 0, kValues - 1); }))
      return fmt::format("v {}, clipped to 0..15", shifted(d));
    if (d > 0 && all_are(used, [&](int v) { return v ^ d; })) return fmt::format("v ^ {}", d);
  }
  const float slope = used[1] - used[0];
  if (all_are(used, [&](int v) { return used[0] + slope * static_cast<float>(v); }))
    return fmt::format("{:g} * v {:+g}", slope, used[0]);
  if (std::string bits = formula_in_bits(used); !bits.empty()) return bits;
  std::vector<std::string> parts;
  for (int v = 0; v < kValues; ++v)
    if (const float value = used[static_cast<std::size_t>(v)]; value != static_cast<float>(v))
      parts.push_back(fmt::format("{} as {:g}", v, value));
  return fmt::format("{}", fmt::join(parts, ", "));
}

Table mapped(const Table& table, float factor, float offset) {
  Table out{};
  for (std::size_t v = 0; v < out.size(); ++v) out[v] = factor * table[v] + offset;
  return out;
}

class Values {
 public:
  Values(const fixtures::Layer& layer, const Readings& read) : layer_(layer), read_(read) {}

  std::vector<Finding> find() {
    find_codes();
    find_zero_points();
    find_scales();
    return std::move(found_);
  }

 private:
  std::size_t cells() const { return read_.at_0.weights.size(); }

  Line line_at(std::size_t i) const {
    return {(read_.at_15.weights[i] - read_.at_0.weights[i]) / 15, read_.at_0.weights[i]};
  }

  float rounding() const { return 16 * (layer_.dtype == DType::bf16 ? 0x1p-8f : 0x1p-11f); }
  bool is_one(float gain) const { return std::abs(gain - 1) <= rounding() / 15; }

  /// What codes are worth, where all weights agree. A table that was not read is a line: codes are in place by it.
  std::optional<Table> common_table() const {
    Table table{};
    if (read_.code_values) {
      table = *read_.code_values;
    } else {
      const auto first = std::ranges::find_if(read_.at_0.weights, [](float w) { return std::isfinite(w); });
      if (first == read_.at_0.weights.end()) return std::nullopt;
      const auto [slope, at_0] = line_at(static_cast<std::size_t>(first - read_.at_0.weights.begin()));
      for (int code = 0; code < kValues; ++code)
        table[static_cast<std::size_t>(code)] = at_0 + slope * static_cast<float>(code);
      table.back() = at_0 + 15 * slope;
    }
    for (std::size_t i = 0; i < cells(); ++i) {
      const float low = read_.at_0.weights[i], high = read_.at_15.weights[i];
      if (!std::isfinite(low) || !std::isfinite(high)) continue;
      if (low != table.front() || std::abs(high - table.back()) > rounding() / 16 * std::abs(high)) return std::nullopt;
    }
    return table;
  }

  void find_codes() {
    if (std::ranges::all_of(read_.at_0.weights, [](float w) { return w == 0; }) &&
        std::ranges::all_of(read_.at_15.weights, [](float w) { return w == 0; }))
      return found_.push_back({"", {"every weight that was read is zero, for all codes"}, kOfValues});
    if (const auto table = common_table())
      find_table(*table);
    else
      find_lines();
  }

  void find_table(const Table& values) {
    const Table used = mapped(values, 1, kSymmetricZero);
    const std::string text = text_of_table(used);
    if (text.empty()) return;
    const std::string where = text_of_weights(std::vector<bool>(cells(), true), read_, layer_.N);
    const float slope = values[1] - values[0];
    const bool affine = all_are(values, [&](int v) { return values[0] + slope * static_cast<float>(v); });
    if (affine && slope == 1)
      return found_.push_back(
          {"zero_points or dequant",
           {fmt::format("the kernel subtracts {:g} from a code where 8 is right, at {}", -values[0], where)},
           {StageId::checkpoint, StageId::codes, StageId::zero_points, StageId::dequant}});
    if (affine && values[0] == -kSymmetricZero * slope)
      return found_.push_back({"scales or dequant or epilogue",
                               {fmt::format("every weight is {:g} times what it should be, at {}", slope, where)},
                               {StageId::checkpoint, StageId::scales, StageId::dequant, StageId::epilogue}});
    found_.push_back(
        {"codes or dequant",
         {fmt::format("with scales of 1 and zero points of 8, a code v is used as {}, at {}", text, where)},
         {StageId::checkpoint, StageId::codes, StageId::zero_points, StageId::dequant}});
  }

  void find_lines() {
    std::map<Line, std::vector<bool>> misfits;
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < cells() && misfits.size() <= kMostMisfits * 4; ++i) {
      const Line line = line_at(i);
      if (line == kRight || !std::isfinite(line.first) || !std::isfinite(line.second)) continue;
      ++wrong;
      misfits.try_emplace(line, cells()).first->second[i] = true;
    }
    find_unread();
    if (wrong == 0 || find_row_gains()) return;
    std::vector<std::string> evidence = {fmt::format(
        "with scales of 1 and zero points of 8 a weight is a * code + b; a = 1 and b = -8 are right, but {}{} of {} "
        "weights have other values",
        wrong, misfits.size() > kMostMisfits * 4 ? " and more" : "", cells())};
    for (const auto& [line, where] : misfits)
      if (evidence.size() <= kMostMisfits)
        evidence.push_back(
            fmt::format("a = {:g}, b = {:g} at {}", line.first, line.second, text_of_weights(where, read_, layer_.N)));
    std::vector<Line> lines;
    for (const auto& [line, where] : misfits) lines.push_back(line);
    found_.push_back({stage_of(lines), std::move(evidence), kOfValues});
    found_.back().of_zero_weights = lines == std::vector<Line>{{0.0f, 0.0f}};
  }

  /// Each row of K by its own factor, the same in all columns: what is multiplied with A, or is to be. True: so it is.
  bool find_row_gains() {
    const auto N = static_cast<std::size_t>(layer_.N);
    std::vector<std::string> parts;
    std::size_t others = 0;
    for (std::size_t r = 0; r < cells() / N; ++r) {
      const auto [slope, at_0] = line_at(r * N);
      if (!std::isfinite(slope) || slope == 0) return false;
      if (std::abs(at_0 + kSymmetricZero * slope) > 2 * rounding() * std::abs(slope)) return false;
      for (std::size_t n = 1; n < N; ++n)
        if (std::isfinite(read_.at_15.weights[r * N + n]) && line_at(r * N + n) != line_at(r * N)) return false;
      if (is_one(slope)) continue;
      constexpr std::size_t kMost = 8;
      if (++others <= kMost) parts.push_back(fmt::format("row {} {:.4g} times", read_.ks[r], slope));
    }
    if (others < 2) return false;
    found_.push_back({"scales or dequant",
                      {fmt::format("rows of K differ by a factor, the same in all columns: {} of {} rows count more or "
                                   "less than once",
                                   others, cells() / N),
                       fmt::format("{}", fmt::join(parts, ", "))},
                      {StageId::checkpoint, StageId::scales, StageId::pipeline, StageId::dequant}});
    return true;
  }

  /// Outputs that are written where others of their row and column are, but hold nothing finite.
  void find_unread() {
    std::vector<bool> lost(cells());
    for (std::size_t i = 0; i < cells(); ++i)
      lost[i] = !std::isfinite(read_.at_0.weights[i]) &&
                read_.outputs.shows(read_.row_of_A(i / static_cast<std::size_t>(layer_.N)),
                                    static_cast<int>(i % static_cast<std::size_t>(layer_.N)));
    const auto count = std::ranges::count(lost, true);
    if (count == 0) return;
    found_.push_back(
        {"pipeline or dequant or epilogue",
         {fmt::format("{} of {} weights cannot be read: their outputs are not written, or not finite, at {}", count,
                      cells(), text_of_weights(lost, read_, layer_.N))},
         kOfValues});
  }

  /// The last stage that can do this. A weight of zero may also be one that is left out of the sum.
  std::string stage_of(const std::vector<Line>& lines) const {
    const auto any = [&](auto is) { return std::ranges::any_of(lines, is); };
    if (!any([](Line line) { return line != Line{0.0f, 0.0f}; })) return "pipeline or multiply";
    const bool gain = any([&](Line line) { return !is_one(line.first); });
    const bool offset = any([&](Line line) {
      return std::abs(line.second + kSymmetricZero * line.first) > rounding() * std::max(1.0f, std::abs(line.first));
    });
    if (gain && offset) return "dequant";
    if (!gain) return "zero_points or dequant";
    return same_along_k() ? "scales or dequant or epilogue" : "scales or dequant";
  }

  /// Whether all weights of a column are worth the same multiple of what they should be: so may its sum be.
  bool same_along_k() const {
    for (std::size_t i = static_cast<std::size_t>(layer_.N); i < cells(); ++i)
      if (line_at(i) != line_at(i - static_cast<std::size_t>(layer_.N))) return false;
    return true;
  }

  /// An offset that codes show too is one fault.
  void find_zero_points() {
    if (!read_.zero_values) return;
    const Table used = mapped(*read_.zero_values, -1, kSymmetricZero);
    const std::string text = text_of_table(used);
    if (text.empty()) return;
    const std::string line = fmt::format("with scales of 1 and codes of 8, a zero point v is used as {}", text);
    const bool same = !found_.empty() && read_.code_values &&
                      (*read_.zero_values)[kSymmetricZero] == (*read_.code_values)[kSymmetricZero];
    if (!same) return found_.push_back({"zero_points or dequant", {line}, kOfValues});
    if (found_.back().stage == "zero_points or dequant")
      found_.back().evidence.push_back(line);  // of other codes: 8 is one
  }

  void find_scales() {
    std::vector<std::string> parts;
    for (const auto& [scale, used] : wrong_scales(read_, layer_.dtype))
      parts.push_back(fmt::format("{:g} is used as {:g}", scale, used));
    if (parts.empty()) return;
    found_.push_back({"scales or dequant",
                      {fmt::format("a scale, the same everywhere, of {}", fmt::join(parts, ", of "))},
                      kOfValues});
  }

  const fixtures::Layer& layer_;
  const Readings& read_;
  std::vector<Finding> found_;
};

}  // namespace

std::vector<std::pair<float, float>> wrong_scales(const Readings& read, DType dtype) {
  const float rounding = 2 * (dtype == DType::bf16 ? 0x1p-8f : 0x1p-11f);
  std::vector<std::pair<float, float>> wrong;
  if (read.scale_values.empty() || read.scale_values[0].first != 1 || read.scale_values[0].second == 0) return wrong;
  for (const auto& [scale, weight] : read.scale_values)
    if (const float used = weight / read.scale_values[0].second; std::abs(used - scale) > rounding * scale)
      wrong.emplace_back(scale, used);
  return wrong;
}

std::vector<Finding> wrong_values(const fixtures::Layer& layer, const Readings& read) {
  return Values(layer, read).find();
}

}  // namespace w4::cases::probe
