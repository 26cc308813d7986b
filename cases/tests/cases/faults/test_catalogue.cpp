// SPDX-License-Identifier: Apache-2.0
// The catalogue against what is planted: nothing promised that is not there, nothing there that is not in it.

#include "cases/faults/catalogue.h"

#include "cases/faults/faults.h"
#include "cases/faults/run_faults.h"
#include "cases/tests/cases/planted.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

using namespace w4;
using namespace w4::cases;

namespace {

std::set<std::string_view> ids_of_catalogue() {
  std::set<std::string_view> ids(faults::own_ids().begin(), faults::own_ids().end());
  for (const faults::CatalogueRow& row : faults::catalogue()) ids.insert(row.known_as.begin(), row.known_as.end());
  return ids;
}

}  // namespace

TEST_CASE("catalogue: its 86 rows are in order and no id stands in two") {
  std::size_t known = faults::own_ids().size();
  int number = 0;
  for (const faults::CatalogueRow& row : faults::catalogue()) {
    CHECK(row.number == ++number);
    CHECK_FALSE(row.known_as.empty());
    known += row.known_as.size();
  }
  CHECK(number == 86);
  CHECK(ids_of_catalogue().size() == known);
}

TEST_CASE("catalogue: a row is planted or named by a rule or says why it is neither") {
  for (const faults::CatalogueRow& row : faults::catalogue()) {
    CAPTURE(std::string(row.id));
    const faults::CataloguePlace place = faults::place_of(row);
    const bool here = place == faults::CataloguePlace::planted || place == faults::CataloguePlace::run_rule;
    CHECK(row.otherwise.empty() == here);
    if (here) continue;
    for (const std::string_view id : row.known_as) {  // not half there either
      CHECK(std::none_of(faults::faults().begin(), faults::faults().end(),
                         [&](const faults::Fault& fault) { return fault.id == id; }));
      CHECK(std::none_of(faults::run_faults().begin(), faults::run_faults().end(),
                         [&](const faults::RunFault& f) { return f.id == id; }));
    }
  }
}

TEST_CASE("catalogue: whatever is planted or named by a rule is in it or among the ids of our own") {
  const std::set<std::string_view> ids = ids_of_catalogue();
  std::set<std::string_view> here;
  for (const faults::Fault& fault : faults::faults())
    if (!fault.id.empty()) here.insert(fault.id);
  for (const faults::RunFault& fault : faults::run_faults()) here.insert(fault.id);
  for (const std::string_view id : here) {
    CAPTURE(std::string(id));
    CHECK(ids.contains(id));
  }
  for (const std::string_view id : faults::own_ids()) {
    CAPTURE(std::string(id));
    CHECK(here.contains(id));
  }
}

TEST_CASE("catalogue: every fault that can be planted has a case on which it must be named") {
  for (const faults::Fault& fault : faults::faults()) {
    if (fault.id.empty()) continue;
    CAPTURE(fault.name);
    CHECK(std::any_of(test::kPlanted.begin(), test::kPlanted.end(),
                      [&](const test::Planted& row) { return fault.name == row.inject; }));
  }
}
