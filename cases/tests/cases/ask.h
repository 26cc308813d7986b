// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/search/bisect.h"

#include <string>
#include <vector>

namespace w4::test {

/// The options of a command line; shipped fixtures go by their folder's name.
cases::Options options_of(const std::string& command);

/// What bisect finds on a path that does things as the faults named in `planted` do.
cases::report::Report ask(const std::string& command, const std::vector<std::string>& planted = {});

}  // namespace w4::test
