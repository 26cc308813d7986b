// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/cases/ask.h"

#include "cases/faults/faults.h"

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
  return cases::parse_options(static_cast<int>(argv.size()), argv.data());
}

cases::report::Report ask(const std::string& command, const std::vector<std::string>& planted) {
  const cases::Options options = options_of(command);
  const cases::Prepared prepared = cases::prepare(options.request);
  return cases::search::bisect(prepared, cases::OwnPath(cases::faults::recipe_of_faults(planted)), options,
                               [](std::string_view) {});
}

}  // namespace w4::test
