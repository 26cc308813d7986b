// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/evidence.h"

#include "cases/case/task.h"
#include "cases/judge/class_fit.h"
#include "cases/probe/rounding_fit.h"
#include "fixtures/error.h"
#include "fixtures/half.h"
#include "kernel/lane_model/lane_model.h"
#include "repack/plain_layer.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace w4::cases::probe {
namespace {

using kernel::RunResult;
using kernel::lane_model::kProblemRows;
using kernel::lane_model::Output;
using repack::Recipe;

Recipe repacking_of(Recipe recipe) {
  std::erase_if(recipe, [](const auto& stage) { return !is_repacking(faults::parse_stage(stage.first)); });
  return recipe;
}

/// Pipeline faults depend on the block tile.
std::vector<kernel::BlockTile> block_tiles(const Recipe& recipe, const Question& question, bool known) {
  std::vector<kernel::BlockTile> tiles = {question.launch.block_tile};
  for (const kernel::BlockTile other : {kernel::BlockTile{128, 128}, kernel::BlockTile{64, 256}})
    if (!known && recipe.contains("pipeline") && !(other == tiles[0])) tiles.push_back(other);
  return tiles;
}

/// Whether two launches ended alike, as far as the lane model predicts how a kernel ends.
bool ended_alike(const RunResult& made, const RunResult& answer) {
  return made.return_code == answer.return_code && made.timed_out == answer.timed_out && !answer.broke_off();
}

/// Small integers in, small integers out: whatever order they are summed in, they are equal or wrong.
bool is_of_exact_sums(const RunResult& made, const Probe& probe) {
  const float exact_below = probe.question.layer->dtype == DType::bf16 ? 256 : 2048;
  if (!probe.exact_sums) return false;
  return std::all_of(made.C.cells().begin(), made.C.cells().end(), [&](std::uint16_t bits) {
    const float value = value_of(bits, probe.question.layer->dtype);
    return std::abs(value) <= exact_below && value == std::trunc(value);
  });
}

/// Whether the distance of an output from a prediction, as root mean square, is one that rounding explains.
bool alike_at_large(const Grid<std::uint16_t>& seen, const Grid<std::uint16_t>& made, DType dtype) {
  constexpr double kAtMost = 0.02;
  double distance = 0, size = 0;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const double got = value_of(seen[i], dtype), want = value_of(made[i], dtype);
    if (!std::isfinite(got) || !std::isfinite(want)) continue;
    distance += (got - want) * (got - want);
    size += want * want;
  }
  return distance <= kAtMost * kAtMost * size;
}

/// Where the lane model rounds: partial sums too, when they are handed over in 16 bits.
judge::Rounding rounding_of_question(const Question& question) {
  kernel::Task task{.A = question.A, .packed = {}, .launch = question.launch};
  if (question.launch.reduce_bits == 16) {
    task.packed = repack::repack(*question.layer);
    return rounding_of(*question.layer, for_lane_model(task));
  }
  judge::Rounding rounding;
  rounding.grouped = question.layer->group_size != question.layer->K;
  return rounding;
}

judge::Expected expected_of(const Question& question, const std::optional<judge::RoundingClass>& rounding) {
  if (!rounding) return judge::expected_output(*question.layer, question.A, rounding_of_question(question));
  const kernel::Task task{.A = question.A, .packed = repack::repack(*question.layer), .launch = question.launch};
  return judge::under(
      judge::expected_output(*question.layer, question.A, rounding_with_classes(*question.layer, for_lane_model(task))),
      *rounding);
}

