// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/recipe_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace w4::cases::probe {
namespace {

using repack::Recipe;

/// One search for recipes of a given number of faults.
class Search {
 public:
  Search(Evidence& evidence, const std::function<void(std::string_view)>& step, const std::set<StageId>& stages)
      : evidence_(evidence), step_(step), stages_(stages) {}

  std::vector<Recipe> of_size(int size) {
    constexpr int kMostThroughEachOther = 2;
    found_.clear();
    if (size == 1) return single();
    explain({}, size);
    if (found_.empty() && size == kMostThroughEachOther) {
      anywhere_ = true;
      explain({}, size);
      anywhere_ = false;
    }
    return {found_.begin(), found_.end()};
  }

 private:
  /// One fault need not be held against answers that it does not predict: the first failing one is enough.
  std::vector<Recipe> single() {
    std::vector<Recipe> fits;
    const int against = evidence_.first_against({});
    if (against == evidence_.size()) return fits;
    for (const faults::Fault& fault : faults::faults()) {
      if (fault.id.empty() || !is_suspect(fault)) continue;
      step_(fault.name);
      const Recipe recipe = {{fault.stage, fault.variant}};
      if (evidence_.agrees(recipe, against) && evidence_.first_against(recipe) == evidence_.size())
        fits.push_back(recipe);
    }
    std::ranges::sort(fits);
    return fits;
  }

  /// Adds faults where `recipe` first fails. Those that explain that answer alone are taken before those that do it in
  /// twos: a fault that is not needed there shows elsewhere, and is added there.
  bool explain(const Recipe& recipe, int left) {
    const int against = evidence_.first_against(recipe);
    if (against == evidence_.size()) {
      if (left == 0) found_.insert(recipe);
      return left == 0;
    }
    bool any = false;
    for (int count = 1; count <= left && !any; ++count) any = add(recipe, against, count, 0, left - count);
    return any;
  }

  /// `count` more faults, from the candidate `from` on, that together explain an answer.
  bool add(const Recipe& recipe, int against, int count, std::size_t from, int left) {
    if (count == 0) return evidence_.agrees(recipe, against) && explain(recipe, left);
    const bool anything = !stages_.empty() && !recipe.empty() && count == 1 && is_case(against);
    const std::vector<const faults::Fault*>& candidates = candidates_at(against, anything);
    bool any = false;
    for (std::size_t i = from; i < candidates.size(); ++i) {
      if (recipe.contains(candidates[i]->stage)) continue;
      Recipe more = recipe;
      more[candidates[i]->stage] = candidates[i]->variant;
      any = add(more, against, count - 1, i + 1, left) || any;
    }
    return any;
  }

  bool is_suspect(const faults::Fault& fault) const {
    return stages_.empty() || stages_.contains(faults::parse_stage(fault.stage));
  }
  bool is_case(int i) const { return std::string_view(evidence_.probe(i).kind->id) == "case"; }

  /// The known faults that show in an answer, or in any; `anything`: not of suspect stages alone.
  const std::vector<const faults::Fault*>& candidates_at(int i, bool anything) {
    const std::pair key = {anywhere_ ? -1 : i, anything};
    const auto [entry, fresh] = candidates_.try_emplace(key);
    if (!fresh) return entry->second;
    for (const faults::Fault& fault : faults::faults()) {
      if (fault.id.empty() || !(anything || is_suspect(fault))) continue;
      step_(fault.name);
      if (shows_in(fault, anywhere_ ? 0 : i, anywhere_ ? evidence_.size() : i + 1)) entry->second.push_back(&fault);
    }
    return entry->second;
  }

  bool shows_in(const faults::Fault& fault, int first, int last) {
    for (int i = first; i < last; ++i)
      if (evidence_.shows_in_some_parts({{fault.stage, fault.variant}}, i)) return true;
    return false;
  }

  Evidence& evidence_;
  const std::function<void(std::string_view)>& step_;
  const std::set<StageId>& stages_;
  std::map<std::pair<int, bool>, std::vector<const faults::Fault*>> candidates_;
  std::set<Recipe> found_;
  bool anywhere_ = false;
};

}  // namespace

NamedRecipes name_recipes(Evidence& evidence, const std::function<void(std::string_view)>& step,
                          const SearchRange& range) {
  Search search(evidence, step, range.stages);
  NamedRecipes named{.fits = {}, .largest_tried = range.least - 1};
  while (named.fits.empty() && named.largest_tried < range.most) named.fits = search.of_size(++named.largest_tried);
  if (std::ranges::any_of(named.fits, [&](const Recipe& fit) { return evidence.exact(fit); }))
    std::erase_if(named.fits, [&](const Recipe& fit) { return !evidence.exact(fit); });
  return named;
}

std::string names_of(const Recipe& recipe) {
  std::vector<std::string> names;
  for (const auto& [stage, variant] : recipe) names.push_back(faults::fault_of(stage, variant).name);
  return fmt::format("{}", fmt::join(names, " and "));
}

}  // namespace w4::cases::probe
