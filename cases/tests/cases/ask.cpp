// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/cases/ask.h"

#include "cases/faults/faults.h"

#include <algorithm>
#include <sstream>

namespace w4::test {

cases::Options options_of(const std::string& command) {
  std::istringstream words(command);
  std::vector<std::string> arguments = {"bisect"};
  for (std::string word; words >> word;) {
    const bool shipped = arguments.back() == "--fixture" && word.find('/') == std::string::npos;
    arguments.push_back(shipped ? std::string(W4_SOURCE_DIR) + "/fixtures/data/" + word : word);
  }
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  cases::Options options = cases::parse_options(static_cast<int>(argv.size()), argv.data());
  options.effort.seconds = 0;  // a slow build takes ten times as long, and is to come to the same end
  return options;
}

cases::report::Report ask(const std::string& command, const cases::OwnPath& path) {
  const cases::Options options = options_of(command);
  return cases::search::bisect(cases::prepare(options.request), path, options, kQuiet);
}

cases::report::Report ask(const std::string& command, const std::vector<std::string>& planted) {
  return ask(command, cases::OwnPath(cases::faults::recipe_of_faults(planted)));
}

cases::report::Report report_of(const std::string& command) { return cases::report_on(options_of(command), kQuiet); }

std::vector<std::string> faults_of(const cases::report::Report& report) {
  std::vector<std::string> faults;
  for (const cases::report::Culprit& culprit : report.culprits) faults.push_back(culprit.fault);
  std::ranges::sort(faults);
  return faults;
}

std::string evidence_of(const cases::report::Report& report) {
  std::string text;
  for (const cases::report::Culprit& culprit : report.culprits)
    for (const std::string& line : culprit.evidence) text += line + "\n";
  return text;
}

bool says(const cases::report::Report& report, const std::string& words) {
  return evidence_of(report).find(words) != std::string::npos;
}

}  // namespace w4::test
