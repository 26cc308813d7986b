// SPDX-License-Identifier: Apache-2.0
#include "cases/sweep/conjunction.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace w4::cases::sweep {
namespace {

constexpr std::size_t kMostCorners = 20000;  // points that may be launched; a large product is thinned
constexpr std::size_t kMostAgreeing = 256;   // conjunctions kept, the shortest first
constexpr std::size_t kMostEquivalents = 3;
constexpr int kTrials = 12;  // corners launched for each predicted outcome

/// All combinations of the axes' values.
std::vector<Point> product(const std::vector<std::vector<int>>& values) {
  std::vector<Point> out = {{}};
  for (const std::vector<int>& axis : values) {
    std::vector<Point> longer;
    for (const Point& point : out)
      for (const int value : axis) {
        longer.push_back(point);
        longer.back().push_back(value);
      }
    out = std::move(longer);
  }
  return out;
}

/// A fixed order in which neighbours have little in common.
void shuffle(std::vector<Point>& points) {
  std::uint64_t state = 7;
  for (std::size_t i = points.size(); i > 1; --i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    std::swap(points[i - 1], points[(state >> 33) % i]);
  }
}

}  // namespace

ConjunctionSearch::ConjunctionSearch(std::vector<Relation> atoms, std::size_t relations,
                                     const std::vector<std::vector<int>>& corners, LaunchMemo& memo)
    : atoms_(std::move(atoms)), relations_(relations), memo_(memo) {
  if (atoms_.size() > kMostAtoms) atoms_.resize(kMostAtoms);
  std::vector<Point> points = product(corners);
  shuffle(points);
  if (points.size() > kMostCorners) points.resize(kMostCorners);
  for (Point& point : points) {
    if (memo_.refuses(point)) continue;
    const Atoms holding = holding_at(point);
    corners_.push_back({std::move(point), holding});
  }
}

ConjunctionSearch::Atoms ConjunctionSearch::holding_at(const Point& point) const {
  Atoms out = 0;
  for (std::size_t i = 0; i < atoms_.size(); ++i) out |= Atoms{atoms_[i].holds(point)} << i;
  return out;
}

void ConjunctionSearch::find_agreeing() {
  std::vector<std::pair<Atoms, bool>> launched;
  for (const auto& [point, outcome] : memo_.seen())
    if (outcome != Outcome::cannot) launched.emplace_back(holding_at(point), outcome == Outcome::wrong);
  agreeing_.clear();
  for (Atoms conjunction = 0; conjunction < Atoms{1} << atoms_.size(); ++conjunction)
    if (std::all_of(launched.begin(), launched.end(),
                    [&](const auto& each) { return foretells_wrong(conjunction, each.first) == each.second; }))
      agreeing_.push_back(conjunction);
  std::stable_sort(agreeing_.begin(), agreeing_.end(),
                   [](Atoms a, Atoms b) { return std::popcount(a) < std::popcount(b); });
  if (agreeing_.size() > kMostAgreeing) agreeing_.resize(kMostAgreeing);
}

/// The corner, not yet launched, at which about half of the conjunctions predict wrong; none when all predictions
/// agree.
const ConjunctionSearch::Corner* ConjunctionSearch::best_divider() const {
  const Corner* best = nullptr;
  int best_side = 0;
  for (const Corner& corner : corners_) {
    if (memo_.knows(corner.point)) continue;
    const auto wrong = static_cast<int>(std::count_if(
        agreeing_.begin(), agreeing_.end(), [&](Atoms each) { return foretells_wrong(each, corner.holding); }));
    const int side = std::min(wrong, static_cast<int>(agreeing_.size()) - wrong);
    if (side > best_side) best = &corner, best_side = side;
  }
  return best;
}

/// Launches corners and compares them with the shortest conjunction; false at the first contradiction. Corners
/// predicted right violate one condition only: where several fail, a right output proves less.
bool ConjunctionSearch::try_corners() {
  int wrong = 0, right = 0;
  for (const Corner& corner : corners_) {
    const int failing = std::popcount(agreeing_[0] & ~corner.holding);
    int& tried = failing == 0 ? wrong : right;
    if (failing > 1 || tried >= kTrials || memo_.knows(corner.point)) continue;
    const std::optional<Outcome> outcome = memo_.at(corner.point);
    if (!outcome) return true;
    if (outcome == Outcome::cannot) continue;
    if ((outcome == Outcome::wrong) != (failing == 0)) return false;
    ++tried;
  }
  return true;
}

bool ConjunctionSearch::search() {
  while (true) {
    find_agreeing();
    if (agreeing_.empty()) return false;
    if (const Corner* divider = best_divider()) {
      if (!memo_.at(divider->point)) return true;
    } else if (try_corners()) {
      return true;
    }
  }
}

std::string ConjunctionSearch::text_of(Atoms conjunction) const {
  std::vector<std::string> texts, of_several_axes;
  for (std::size_t i = 0; i < atoms_.size(); ++i)
    if (conjunction >> i & 1U) (i < relations_ ? of_several_axes : texts).push_back(atoms_[i].text);
  texts.insert(texts.end(), of_several_axes.begin(), of_several_axes.end());
  return fmt::format("{}", fmt::join(texts, " and "));
}

std::string ConjunctionSearch::condition() const { return text_of(agreeing_.at(0)); }

std::vector<std::string> ConjunctionSearch::equivalents() const {
  std::vector<std::string> out;
  for (std::size_t i = 1; i < agreeing_.size() && out.size() < kMostEquivalents; ++i)
    if (std::popcount(agreeing_[i]) == std::popcount(agreeing_[0])) out.push_back(text_of(agreeing_[i]));
  return out;
}

}  // namespace w4::cases::sweep