/// What the oracle expects of the weights that a repack by this recipe packs. A large scale on small codes rounds off
/// more than a right output does. None: the recipe cannot be applied, or its tensors cannot be read.
std::optional<judge::Expected> expected_as_packed(const Recipe& recipe, const Question& question,
                                                  const std::optional<judge::RoundingClass>& rounding) {
  if (repacking_of(recipe).empty()) return std::nullopt;
  try {
    const repack::Unpacked packed = repack::unpack(repack::repack(*question.layer, recipe));
    fixtures::PlainLayer plain = repack::plain_layer_of(*question.layer);
    plain.codes = packed.codes;
    plain.scales = packed.scales;
    if (!packed.zeros.empty()) plain.zeros = packed.zeros;
    Question as_packed = question;
    as_packed.layer = std::make_shared<const fixtures::Layer>(repack::stored_like(*question.layer, plain));
    return expected_of(as_packed, rounding);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

bool looks_same(const RunResult& a, const RunResult& b) {
  return a.return_code == b.return_code && a.launch_error == b.launch_error &&
         a.synchronise_error == b.synchronise_error && a.signal == b.signal && a.timed_out == b.timed_out &&
         a.C == b.C && a.workspace == b.workspace && a.guards_intact == b.guards_intact;
}

void Evidence::add(Probe probe, RunResult answer) {
  asked_.push_back({std::move(probe), std::move(answer), std::nullopt, std::nullopt, std::nullopt});
}

const repack::Packed& Evidence::packed(const Recipe& recipe, const Question& question) const {
  constexpr std::size_t kKept = 8;  // of a large layer 25 MB each
  const Recipe repacking = repacking_of(recipe);
  const auto found = std::ranges::find_if(packings_, [&](const Packing& packing) {
    return packing.layer == question.layer && packing.recipe == repacking;
  });
  if (found != packings_.end()) {
    std::rotate(packings_.begin(), found, found + 1);
  } else {
    packings_.push_front({question.layer, repacking, repack::repack(*question.layer, repacking)});
    if (packings_.size() > kKept) packings_.pop_back();
  }
  return packings_.front().packed;
}

Evidence::Prediction Evidence::predict(const Recipe& recipe, const Question& question,
                                       std::span<const Output> parts) const {
  try {
    const kernel::Task task =
        for_lane_model({.A = question.A, .packed = packed(recipe, question), .launch = question.launch});
    return kernel::lane_model::run_lane_model_parts(task, recipe, parts);
  } catch (const CannotTest&) {  // the recipe cannot be applied to this layer
    return std::nullopt;
  }
}

const RunResult& Evidence::right(Asked& asked) {
  if (!asked.right) asked.right = predict({}, asked.probe.question).value();
  return *asked.right;
}

const judge::Expected& Evidence::expected(Asked& asked) const {
  if (asked.expected) return *asked.expected;
  return asked.expected.emplace(expected_of(asked.probe.question, rounding_));
}

bool Evidence::seen_alike(const RunResult& a, const RunResult& b) const {
  switch (judged_) {
    case Judged::every_bit: return looks_same(a, b);
    case Judged::within_rounding: return ended_alike(a, b) && a.C == b.C;
    default: return a.C == b.C;
  }
}

bool Evidence::fits(const RunResult& made, const Recipe& recipe, Asked& asked) {
  if (judged_ == Judged::every_bit) return looks_same(made, asked.answer);
  const bool recorded = judged_ == Judged::recorded;
  if (!recorded && !ended_alike(made, asked.answer)) return false;
  if (made.C == asked.answer.C) return true;
  if (is_of_exact_sums(made, asked.probe)) return false;
  const std::uint16_t fill = asked.probe.question.launch.fill;
  const judge::Expected& right = expected(asked);
  // A wrong answer is not explained by a prediction that is right.
  const bool wrong = !judge::compare(asked.answer.C, right, fill).right();
  if (wrong && (judge::compare(made.C, right, fill).right() || !nearer(asked.answer.C, made.C, right, fill)))
    return false;
  const Unwritten unwritten = recorded ? Unwritten::reads_as_zero : Unwritten::keeps_fill;
  if (near(asked.answer.C, made.C, right, fill, unwritten)) return true;
  if (!alike_at_large(asked.answer.C, made.C, right.dtype)) return false;
  const auto own = expected_as_packed(recipe, asked.probe.question, rounding_);
  return own && near(asked.answer.C, made.C, *own, fill, unwritten);
}

Output Evidence::telling_output(Asked& asked) {
  if (asked.telling) return *asked.telling;
  const Grid<std::uint16_t>&got = asked.answer.C, &want = right(asked).C;
  const DType dtype = asked.probe.question.layer->dtype;
  double farthest = 0;
  asked.telling = Output{};
  for (std::size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    if (got[i] == want[i]) continue;
    const double distance = std::abs(value_of(got[i], dtype) - value_of(want[i], dtype));
    if (distance <= farthest) continue;
    farthest = std::isfinite(distance) ? distance : std::numeric_limits<double>::infinity();
    const auto at = static_cast<int>(i);
    asked.telling = {at / got.cols(), at % got.cols()};
  }
  return *asked.telling;
}

/// Another bit; of the user's kernel, further from the prediction than any rounding explains: a tenth, as root mean
/// square over that part of C.
bool Evidence::differs_in_part(const RunResult& made, int thread_n, Asked& asked) {
  constexpr double kFar = 0.1;
  const Grid<std::uint16_t>&got = asked.answer.C, &want = right(asked).C;
  const DType dtype = asked.probe.question.layer->dtype;
  const std::uint16_t fill = asked.probe.question.launch.fill;
  const Output telling = telling_output(asked);
  const int begin = telling.n / thread_n * thread_n, end = std::min(begin + thread_n, got.cols());
  const int first = telling.m / kProblemRows * kProblemRows, last = std::min(first + kProblemRows, got.rows());
  double distance = 0, size = 0, right_size = 0;
  for (int m = first; m < last; ++m) {
    for (int n = begin; n < end; ++n) {
      const double a = value_of(got(m, n), dtype), b = value_of(made.C(m, n), dtype), y = value_of(want(m, n), dtype);
      const bool unwritten = made.C(m, n) == fill;
      if (judged_ == Judged::every_bit && got(m, n) != made.C(m, n)) return true;
      if (judged_ == Judged::within_rounding && unwritten != (got(m, n) == fill)) return true;
      if (unwritten) continue;
      if (std::isfinite(a) != std::isfinite(b)) return true;
      if (!std::isfinite(a)) continue;
      distance += (a - b) * (a - b);
      size += b * b;
      right_size += std::isfinite(y) ? y * y : 0;
    }
  }
  return distance > kFar * kFar * std::max(size, right_size);
}

bool Evidence::refuted_by_a_part(const Recipe& recipe, Asked& asked) {
  constexpr int kLeastColumns = 3;  // of block_tiles: of fewer, one is no saving
  const bool races = std::ranges::any_of(
      recipe, [](const auto& way) { return faults::fault_of(way.first, way.second).repeats_differ; });
  Question question = asked.probe.question;
  if (races || asked.answer.C.rows() != question.A.rows()) return false;
  for (const kernel::BlockTile tile : block_tiles(recipe, question, judged_ == Judged::every_bit)) {
    const int thread_n =
        tile.thread_n > 0 ? tile.thread_n : kernel::BlockTile{}.thread_n;  // as for_lane_model() has it
    if (question.layer->N < kLeastColumns * thread_n && question.A.rows() <= kProblemRows) return false;
    question.launch.block_tile = tile;
    const Output parts[] = {telling_output(asked)};
    const Prediction made = predict(recipe, question, parts);
    if (!made) continue;
    const bool ended = judged_ == Judged::recorded || ended_alike(*made, asked.answer);
    if (ended && (!made->ran() || !differs_in_part(*made, thread_n, asked))) return false;
  }
  return true;
}

Evidence::Held Evidence::hold(const Recipe& recipe, Asked& asked) {
  Held held{.whole = true};
  Question question = asked.probe.question;
  for (const kernel::BlockTile tile : block_tiles(recipe, question, judged_ == Judged::every_bit)) {
    question.launch.block_tile = tile;
    const Prediction made = predict(recipe, question);
    if (!made) continue;
    held.agrees = held.agrees || fits(*made, recipe, asked);
    held.exact = held.exact || made->C == asked.answer.C;
    held.shows = held.shows || !seen_alike(*made, right(asked));
  }
  return held;
}

const Evidence::Held& Evidence::held(const Recipe& recipe, int i) {
  const auto [entry, fresh] = memo_.try_emplace({recipe, i});
  if (!entry->second.whole) entry->second = hold(recipe, asked_[static_cast<std::size_t>(i)]);
  return entry->second;
}

bool Evidence::agrees(const Recipe& recipe, int i) {
  const auto [entry, fresh] = memo_.try_emplace({recipe, i});
  if (!fresh && !entry->second.whole) return false;
  if (!fresh) return entry->second.agrees;
  return !refuted_by_a_part(recipe, asked_[static_cast<std::size_t>(i)]) && held(recipe, i).agrees;
}

bool Evidence::exact(const Recipe& recipe) {
  for (int i = 0; i < size(); ++i)
    if ((judged_ != Judged::within_rounding || probe(i).exact_sums) && !held(recipe, i).exact) return false;
  return true;
}

bool Evidence::shows(const Recipe& recipe, int i) { return held(recipe, i).shows; }

bool Evidence::shows_in_some_parts(const Recipe& recipe, int i) {
  const auto [entry, fresh] = shows_in_some_.try_emplace({recipe, i});
  if (!fresh) return entry->second;
  Asked& asked = asked_[static_cast<std::size_t>(i)];
  Question question = asked.probe.question;
  const int M = question.A.rows(), N = question.layer->N;
  const Output parts[] = {{0, 0}, telling_output(asked), {0, N / 2}, {M - 1, N - 1}};
  const Prediction reference = predict({}, question, parts);
  for (const kernel::BlockTile tile : block_tiles(recipe, question, judged_ == Judged::every_bit)) {
    question.launch.block_tile = tile;
    const Prediction made = predict(recipe, question, parts);
    entry->second = entry->second || (made && !seen_alike(*made, *reference));
  }
  return entry->second;
}

int Evidence::first_against(const Recipe& recipe) {
  for (int i = 0; i < size(); ++i)
    if (!agrees(recipe, i)) return i;
  return size();
}

bool Evidence::tells_apart(const Recipe& a, const Recipe& b, const Question& question) const {
  const Prediction from_a = predict(a, question), from_b = predict(b, question);
  return from_a && from_b && !seen_alike(*from_a, *from_b);
}

}  // namespace w4::cases::probe
