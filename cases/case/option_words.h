// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"

#include <string>
#include <vector>

namespace w4::cases {

/// The words of the command line, not yet parsed.
struct Words {
  std::string mode, group, case_text, shape, kernel, packed, workspace, dtype, block_tile, per_column, trust, rounding;
  std::vector<std::string> inject, settings, sanitize, cuts;
  bool black_box = false, no_color = false;
};

/// Declares the options of bisect; those that need no check of their own are parsed into `options`.
void declare_options(CLI::App& app, Words& words, Options& options);

}  // namespace w4::cases
