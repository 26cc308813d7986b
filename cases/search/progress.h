// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>

namespace w4::cases::search {

/// Receives the name of each step as it begins, for progress on stderr. One that ends with a line feed is a finding,
/// and stays there.
using Progress = std::function<void(std::string_view)>;

}  // namespace w4::cases::search
