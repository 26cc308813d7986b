// SPDX-License-Identifier: Apache-2.0
// shrink MODE GROUP [options of bisect] -o FOLDER: the smallest case that fails the same way. See --help.
#include "cases/commands/main.h"
#include "cases/commands/signals.h"
#include "cases/shrink/reproducer.h"
#include "cases/shrink/shrink_case.h"
#include "fixtures/error.h"
#include "fixtures/terminal.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <cstdlib>

namespace {

using namespace w4;
using namespace w4::cases;
namespace fs = std::filesystem;

constexpr const char* kHelp =
    R"(shrink MODE GROUP [options of bisect] -o FOLDER

Makes a case on which bisect finds a failure smaller, as long as bisect finds
the same one: fewer rows, groups and columns, no bias, no act-order, then plain
values. Writes what is left as a fixture, with the command that asks bisect for
it.

  -o FOLDER             the fixture: a folder that does not exist yet, or is
                        empty
  --reproducer FOLDER   a program of one file that shows the failure of any
                        plug-in without w4bisect
  --budget N            runs of bisect at most (default 400)

MODE, GROUP and all other options are those of bisect, which bisect --help
lists.

SIGINT or SIGTERM ends the search after the run of bisect that it is at, and the
smallest case until then is written; a second one ends the program.

Exit: 0 the fixture is written and fails the same way, 125 there is nothing to
shrink (a match) or it cannot be tested here, 129 bad input.
)";

/// The options of shrink; all others go to bisect's parser.
struct OwnOptions {
  fs::path output;
  fs::path reproducer;
  int budget = shrink::kDefaultBudget;
  std::vector<char*> rest;
};

int parse_budget(const std::string& text) {
  int budget = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), budget);
  if (error == std::errc() && end == text.data() + text.size() && budget > 0) return budget;
  throw InputError("--budget {}: a positive number is expected", text);
}

/// The value of `name` at argv[i], as "name value" or "name=value"; i moves on to it.
std::optional<std::string> value_at(int argc, char** argv, int& i, const std::string& name) {
  const std::string word = argv[i];
  if (word.starts_with(name + "=")) return word.substr(name.size() + 1);
  if (word != name) return std::nullopt;
  if (++i == argc) throw InputError("{}: a value is expected behind it", name);
  return argv[i];
}

OwnOptions own_options(int argc, char** argv) {
  OwnOptions own;
  for (int i = 0; i < argc; ++i) {
    if (const std::string word = argv[i]; word == "--help" || word == "-h") {
      fmt::print("{}", kHelp);
      std::exit(kMatch);
    }
    if (const auto output = value_at(argc, argv, i, "-o"))
      own.output = *output;
    else if (const auto folder = value_at(argc, argv, i, "--reproducer"))
      own.reproducer = *folder;
    else if (const auto budget = value_at(argc, argv, i, "--budget"))
      own.budget = parse_budget(*budget);
    else
      own.rest.push_back(argv[i]);
  }
  if (own.output.empty()) throw InputError("-o FOLDER is missing: where the fixture is written; see --help");
  return own;
}

/// Checked before the search begins. An empty folder is allowed: it is removed before the new one is renamed to it.
void make_way(const fs::path& folder) {
  if (!fs::exists(fs::symlink_status(folder))) {
    const fs::path to = folder.has_filename() ? folder : folder.parent_path();
    if (to.has_parent_path() && !fs::is_directory(to.parent_path()))
      throw InputError("{}: no such folder to write {} into", to.parent_path().string(), to.filename().string());
    return;
  }
  if (!fs::is_directory(folder)) throw InputError("{}: is no folder, nothing is overwritten", folder.string());
  if (!fs::is_empty(folder)) throw InputError("{}: is not empty, nothing is overwritten", folder.string());
}

void remove_empty(const fs::path& folder) {
  std::error_code ignored;
  if (fs::is_directory(folder)) fs::remove(folder, ignored);  // not remove_all: a file that appeared meanwhile stays
}

void check_options(const Options& options, const OwnOptions& own) {
  if (options.effort.toggles || options.outputs.list_faults || !options.outputs.json.empty())
    throw InputError("--toggles, --list-faults and --json are for bisect alone");
  if (!options.outputs.html.empty()) throw InputError("--html is for bisect alone");
  make_way(own.output);
  if (own.reproducer.empty()) return;
  make_way(own.reproducer);
  const auto place = [](const fs::path& folder) { return fs::weakly_canonical(fs::absolute(folder) / ""); };
  if (place(own.output) == place(own.reproducer))
    throw InputError("-o and --reproducer are both {}", own.output.string());
}

int run(int argc, char** argv) {
  OwnOptions own = own_options(argc, argv);
  const Options options = parse_options(static_cast<int>(own.rest.size()), own.rest.data());
  check_options(options, own);
  const search::Progress progress = progress_to_stderr("shrink", options.outputs.quiet);
  const shrink::ShrunkCase shrunk = shrink::shrink_case(options, own.budget, progress, interrupted);
  remove_empty(own.output);
  const report::Report report = shrink::write_shrunk(shrunk, own.output, progress);
  if (!own.reproducer.empty()) {
    remove_empty(own.reproducer);
    shrink::write_reproducer(shrunk, own.reproducer);
  }
  progress("");
  print(shrink::text_of(shrunk, own.output, own.reproducer, report));
  return kMatch;
}

}  // namespace

int main(int argc, char** argv) { return w4::cases::run_program("shrink", argc, argv, run); }
