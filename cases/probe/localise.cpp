// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/localise.h"

#include "cases/probe/recovered_map.h"
#include "cases/probe/region.h"
#include "fixtures/error.h"
#include "fixtures/half.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace w4::cases::probe {
namespace {

constexpr int kLeastIdentityRows = 64;   // of the identity at a time
constexpr std::size_t kMostMisfits = 4;  // told one by one
constexpr const char* kSums = "multiply or reduce or epilogue";

/// Rows of K in the kernel's order, sorted by group: where act-order puts them.
struct RowOrder {
  std::vector<int> row_at;    // stored row at a place
  std::vector<int> place_of;  // place of a stored row
  explicit RowOrder(const std::vector<int>& groups) : row_at(groups.size()), place_of(groups.size()) {
    std::iota(row_at.begin(), row_at.end(), 0);
    std::stable_sort(row_at.begin(), row_at.end(), [&](int a, int b) {
      return groups[static_cast<std::size_t>(a)] < groups[static_cast<std::size_t>(b)];
    });
    for (std::size_t place = 0; place < row_at.size(); ++place)
      place_of[static_cast<std::size_t>(row_at[place])] = static_cast<int>(place);
  }
};

/// One reading of a box, and the culprits that it shows.
class Localiser {
 public:
  Localiser(const Prepared& prepared, const Readings& read)
      : layer_(prepared.layer), read_(read), groups_(groups_of(layer_)), order_(groups_) {}

  std::vector<report::Culprit> run() {
    if (read_.uneven > 0) {
      say(kSums, {fmt::format("{} outputs of rows of the identity do not change their sign with the row: the output "
                              "is not linear in A, so no weights can be read from it",
                              read_.uneven)});
      return std::move(culprits_);
    }
    look_at_codes();
    look_at_values();
    if (nothing_shows()) return std::move(culprits_);
    look_at_parts("scale", read_.scales, "scales");
    if (!layer_.symmetric) look_at_parts("zero point", read_.zero_points, "zero_points");
    if (culprits_.empty()) look_at_weights();
    return std::move(culprits_);
  }

 private:
  std::size_t at(int k, int n) const { return static_cast<std::size_t>(k) * layer_.N + n; }
  std::size_t cells() const { return static_cast<std::size_t>(layer_.K) * layer_.N; }

  void say(const std::string& stage, std::vector<std::string> evidence) {
    culprits_.push_back({.stage = stage, .fault = "unexplained", .evidence = std::move(evidence)});
  }

  // Which code is used where.

  void look_at_codes() {
    const std::vector<int>& stored = read_.codes.source;
    const RecoveredMap as_stored = recover_map(stored, layer_.K, layer_.N);
    if (as_stored.moved == 0) return;  // look_at_values() reports codes that cannot be read
    std::vector<int> sorted(stored.size());
    for (int place = 0; place < layer_.K; ++place)
      for (int n = 0; n < layer_.N; ++n) {
        const int from = stored[at(order_.row_at[static_cast<std::size_t>(place)], n)];
        const int row = from < 0 ? 0 : order_.place_of[static_cast<std::size_t>(from / layer_.N)];
        sorted[at(place, n)] = from < 0 ? -1 : row * layer_.N + from % layer_.N;
      }
    const RecoveredMap as_sorted = recover_map(sorted, layer_.K, layer_.N);
    const bool in_order = layer_.act_order() && area(as_sorted) < area(as_stored);
    const RecoveredMap& map = in_order ? as_sorted : as_stored;
    std::vector<std::string> evidence = {
        fmt::format("with codes that carry their own index, {} of {} weights use another weight's code{}{}", map.moved,
                    cells(), map.permutation ? "; the moves are a permutation" : "; the moves are not a permutation",
                    in_order ? ", k counted in rows sorted by group" : "")};
    evidence.push_back((map.bits ? "the permutation: " : "the first moves: ") +
                       text_of(map, in_order ? sorted : stored, layer_.N, "k", "n"));
    evidence.push_back(extent(map));
    say(stage_of_codes(map), std::move(evidence));
  }

