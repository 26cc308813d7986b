// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/merge.h"
#include "cases/tests/cases/matrix/made_results.h"
#include "cases/tests/fixtures/scratch.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace w4;
using namespace w4::cases;
using namespace w4::cases::matrix;
using fixtures::test::error_of;

namespace {

Results whole_of(int cases) {
  std::vector<Record> records;
  for (int i = 0; i < cases; ++i) records.push_back(i % 5 == 3 ? failed(i) : passed(i));
  return result_of(std::move(records));
}

/// Shards, and files named a, b, ...
struct Files {
  std::vector<Results> results;
  std::vector<std::string> names = {};

  explicit Files(std::vector<Results> all) : results(std::move(all)) {
    for (std::size_t i = 0; i < results.size(); ++i) names.push_back(std::string(1, static_cast<char>('a' + i)));
  }
  Files in_order(const std::vector<std::size_t>& order) const {
    Files files({});
    for (const std::size_t i : order) {
      files.results.push_back(results[i]);
      files.names.push_back(names[i]);
    }
    return files;
  }
  std::string text() const { return text_of(merged(results, names)); }
  std::string error() const {
    return error_of([&] { merged(results, names); });
  }
};

Files shards_of(const Results& whole, int shards) {
  std::vector<Results> results;
  for (int i = 1; i <= shards; ++i) results.push_back(shard_of(whole, i, shards));
  return Files(std::move(results));
}

}  // namespace

TEST_CASE("merge: shards joined in any order are the whole result to the byte") {
  const Results whole = whole_of(11);
  const Files files = shards_of(whole, 4);
  std::vector<std::size_t> order = {0, 1, 2, 3};
  do CHECK(files.in_order(order).text() == text_of(whole));
  while (std::ranges::next_permutation(order).found);
}

TEST_CASE("merge: more shards than cases leave nothing out") {
  const Results whole = whole_of(2);
  const Files files = shards_of(whole, 4);
  CHECK(files.text() == text_of(whole));
  CHECK(files.in_order({1, 0}).text() == text_of(whole));  // shards 3 and 4 have no case to miss
}

TEST_CASE("merge: a missing shard and an unfinished one are named with their cases") {
  const Files files = shards_of(whole_of(11), 4);
  CHECK(files.in_order({0, 3}).error() ==
        "the result of 11 cases in 4 shards has gaps: shards 2 to 3 (6 cases) are missing");
  CHECK(files.in_order({0, 1, 2}).error() ==
        "the result of 11 cases in 4 shards has gaps: shard 4 (2 cases) is missing");
  Files unfinished = files.in_order({1, 2, 3});
  unfinished.results[1].records.pop_back();
  CHECK(
      unfinished.error() ==
      "the result of 11 cases in 4 shards has gaps: shard 1 (3 cases) is missing; shard 3 (c) holds 2 of its 3 cases");
  CHECK(Files({}).error() == "nothing to merge: no result was given");
}

TEST_CASE("merge: a shard count that no machine has is answered at once") {
  Files files = shards_of(whole_of(3), 1);
  files.results[0].heading.shards = 2'000'000'000;
  files.results[0].records.resize(1);
  CHECK(files.error() ==
        "the result of 3 cases in 2000000000 shards has gaps: shards 2 to 2000000000 (2 cases) are missing");
  files.results[0].heading.shard = 0;
  CHECK(files.error() == "a: there is no shard 0 of 2000000000");
}

TEST_CASE("merge: a case with two outcomes is a contradiction that names both files") {
  Files files = shards_of(whole_of(8), 2);
  files.results.push_back(files.results[0]);
  files.names.push_back("again");
  CHECK(files.text() == text_of(whole_of(8)));
  files.results[2].records[1].outcome = Outcome::crashed;
  const std::string message = case_number(2) + " is pass in a and crashed in again";
  CHECK(files.error() == message);
  CHECK(files.in_order({2, 1, 0}).error() == message);
}

