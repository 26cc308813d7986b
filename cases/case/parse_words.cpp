// SPDX-License-Identifier: Apache-2.0
#include "cases/case/options.h"
#include "cases/faults/faults.h"
#include "fixtures/error.h"
#include "fixtures/terminal.h"

#include <CLI/CLI.hpp>

#include <cstdlib>

namespace w4::cases {
void parse_words(CLI::App& app, const std::function<void()>& parse) {
  app.set_version_flag("--version", "w4bisect " W4_VERSION, "print the version");
  try {
    parse();
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", wrapped(app.help(), kHelpColumns));
    std::exit(kMatch);
  } catch (const CLI::CallForVersion& version) {
    std::exit(app.exit(version));
  } catch (const CLI::ExtrasError& error) {
    std::vector<std::string> known;
    for (const CLI::Option* option : app.get_options()) known.push_back(option->get_name());
    const std::vector<std::string> rest = app.remaining(true);  // of subcommands too
    const std::string word = rest.empty() ? "" : rest.front();
    throw InputError("unknown option '{}'{}; --help prints all", word, faults::did_you_mean(word, known));
  } catch (const CLI::RequiredError& error) {
    throw InputError("{}; --help prints all", error.what());
  } catch (const CLI::ParseError& error) {
    throw InputError("{}", error.what());
  }
}

}  // namespace w4::cases