  long long area(const RecoveredMap& map) const {
    return map.block_rows == 0 ? static_cast<long long>(cells())
                               : static_cast<long long>(map.block_rows) * map.block_cols;
  }

  static bool in_tile(const RecoveredMap& map) {
    return map.block_rows > 0 && map.block_rows <= repack::kTileK && map.block_cols <= repack::kTileN;
  }

  /// The last stage that can do this.
  static std::string stage_of_codes(const RecoveredMap& map) {
    if (in_tile(map)) return "fragments";
    return map.keeps_columns ? "act_order or tiles" : "tiles";
  }

  static std::string extent(const RecoveredMap& map) {
    if (in_tile(map)) return "no code leaves its 16 x 64 tile: in stage fragments at the latest, or codes before it";
    if (map.keeps_columns) return "whole rows move, across tiles: the order of rows, or of tiles along K";
    return "codes leave their 16 x 64 tile: in stage tiles at the latest";
  }

  // What a code is worth.

  /// Weight = a * code + b at scales of 1 and zero points of 8; right is a = 1, b = -8.
  using Line = std::pair<float, float>;
  using Misfits = std::map<Line, std::vector<bool>>;  // which weights, (K, N)

  Line line_at(std::size_t i) const {
    return {(read_.at_15.weights[i] - read_.at_0.weights[i]) / 15, read_.at_0.weights[i]};
  }

  /// Every weight is zero, whatever its code.
  bool nothing_shows() const {
    const auto zero = [](float weight) { return weight == 0; };
    return std::ranges::all_of(read_.at_0.weights, zero) && std::ranges::all_of(read_.at_15.weights, zero);
  }

  void look_at_values() {
    if (nothing_shows())
      return say("", {"every weight is zero for all codes: the outputs show nothing of the packed tensors"});
    Misfits misfits;
    std::size_t wrong = 0, unread = 0;
    std::vector<bool> lost(cells());
    for (std::size_t i = 0; i < cells(); ++i) {
      const Line line = line_at(i);
      if (line == Line{1.0f, -8.0f}) continue;
      ++wrong;
      if (std::isnan(line.first) || std::isnan(line.second)) {
        ++unread;
        lost[i] = true;
        continue;
      }
      misfits.try_emplace(line, cells()).first->second[i] = true;
      if (misfits.size() > kMostMisfits * 4) break;  // no pattern of a few values
    }
    if (wrong == 0) return;
    std::vector<std::string> evidence = {
        fmt::format("with scales of 1 and zero points of 8 a weight is a * code + b; a = 1 and b = -8 are right, "
                    "but {}{} weights have other values",
                    wrong, misfits.size() > kMostMisfits * 4 ? " and more" : "")};
    if (unread > 0)
      evidence.push_back(fmt::format("{} of them are not written, or not finite, at {}", unread,
                                     text_of_region(lost, layer_.N, "k", "n")));
    for (const auto& [line, where] : misfits)
      if (evidence.size() < kMostMisfits + 2)
        evidence.push_back(fmt::format("a = {:g}, b = {:g} at {}", line.first, line.second,
                                       text_of_region(where, layer_.N, "k", "n")));
    say(stage_of_values(misfits, unread > 0), std::move(evidence));
  }

