// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace w4::cases::report {

/// Writes a file beside `target` and renames it, so that `target` is never half written; adds a final line feed. A
/// target that is no regular file (a pipe, a device) is written directly. Throws InputError.
void write_json(const std::filesystem::path& target, const std::string& text);

/// Throws InputError when `target` cannot be written; called before long work begins. Empty and "-" are fine.
void check_writable(const std::filesystem::path& target);

}  // namespace w4::cases::report
