// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/faults/faults.h"
#include "cases/judge/oracle.h"
#include "cases/probe/probes.h"
#include "kernel/lane_model/lane_model.h"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace w4::cases::probe {

/// Questions put to a black box and its answers, compared with predictions: the answer that our repack and lane model
/// give to the same question by some recipe.
class Evidence {
 public:
  /// How an answer is compared with a prediction.
  enum class Judged {
    every_bit,        // our own path: everything that a caller sees is equal
    within_rounding,  // the user's kernel: the return code is equal, C within rounding
    recorded          // a recorded output: C within rounding, unwritten elements are zero
  };

  /// Unless every_bit, pipeline faults are tried with both block tiles: that of the user's kernel is not known.
  /// `rounding`: the class by which the oracle judges answers; none: the exact model of our kernel.
  explicit Evidence(Judged judged, const std::optional<judge::RoundingClass>& rounding = {})
      : judged_(judged), rounding_(rounding) {}
  const std::optional<judge::RoundingClass>& rounding() const { return rounding_; }

  void add(Probe probe, kernel::RunResult answer);
  int size() const { return static_cast<int>(asked_.size()); }
  const Probe& probe(int i) const { return asked_[static_cast<std::size_t>(i)].probe; }
  const kernel::RunResult& answer(int i) const { return asked_[static_cast<std::size_t>(i)].answer; }

  /// Whether the recipe predicts answer i; a recipe that cannot be applied to that layer does not.
  bool agrees(const repack::Recipe& recipe, int i);
  /// The first answer that the recipe does not predict, or size().
  int first_against(const repack::Recipe& recipe);
  /// Whether the recipe predicts another answer than the all-reference recipe: only such a fault can explain it.
  bool shows(const repack::Recipe& recipe, int i);
  /// The same, looked for in a few parts of C, one of them where the answer is wrong.
  bool shows_in_some_parts(const repack::Recipe& recipe, int i);
  /// Whether the recipe predicts every answer in every bit; of the user's kernel, every one of exact sums.
  bool exact(const repack::Recipe& recipe);
  /// Whether two recipes predict different answers to a question that has not been asked.
  bool tells_apart(const repack::Recipe& a, const repack::Recipe& b, const Question& question) const;

  /// What the all-reference recipe predicts of question i.
  const kernel::RunResult& right(int i) { return right(asked_[static_cast<std::size_t>(i)]); }

  int predictions() const { return static_cast<int>(memo_.size()); }

 private:
  struct Asked {
    Probe probe;
    kernel::RunResult answer;
    std::optional<kernel::RunResult> right;             // of the all-reference recipe
    std::optional<judge::Expected> expected;            // of the oracle, when rounding has to be judged
    std::optional<kernel::lane_model::Output> telling;  // an output that is wrong
  };
  struct Held {
    bool agrees = false;
    bool exact = false;  // in every bit
    bool shows = false;
    bool whole = false;  // all of C was predicted; false: one part of C refuted it, and `shows` is unknown
  };
  struct Packing {
    std::shared_ptr<const fixtures::Layer> layer;
    repack::Recipe recipe;  // of repacking stages alone
    repack::Packed packed;
  };
  using Prediction = std::optional<kernel::RunResult>;

  /// What repack() makes by a recipe, kept for a while: most predictions differ from one before in the kernel alone.
  const repack::Packed& packed(const repack::Recipe& recipe, const Question& question) const;
  Prediction predict(const repack::Recipe& recipe, const Question& question,
                     std::span<const kernel::lane_model::Output> parts = {}) const;
  const kernel::RunResult& right(Asked& asked);
  Held hold(const repack::Recipe& recipe, Asked& asked);
  const Held& held(const repack::Recipe& recipe, int i);
  /// Whether one part of C, where the answer is wrong, is enough to see that the recipe does not predict it.
  bool refuted_by_a_part(const repack::Recipe& recipe, Asked& asked);
  bool differs_in_part(const kernel::RunResult& made, int thread_n, Asked& asked);
  kernel::lane_model::Output telling_output(Asked& asked);
  /// Whether what is looked at of two predictions is equal.
  bool seen_alike(const kernel::RunResult& a, const kernel::RunResult& b) const;
  bool fits(const kernel::RunResult& made, const repack::Recipe& recipe, Asked& asked);
  const judge::Expected& expected(Asked& asked) const;

  Judged judged_;
  std::optional<judge::RoundingClass> rounding_;
  std::vector<Asked> asked_;
  std::map<std::pair<repack::Recipe, int>, Held> memo_;
  std::map<std::pair<repack::Recipe, int>, bool> shows_in_some_;
  mutable std::deque<Packing> packings_;  // the one used last is the first
};

/// All that a caller sees of two runs is equal: how they ended, C, workspace, guard zones.
bool looks_same(const kernel::RunResult& a, const kernel::RunResult& b);

}  // namespace w4::cases::probe
