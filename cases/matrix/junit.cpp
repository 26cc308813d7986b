// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/junit.h"

#include "cases/matrix/clean_text.h"
#include "cases/matrix/finding_text.h"

#include <fmt/format.h>
#include <pugixml.hpp>

#include <cmath>
#include <sstream>

namespace w4::cases {
namespace {

/// What JUnit calls an outcome: the name of its element, or nullptr where a test case without one is a pass.
const char* element_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass: return nullptr;
    case Outcome::fail:
    case Outcome::flaky: return "failure";
    case Outcome::crashed:
    case Outcome::timed_out: return "error";
    case Outcome::unsupported:
    case Outcome::skipped: return "skipped";
  }
  return "error";
}

void set(pugi::xml_node node, const char* attribute, std::string_view text) {
  node.append_attribute(attribute).set_value(clean_text(text).c_str());
}

double sound(double seconds) { return std::isfinite(seconds) && seconds > 0 ? seconds : 0; }

/// A decimal number without an exponent, which xs:decimal does not have.
void set_time(pugi::xml_node node, double seconds) { set(node, "time", fmt::format("{:.6f}", seconds)); }

struct Totals {
  std::size_t failures = 0, errors = 0, skipped = 0;
  double seconds = 0;
};

Totals totals_of(const std::vector<Record>& records) {
  Totals totals;
  for (const Record& record : records) {
    const std::string_view element = element_of(record.outcome) ? element_of(record.outcome) : "";
    totals.failures += element == "failure";
    totals.errors += element == "error";
    totals.skipped += element == "skipped";
    totals.seconds += sound(record.seconds);
  }
  return totals;
}

void set_totals(pugi::xml_node node, std::size_t tests, const Totals& totals) {
  set(node, "tests", std::to_string(tests));
  set(node, "failures", std::to_string(totals.failures));
  set(node, "errors", std::to_string(totals.errors));
}

std::string_view reason_of(const Record& record) {
  return record.reason.empty() ? name_of(record.outcome) : std::string_view(record.reason);
}

void add_outcome(pugi::xml_node test, const Record& record) {
  const char* element = element_of(record.outcome);
  if (element == nullptr) return;
  pugi::xml_node node = test.append_child(element);
  set(node, "message", reason_of(record));
  set(node, "type", name_of(record.outcome));
  if (is_red(record.outcome)) node.text().set(clean_text(finding_text(record)).c_str());
}

void add_case(pugi::xml_node suite, const std::string& set_name, const Record& record) {
  pugi::xml_node test = suite.append_child("testcase");
  set(test, "name", record.case_text);
  set(test, "classname", set_name);
  set_time(test, sound(record.seconds));
  add_outcome(test, record);
}

}  // namespace

std::string junit_of(const Results& results) {
  const Totals totals = totals_of(results.records);
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("testsuites");
  set(root, "name", "matrix");
  set_totals(root, results.records.size(), totals);
  set_time(root, totals.seconds);
  pugi::xml_node suite = root.append_child("testsuite");
  set(suite, "name", results.heading.set);
  set_totals(suite, results.records.size(), totals);
  set(suite, "skipped", std::to_string(totals.skipped));
  set_time(suite, totals.seconds);
  for (const Record& record : results.records) add_case(suite, results.heading.set, record);
  std::ostringstream out;
  document.save(out, "  ", pugi::format_default, pugi::encoding_utf8);
  return out.str();
}

}  // namespace w4::cases
