// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/merge.h"

#include "fixtures/error.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>

namespace w4::cases::matrix {
namespace {

/// One of the results, and the file it comes from.
struct Part {
  const Results* results;
  std::string name;

  const Heading& heading() const { return results->heading; }
  const std::vector<Record>& records() const { return results->records; }
};

struct Taken {
  const Record* record;
  const Part* part;
};
using Cases = std::unordered_map<std::string_view, Taken>;

/// By shard, the fullest file of a shard first: the merge does not depend on the order of the arguments.
bool comes_before(const Part& a, const Part& b) {
  if (a.heading().shard != b.heading().shard) return a.heading().shard < b.heading().shard;
  if (a.records().size() != b.records().size()) return a.records().size() > b.records().size();
  const auto [in_a, in_b] = std::ranges::mismatch(a.records(), b.records(), {}, &Record::case_text, &Record::case_text);
  return in_a == a.records().end() ? a.name < b.name : in_a->case_text < in_b->case_text;
}

std::vector<Part> parts_of(const std::vector<Results>& results, const std::vector<std::string>& names) {
  if (results.empty()) throw InputError("nothing to merge: no result was given");
  std::vector<Part> parts;
  for (std::size_t i = 0; i < results.size(); ++i) parts.push_back({&results[i], names.at(i)});
  std::sort(parts.begin(), parts.end(), comes_before);
  return parts;
}

void check_same(const Part& a, const Part& b, const char* what, const std::string& value_a,
                const std::string& value_b) {
  if (value_a != value_b)
    throw InputError("{} and {} are not of one run: {} is {} in the one, {} in the other", a.name, b.name, what,
                     value_a, value_b);
}

void check_headings(const std::vector<Part>& parts) {
  const Heading& first = parts[0].heading();
  for (const Part& part : parts) {
    const Heading& heading = part.heading();
    check_same(parts[0], part, "the set", first.set, heading.set);
    check_same(parts[0], part, "the selection", nlohmann::json(first.selection).dump(),
               nlohmann::json(heading.selection).dump());
    check_same(parts[0], part, "the number of cases", std::to_string(first.cases), std::to_string(heading.cases));
    check_same(parts[0], part, "the number of shards", std::to_string(first.shards), std::to_string(heading.shards));
    if (heading.shard < 1 || heading.shard > heading.shards)
      throw InputError("{}: there is no shard {} of {}", part.name, heading.shard, heading.shards);
  }
}

/// Which of two records of a case in the same shard is kept.
bool says_more(const Record& a, const Record& b) {
  if (a.finding.is_null() != b.finding.is_null()) return b.finding.is_null();
  return json_of(a).dump() < json_of(b).dump();
}

void take(const Record& record, const Part& part, Cases& cases) {
  const auto [place, is_new] = cases.try_emplace(record.case_text, Taken{&record, &part});
  if (is_new) return;
  Taken& other = place->second;
  if (record.outcome != other.record->outcome)
    throw InputError("{} is {} in {} and {} in {}", record.case_text, name_of(other.record->outcome), other.part->name,
                     name_of(record.outcome), part.name);
  if (part.heading().shard != other.part->heading().shard)
    throw InputError("{} stands in shard {} ({}) and in shard {} ({})", record.case_text, other.part->heading().shard,
                     other.part->name, part.heading().shard, part.name);
  if (says_more(record, *other.record)) other = {&record, &part};
}

Cases cases_of(const std::vector<Part>& parts) {
  Cases cases;
  for (const Part& part : parts)
    for (const Record& record : part.records()) take(record, part, cases);
  return cases;
}

/// How many of the set's cases shard i of n has.
std::size_t size_of_shard(const Heading& heading, int shard) {
  const auto before = static_cast<std::size_t>(shard) - 1, shards = static_cast<std::size_t>(heading.shards);
  return heading.cases > before ? (heading.cases - before - 1) / shards + 1 : 0;
}

/// The fullest file of each shard that is there.
std::map<int, const Part*> fullest_of(const std::vector<Part>& parts) {
  std::map<int, const Part*> fullest;
  for (const Part& part : parts) fullest.try_emplace(part.heading().shard, &part);
  return fullest;
}

std::string missing_text(int first, int last, std::size_t cases) {
  return first == last ? fmt::format("shard {} ({} cases) is missing", first, cases)
                       : fmt::format("shards {} to {} ({} cases) are missing", first, last, cases);
}

void add_missing(const Heading& heading, int first, int last, std::vector<std::string>& gaps) {
  std::size_t cases = 0;
  for (int shard = first; shard <= last && size_of_shard(heading, shard) > 0; ++shard)
    cases += size_of_shard(heading, shard);
  if (cases > 0) gaps.push_back(missing_text(first, last, cases));
}

void check_whole(const std::map<int, const Part*>& fullest) {
  const Heading& heading = fullest.begin()->second->heading();
  std::vector<std::string> gaps;
  int next = 1;
  for (const auto& [shard, part] : fullest) {
    add_missing(heading, next, shard - 1, gaps);
    next = shard + 1;
    const std::size_t want = size_of_shard(heading, shard), got = part->records().size();
    if (got > want)
      throw InputError("{} holds {} cases, shard {} of {} has {}", part->name, got, shard, heading.shards, want);
    if (got < want) gaps.push_back(fmt::format("shard {} ({}) holds {} of its {} cases", shard, part->name, got, want));
  }
  add_missing(heading, next, heading.shards, gaps);
  if (!gaps.empty())
    throw InputError("the result of {} cases in {} shards has gaps: {}", heading.cases, heading.shards,
                     fmt::join(gaps, "; "));
}

/// The set's order: the first case of each shard, then the second of each.
std::vector<Record> interleaved(const std::map<int, const Part*>& fullest, const Cases& cases) {
  std::vector<Record> records;
  const std::size_t total = fullest.begin()->second->heading().cases;
  for (std::size_t j = 0; records.size() < total; ++j)
    for (const auto& [shard, part] : fullest)
      if (j < part->records().size()) records.push_back(*cases.at(part->records()[j].case_text).record);
  return records;
}

/// A partial file of a shard may hold no case that the full one lacks.
void check_no_others(const std::vector<Part>& parts, const std::map<int, const Part*>& fullest) {
  std::unordered_map<std::string_view, int> known;
  for (const auto& [shard, part] : fullest)
    for (const Record& record : part->records()) known.emplace(record.case_text, shard);
  for (const Part& part : parts)
    for (const Record& record : part.records())
      if (!known.contains(record.case_text))
        throw InputError("{}, of shard {}, stands in {} but not in {}, which holds all of that shard", record.case_text,
                         part.heading().shard, part.name, fullest.at(part.heading().shard)->name);
}

}  // namespace

Results merged(const std::vector<Results>& results, const std::vector<std::string>& names) {
  const std::vector<Part> parts = parts_of(results, names);
  check_headings(parts);
  const Cases cases = cases_of(parts);
  const std::map<int, const Part*> fullest = fullest_of(parts);
  check_whole(fullest);
  check_no_others(parts, fullest);
  Heading heading = parts[0].heading();
  heading.shard = heading.shards = 1;
  std::vector<MadeWith> made;
  for (const Part& part : parts) made.push_back(part.heading().made);
  heading.made = joined_made(made);
  return {.heading = heading, .records = interleaved(fullest, cases)};
}

std::string versions_text(const std::vector<Record>& records) {
  std::map<std::string, std::set<std::string>> versions;
  const auto add = [&](const Record& record, const char* what, const std::string& of) {
    if (const auto sum = record.made_with.find(what); sum != record.made_with.end()) versions[of].insert(sum->second);
  };
  for (const Record& record : records) {
    add(record, "kernel", record.case_text.substr(record.case_text.find('@') + 1));
    for (const char* what : {"program", "fixture"}) add(record, what, std::string("the ") + what);
  }
  std::vector<std::string> parts;
  for (const auto& [what, sums] : versions)
    if (sums.size() > 1) parts.push_back(fmt::format("{} versions of {}", sums.size(), what));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace w4::cases::matrix
