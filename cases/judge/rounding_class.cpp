// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/rounding_class.h"

#include "fixtures/error.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <vector>

namespace w4::cases::judge {
namespace {

constexpr std::array<std::string_view, 5> kWeights = {"unrounded", "once", "group-sums", "products", "folded"};
constexpr std::array<std::string_view, 4> kSums = {"32", "16", "any", "chains"};
constexpr std::array<std::string_view, 3> kEnds = {"once", "before-scale", "before-bias"};
constexpr int kMostCount = 9999;

bool is_counted(SumRounding sums) { return sums == SumRounding::any_cuts || sums == SumRounding::chains; }

std::optional<int> place_of(std::string_view word, std::span<const std::string_view> words) {
  for (std::size_t i = 0; i < words.size(); ++i)
    if (words[i] == word) return static_cast<int>(i);
  return std::nullopt;
}

std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('/', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// "any:6": the word before the colon, and the number behind it; 0 without one.
std::pair<std::string_view, int> counted(std::string_view part) {
  const std::size_t colon = part.find(':');
  if (colon == part.npos) return {part, 0};
  const std::string_view digits = part.substr(colon + 1);
  int count = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (error != std::errc() || end != digits.data() + digits.size() || count < 1 || count > kMostCount) return {"", 0};
  return {part.substr(0, colon), count};
}

std::string words_of(WeightRounding weights, std::string_view type) {
  switch (weights) {
    case WeightRounding::unrounded: return "scales applied in 32 bits";
    case WeightRounding::once: return fmt::format("weights rounded to {} before the product", type);
    case WeightRounding::group_sums: return fmt::format("the sum of each group rounded to {} and then scaled", type);
    case WeightRounding::products: return fmt::format("scale * code and scale * zero point each rounded to {}", type);
    default: return fmt::format("the zero points' sum rounded to {} and subtracted from the codes' sum", type);
  }
}

std::string words_of(SumRounding sums, int count) {
  switch (sums) {
    case SumRounding::wide: return "partial sums in 32 bits";
    case SumRounding::known_cuts: return "partial sums rounded to 16 bits where thread blocks share K";
    case SumRounding::any_cuts:
      return fmt::format("up to {} partial sum{} rounded to 16 bits", count, count == 1 ? "" : "s");
    default: return fmt::format("sums of up to {} products in 16 bits, added in 32", count);
  }
}

}  // namespace

std::string name_of(const RoundingClass& rounding) {
  std::string sums(kSums[static_cast<std::size_t>(rounding.sums)]);
  if (is_counted(rounding.sums)) sums += fmt::format(":{}", rounding.count);
  return fmt::format("{}/{}/{}", kWeights[static_cast<std::size_t>(rounding.weights)], sums,
                     kEnds[static_cast<std::size_t>(rounding.end)]);
}

RoundingClass parse_rounding(std::string_view text) {
  std::vector<std::string_view> parts = parts_of(text);
  const bool too_many = parts.size() > 3;
  if (parts.size() < 2) parts.push_back(kSums[0]);
  if (parts.size() < 3) parts.push_back(kEnds[0]);
  const auto [sums_word, count] = counted(parts[1]);
  const auto weights = place_of(parts[0], kWeights), sums = place_of(sums_word, kSums), end = place_of(parts[2], kEnds);
  const bool known = weights && sums && end && !too_many;
  if (!known || is_counted(static_cast<SumRounding>(*sums)) != (count > 0))
    throw InputError(
        "--rounding {}: WEIGHTS/SUMS/END is expected, with WEIGHTS one of {}; SUMS one of 32, 16, any:COUNT, "
        "chains:LENGTH; END one of {}",
        text, fmt::join(kWeights, ", "), fmt::join(kEnds, ", "));
  return {static_cast<WeightRounding>(*weights), static_cast<SumRounding>(*sums), count,
          static_cast<EndRounding>(*end)};
}

std::string text_of(const RoundingClass& rounding, DType dtype) {
  std::string text = words_of(rounding.weights, w4::name_of(dtype)) + "; " + words_of(rounding.sums, rounding.count);
  if (rounding.end == EndRounding::before_scale) text += "; rounded before the scale and after it";
  if (rounding.end == EndRounding::before_bias) text += "; rounded before the bias and after it";
  return text;
}

bool is_wider(const RoundingClass& now, const RoundingClass& before) {
  if (now.weights > before.weights || now.sums > before.sums) return true;
  if (now.end != EndRounding::once && before.end == EndRounding::once) return true;
  return now.sums == before.sums && now.count > 2 * before.count;
}

}  // namespace w4::cases::judge