TEST_CASE("merge: a case in two shards is a contradiction") {
  Files files = shards_of(whole_of(8), 2);
  files.results[1].records[0] = files.results[0].records[2];
  CHECK(files.error() == case_number(4) + " stands in shard 1 (a) and in shard 2 (b)");
}

TEST_CASE("merge: results of different runs are not joined") {
  const Files files = shards_of(whole_of(8), 2);
  Files other = files;
  other.results[1].heading.set = "smoke";
  CHECK(other.error() == "a and b are not of one run: the set is ci in the one, smoke in the other");
  other = files;
  other.results[1].heading.selection = {"--only *g32*"};
  CHECK(other.error() ==
        R"(a and b are not of one run: the selection is [] in the one, ["--only *g32*"] in the other)");
  other = files;
  other.results[1].heading.cases = 9;
  CHECK(other.error() == "a and b are not of one run: the number of cases is 8 in the one, 9 in the other");
  other = files;
  other.results[1].heading.shards = 3;
  CHECK(other.error() == "a and b are not of one run: the number of shards is 2 in the one, 3 in the other");
}

TEST_CASE("merge: a shard with more cases than it can have is refused") {
  Files files = shards_of(whole_of(8), 2);
  files.results[0].records.push_back(passed(100));
  CHECK(files.error() == "a holds 5 cases, shard 1 of 2 has 4");
}

TEST_CASE("merge: of two files of a shard one may be unfinished but holds nothing else") {
  Files files = shards_of(whole_of(8), 2);
  files.results.push_back(files.results[1]);
  files.names.push_back("first-try");
  files.results[2].records.pop_back();
  for (const std::vector<std::size_t>& order : {std::vector<std::size_t>{0, 1, 2}, {2, 1, 0}, {2, 0, 1}})
    CHECK(files.in_order(order).text() == text_of(whole_of(8)));
  files.results[2].records[0] = passed(100);
  CHECK(files.error() ==
        case_number(100) + ", of shard 2, stands in first-try but not in b, which holds all of that shard");
}

TEST_CASE("merge: of two equal outcomes the one with a finding is kept whatever the order") {
  Files files = shards_of(whole_of(8), 2);
  files.results.push_back(files.results[1]);
  files.names.push_back("no-bisect");
  for (Record& record : files.results[2].records) {
    record.finding = nullptr;
    record.seconds = 0.01;
  }
  Results want = whole_of(8);
  for (std::size_t i = 1; i < 8; i += 2)
    if (want.records[i].outcome == Outcome::pass) want.records[i].seconds = 0.01;  // the text that comes first
  CHECK(files.text() == text_of(want));
  CHECK(files.in_order({2, 1, 0}).text() == text_of(want));
}

TEST_CASE("made with: results of different versions say how many there are") {
  std::vector<Record> records = {passed(0), passed(1), passed(2)};
  CHECK(versions_text(records).empty());
  for (Record& record : records) {
    record.case_text += "@plugin:./k.so";
    record.made_with = {{"kernel", "a"}, {"program", "b"}};
  }
  CHECK(versions_text(records).empty());
  records[1].made_with["kernel"] = "c";
  CHECK(versions_text(records) == "2 versions of plugin:./k.so");
  records[2].made_with = {{"kernel", "d"}, {"program", "e"}};
  CHECK(versions_text(records) == "3 versions of plugin:./k.so, 2 versions of the program");
}

TEST_CASE("merge: the whole says what all shards were made with") {
  Files files({shard_of(whole_of(4), 1, 2), shard_of(whole_of(4), 2, 2)});
  files.results[0].heading.made = {{"host", "b"}, {"date", "2026-01-02T00:00:00Z"}, {"commit", "c"}};
  files.results[1].heading.made = {{"host", "a"}, {"date", "2026-01-01T00:00:00Z"}, {"commit", "c"}};
  const MadeWith made = {{"host", "a; b"}, {"date", "2026-01-02T00:00:00Z"}, {"commit", "c"}};
  CHECK(merged(files.results, files.names).heading.made == made);
  CHECK(files.text() == files.in_order({1, 0}).text());
}