  /// The last stage that can do this. A weight of zero may also be one that is left out of the sum.
  std::string stage_of_values(const Misfits& misfits, bool unread) const {
    const auto any = [&](auto is) {
      return std::ranges::any_of(misfits, [&](const auto& misfit) { return is(misfit.first); });
    };
    if (misfits.empty()) return "pipeline or epilogue";
    if (!unread && !any([](Line line) { return line != Line{0.0f, 0.0f}; })) return "pipeline or multiply";
    const bool gain = any([](Line line) { return line.first != 1.0f; });
    const float rounding = kSymmetricZero * 2 * (layer_.dtype == DType::bf16 ? 0x1p-8f : 0x1p-11f);
    const bool offset = any([&](Line line) {
      return std::abs(line.second + kSymmetricZero * line.first) > rounding * std::max(1.0f, std::abs(line.first));
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

  // Which scale and which zero point is used where.

  void look_at_parts(const std::string& what, const SourceMap& read, const std::string& early_stage) {
    std::vector<bool> wrong(cells());
    std::vector<bool> other_column(cells()), other_group(cells());
    std::size_t count = 0, unread = 0;
    for (int k = 0; k < layer_.K; ++k)
      for (int n = 0; n < layer_.N; ++n) {
        const std::size_t i = at(k, n);
        const int group = groups_[static_cast<std::size_t>(k)], from = read.source[i];
        if (from == group * layer_.N + n) continue;
        wrong[i] = true;
        ++count;
        unread += from < 0;
        other_column[i] = from >= 0 && from % layer_.N != n;
        other_group[i] = from >= 0 && from / layer_.N != group;
      }
    if (count == 0 || (unread == count && !culprits_.empty())) return;  // the culprits so far hide them
    const bool columns = std::ranges::any_of(other_column, [](bool b) { return b; });
    const bool groups = std::ranges::any_of(other_group, [](bool b) { return b; });
    std::vector<std::string> evidence = {
        fmt::format("with {}s that carry their own index, {} of {} weights use a wrong one, at {}", what, count,
                    cells(), text_of_region(wrong, layer_.N, "k", "n"))};
    if (unread == count)
      evidence = {fmt::format("{} of {} weights use a {} that the layer does not have, at {}", count, cells(), what,
                              text_of_region(wrong, layer_.N, "k", "n"))};
    if (columns || groups) describe_sources(read, columns, groups, evidence);
    say(stage_of_parts(early_stage, columns, groups), std::move(evidence));
  }

  static std::string stage_of_parts(const std::string& early, bool columns, bool groups) {
    if (columns && !groups) return "scale_order";
    if (groups && !columns) return "act_order or " + early + " or pipeline";
    return columns ? early + " or scale_order" : early;
  }

  /// The map of columns when it is the same in all rows of a group, of groups when it is the same in all columns.
  void describe_sources(const SourceMap& read, bool columns, bool groups, std::vector<std::string>& evidence) const {
    const int count = layer_.K / layer_.group_size;
    std::vector<int> source(static_cast<std::size_t>(count) * layer_.N, -2);
    for (int k = 0; k < layer_.K; ++k)
      for (int n = 0; n < layer_.N; ++n) {
        int& one = source[static_cast<std::size_t>(groups_[static_cast<std::size_t>(k)]) * layer_.N + n];
        const int from = read.source[at(k, n)];
        if (one == -2) one = from;
        if (one == from) continue;
        evidence.push_back("rows of one group use different ones: the group of a row is wrong");
        return;
      }
    const RecoveredMap map = recover_map(source, count, layer_.N);
    if (columns && !groups && map.bits) evidence.push_back("columns stay in their group");
    evidence.push_back((map.bits ? "the permutation: " : "the first moves: ") +
                       text_of(map, source, layer_.N, "g", "n"));
  }

  /// Probes showed right weights; those of the layer itself may still be wrong.
  void look_at_weights() {
    const std::vector<double> right = judge::expected_weights(layer_, 0, layer_.K);
    const double unit = layer_.dtype == DType::bf16 ? 0x1p-8 : 0x1p-11;
    std::vector<bool> wrong(cells());
    for (std::size_t i = 0; i < cells(); ++i)
      wrong[i] =
          !(std::abs(read_.weights.weights[i] - right[i]) <= unit * (std::abs(right[i]) + 2 * read_.at_rest) + 0x1p-24);
    const auto count = std::ranges::count(wrong, true);
    if (count > 0)
      return say("scales or dequant", {fmt::format("{} of {} weights are wrong with this layer's own scales and codes, "
                                                   "at {}; with plain scales and codes they are right",
                                                   count, cells(), text_of_region(wrong, layer_.N, "k", "n"))});
    say(kSums, {"every single weight is right: the fault is in how products are summed, handed over or written"});
  }

  const fixtures::Layer& layer_;
  const Readings& read_;
  std::vector<int> groups_;
  RowOrder order_;
  std::vector<report::Culprit> culprits_;
};

}  // namespace

std::vector<report::Culprit> localise(const Prepared& prepared, const Readings& read) {
  return Localiser(prepared, read).run();
}

namespace {

/// The probe whose products are all zero must give the bias; anything else is added or scaled in the epilogue.
std::vector<std::string> wrong_addend(Evidence& evidence) {
  for (int i = 0; i < evidence.size(); ++i) {
    const Probe& probe = evidence.probe(i);
    if (probe.kind != &probe_kind("bias") || evidence.agrees({}, i)) continue;
    const Grid<std::uint16_t>&got = evidence.answer(i).C, &right = evidence.right(i).C;
    const DType dtype = probe.question.layer->dtype;
    const auto finite = [&](std::uint16_t bits) {
      return bits != probe.question.launch.fill && std::isfinite(value_of(bits, dtype));
    };
    std::vector<bool> wrong(got.size());
    for (std::size_t at = 0; at < got.size(); ++at) wrong[at] = finite(got[at]) && got[at] != right[at];
    const auto first = static_cast<std::size_t>(std::ranges::find(wrong, true) - wrong.begin());
    if (first == wrong.size()) continue;
    return {fmt::format(
        "all products are zero, but {} of {} outputs are not the bias, at {}: the first is {:g}, right is {:g}",
        std::ranges::count(wrong, true), got.size(), text_of_region(wrong, got.cols(), "m", "n", "outputs"),
        value_of(got[first], dtype), value_of(right[first], dtype))};
  }
  return {};
}

/// Weights of zero and nothing added: no stage can be told from that.
bool writes_zeros(const Readings& read, Evidence& evidence) {
  const auto zero = [](double value) { return value == 0; };
  if (read.at_rest != 0 || !std::ranges::all_of(read.weights.weights, zero)) return false;
  for (int i = 0; i < evidence.size(); ++i)
    if (evidence.probe(i).kind == &probe_kind("bias"))
      return std::ranges::all_of(evidence.answer(i).C.cells(), [&](std::uint16_t bits) {
        return value_of(bits, evidence.probe(i).question.layer->dtype) == 0;
      });
  return false;
}

}  // namespace

std::vector<report::Culprit> localise(const Prepared& prepared, Box& box, const kernel::Launch& launch,
                                      Evidence& evidence, int tried,
                                      const std::function<void(std::string_view)>& step) {
  std::vector<std::string> why = {
      fmt::format("no known fault predicts these answers, alone or up to {} at once ({} predictions)", tried,
                  evidence.predictions())};
  for (int i = 0; i < evidence.size(); ++i)
    if (!evidence.answer(i).ran()) {
      why.push_back("a launch of the kernel fails, so the weights cannot be read");
      return {{.stage = "launch", .fault = "unexplained", .evidence = why}};
    }
  if (prepared.layer.cut_from) {
    why.push_back(
        "a slice of a layer is not read weight by weight: run bisect on the whole layer, or on the slice as a fixture");
    return {{.stage = "", .fault = "unexplained", .evidence = why}};
  }
  const Readings read = read_box(prepared, box, launch, std::max(kLeastIdentityRows, prepared.A.rows()), step);
  why.push_back(fmt::format("the weights were read in {} launches", read.launches));
  if (read.lost) {
    why.push_back("a launch on rows of the identity fails");
    return {{.stage = "launch", .fault = "unexplained", .evidence = why}};
  }
  std::vector<report::Culprit> culprits = localise(prepared, read);
  std::vector<std::string> added = wrong_addend(evidence);
  if (!added.empty() && writes_zeros(read, evidence)) {
    culprits.at(0).evidence.push_back("the kernel does not add the bias either: it writes zeros for every input");
  } else if (!added.empty()) {
    if (read.uneven == 0)
      std::erase_if(culprits,
                    [](const report::Culprit& culprit) { return culprit.stage == kSums; });  // the addend explains them
    culprits.insert(culprits.begin(), {.stage = "epilogue", .fault = "unexplained", .evidence = std::move(added)});
  }
  for (report::Culprit& culprit : culprits) culprit.evidence.insert(culprit.evidence.end(), why.begin(), why.end());
  return culprits;
}

}  // namespace w4::cases::probe
