// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/selection.h"

#include "cases/matrix/case_filter.h"
#include "cases/matrix/sets.h"
#include "fixtures/error.h"

#include <fnmatch.h>

namespace w4::cases::matrix {
namespace {

bool fits(const std::string& glob, const std::string& text) { return ::fnmatch(glob.c_str(), text.c_str(), 0) == 0; }

/// Cases that match one of the globs.
std::vector<CaseId> by_globs(const std::vector<CaseId>& cases, const std::vector<std::string>& globs) {
  if (globs.empty()) return cases;
  std::vector<bool> used(globs.size());
  std::vector<CaseId> out;
  for (const CaseId& id : cases) {
    bool any = false;
    for (std::size_t i = 0; i < globs.size(); ++i) {
      if (!fits(globs[i], id.text())) continue;
      any = used[i] = true;
    }
    if (any) out.push_back(id);
  }
  for (std::size_t i = 0; i < globs.size(); ++i)
    if (!used[i]) throw InputError("--only '{}' fits none of {} cases; --list prints them", globs[i], cases.size());
  return out;
}

}  // namespace

std::vector<CaseId> selected(const Selection& selection) {
  std::vector<Axes> products = products_of(selection.set);
  for (Axes& axes : products)
    for (const std::string& axis : selection.axes) set_axis(axis, axes);
  std::vector<CaseId> cases = cases_of(products);
  if (cases.empty()) throw InputError("set {} with these axes has no case: no group divides K", selection.set);
  for (const std::string& text : selection.where) {
    const auto holds = parse_where(text);
    const std::size_t before = cases.size();
    std::erase_if(cases, [&](const CaseId& id) { return !holds(id); });
    if (cases.empty()) throw InputError("--where '{}' holds for none of {} cases; --list prints them", text, before);
  }
  return by_globs(cases, selection.globs);
}

std::vector<CaseId> shard_of(const std::vector<CaseId>& cases, int shard, int shards) {
  std::vector<CaseId> out;
  for (std::size_t i = static_cast<std::size_t>(shard - 1); i < cases.size(); i += static_cast<std::size_t>(shards))
    out.push_back(cases[i]);
  return out;
}

}  // namespace w4::cases::matrix
