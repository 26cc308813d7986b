// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/reports.h"
#include "fixtures/text.h"

#include <fmt/format.h>
#include <pugixml.hpp>

#include <cmath>
#include <map>
#include <sstream>

namespace w4::cases::matrix {
namespace {

/// What JUnit calls an outcome: the name of its element, or nullptr where a test case without one is a pass.
const char* element_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass: return nullptr;
    case Outcome::fail:
    case Outcome::flaky: return "failure";
    case Outcome::crashed:
    case Outcome::timed_out:
    case Outcome::unreadable: return "error";
    case Outcome::unsupported:
    case Outcome::skipped: return "skipped";
  }
  return "error";
}

void set(pugi::xml_node node, const char* attribute, std::string_view text) {
  node.append_attribute(attribute).set_value(shown(text).c_str());
}

double sound(double seconds) { return std::isfinite(seconds) && seconds > 0 ? seconds : 0; }

/// A decimal number without an exponent, which xs:decimal does not have.
void set_time(pugi::xml_node node, double seconds) { set(node, "time", fmt::format("{:.6f}", seconds)); }

/// The element inside a test case.
struct Mark {
  const char* element = nullptr;                   // nullptr: nothing, it is a pass
  std::string message = {}, type = {}, text = {};  // the text in lines of text_line()
};

Mark mark_of(const Record& record) {
  const std::string type(name_of(record.outcome));
  return {.element = element_of(record.outcome),
          .message = record.reason.empty() ? type : record.reason,
          .type = type,
          .text = is_red(record.outcome) ? finding_text(record) : ""};
}

/// The news of each case, and the known failures. A red case keeps its element; its news comes first in the text.
class Against {
 public:
  explicit Against(const News* news) {
    if (news == nullptr) return;
    for (const NewsItem& item : news->items) items_[item.case_text].push_back(&item);
    for (const Record& record : news->known_failures) known_.emplace(record.case_text, &*record.known);
  }

  Mark mark(const Record& record) const {
    Mark plain = mark_of(record);
    if (const auto known = known_.find(record.case_text); known != known_.end())
      return {.element = "skipped", .message = known_text(plain.type, *known->second), .type = "known"};
    const auto found = items_.find(record.case_text);
    if (found == items_.end()) return plain;
    const Mark news = mark_on(found->second);
    if (!is_red(record.outcome)) return news;
    plain.text = news.text + plain.text;
    return plain;
  }

  /// Cases that the result lacks: news without a record.
  std::vector<std::pair<std::string, Mark>> gone() const {
    std::vector<std::pair<std::string, Mark>> cases;
    for (const auto& [name, items] : items_)
      if (items[0]->kind == NewsKind::case_gone) cases.emplace_back(name, mark_on(items));
    return cases;
  }

 private:
  using Items = std::vector<const NewsItem*>;

  static Mark mark_on(const Items& items) {
    Mark mark{.element = "failure", .message = items[0]->text, .type = std::string(name_of(items[0]->kind))};
    for (const NewsItem* item : items) mark.text += text_line("{}: {}", name_of(item->kind), item->text);
    return mark;
  }

  std::map<std::string_view, Items> items_;
  std::map<std::string_view, const Known*> known_;
};

struct TestCase {
  std::string name;
  double seconds = 0;
  Mark mark;
};

std::vector<TestCase> test_cases(const Results& results, const News* news) {
  const Against against(news);
  std::vector<TestCase> cases;
  for (const Record& record : results.records)
    cases.push_back({record.case_text, sound(record.seconds), against.mark(record)});
  for (auto& [name, mark] : against.gone()) cases.push_back({name, 0, std::move(mark)});
  return cases;
}

struct Totals {
  std::size_t failures = 0, errors = 0, skipped = 0;
  double seconds = 0;
};

Totals totals_of(const std::vector<TestCase>& cases) {
  Totals totals;
  for (const TestCase& test : cases) {
    const std::string_view element = test.mark.element ? test.mark.element : "";
    totals.failures += element == "failure";
    totals.errors += element == "error";
    totals.skipped += element == "skipped";
    totals.seconds += test.seconds;
  }
  return totals;
}

void set_totals(pugi::xml_node node, std::size_t tests, const Totals& totals) {
  set(node, "tests", std::to_string(tests));
  set(node, "failures", std::to_string(totals.failures));
  set(node, "errors", std::to_string(totals.errors));
}

void add_properties(pugi::xml_node suite, const MadeWith& made) {
  if (made.empty()) return;
  pugi::xml_node properties = suite.append_child("properties");
  for (const auto& [name, value] : made) {
    pugi::xml_node property = properties.append_child("property");
    set(property, "name", name);
    set(property, "value", value);
  }
}

void add_case(pugi::xml_node suite, const std::string& set_name, const TestCase& test) {
  pugi::xml_node node = suite.append_child("testcase");
  set(node, "name", test.name);
  set(node, "classname", set_name);
  set_time(node, test.seconds);
  if (test.mark.element == nullptr) return;
  pugi::xml_node mark = node.append_child(test.mark.element);
  set(mark, "message", test.mark.message);
  set(mark, "type", test.mark.type);
  if (!test.mark.text.empty()) mark.text().set(test.mark.text.c_str());
}

}  // namespace

std::string junit_of(const Results& results, const News* news) {
  const std::vector<TestCase> cases = test_cases(results, news);
  const Totals totals = totals_of(cases);
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("testsuites");
  set(root, "name", "matrix");
  set_totals(root, cases.size(), totals);
  set_time(root, totals.seconds);
  pugi::xml_node suite = root.append_child("testsuite");
  set(suite, "name", results.heading.set);
  set_totals(suite, cases.size(), totals);
  set(suite, "skipped", std::to_string(totals.skipped));
  set_time(suite, totals.seconds);
  add_properties(suite, made_of(results));
  for (const TestCase& test : cases) add_case(suite, results.heading.set, test);
  std::ostringstream out;
  document.save(out, "  ", pugi::format_default, pugi::encoding_utf8);
  return out.str();
}

}  // namespace w4::cases::matrix
