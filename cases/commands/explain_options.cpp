// SPDX-License-Identifier: Apache-2.0
#include "cases/commands/explain_options.h"

#include "cases/case/install_paths.h"
#include "fixtures/error.h"

#include <CLI/CLI.hpp>

#include <charconv>

namespace w4::cases {
namespace {

constexpr const char* kAbout =
    "Traces one output, or one weight, from the checkpoint to the register: what it should be, what is used, where it "
    "lies in the packed tensors, who loads it, and where a wrong part came from.\n\n"
    "explain M N MODE GROUP             output (m, n)\n"
    "explain --weight K N MODE GROUP    the weight that column k of A meets in column n\n\n"
    "Exit: 0 right, 1 wrong, 125 cannot be tested here, 129 bad input.";

int index_of(const char* name, const std::string& word) {
  int index = 0;
  const char* end = word.data() + word.size();
  const auto [last, error] = std::from_chars(word.data(), end, index);
  if (error != std::errc() || last != end || index < 0)
    throw InputError("{} {}: a number from 0 up is expected", name, word.empty() ? "is missing" : word);
  return index;
}

void check_meant_for_explain(const Options& options) {
  const auto* kernel = std::get_if<asked::Kernel>(&options.asked);
  const bool for_launches = kernel && (!kernel->workspace.empty() || !kernel->sanitize.empty());
  if (options.effort.toggles || options.outputs.list_faults || for_launches || is_black_box(options.asked) ||
      options.effort.sweep)
    throw InputError("--toggles, --list-faults, --workspace, --sanitize, --black-box and --sweep are for bisect");
  if (!options.outputs.html.empty()) throw InputError("--html is for bisect");
}

}  // namespace

ExplainOptions parse_explain_options(int argc, char** argv) {
  ExplainOptions options;
  std::string row, column;
  explain::Traced& question = options.question;
  const Command command = {.name = "explain",
                           .about = kAbout,
                           .example = "explain 0 3 b 128",
                           .declare =
                               [&](CLI::App& app) {
                                 app.add_option("ROW", row, "m, or k with --weight");
                                 app.add_option("COLUMN", column, "n");
                                 app.add_flag("--weight", question.weight, "trace a weight, not an output");
                                 app.add_flag("--all", question.all, "print every term, not the first 20");
                               },
                           .check =
                               [&] {
                                 question.row = index_of(question.weight ? "K" : "M", row);
                                 question.n = index_of("N", column);
                               }};
  options.shared = parse_options(argc, argv, command);
  check_meant_for_explain(options.shared);
  return options;
}

std::string command_line(const ExplainOptions& options) {
  const std::string bisect = launcher() + " ";
  const explain::Traced& question = options.question;
  return fmt::format("{}explain {}{} {} {}{}", bisect, question.weight ? "--weight " : "", question.row, question.n,
                     command_line(options.shared).substr(bisect.size()), question.all ? " --all" : "");
}

}  // namespace w4::cases
