// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/explain/explain.h"

namespace w4::cases {

struct ExplainOptions {
  Options shared;
  explain::Traced question;
};

/// Parses the command line of `explain`: [--weight] ROW COLUMN MODE GROUP and the options of bisect that choose a path.
/// Throws InputError; prints the help and exits 0 for --help.
ExplainOptions parse_explain_options(int argc, char** argv);

/// "./bisect explain 0 3 b 128": the command that repeats the trace.
std::string command_line(const ExplainOptions& options);

}  // namespace w4::cases
