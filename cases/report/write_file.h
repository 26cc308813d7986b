// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace w4::cases::report {

/// Writes beside `target` and renames, so that nothing is half written; the text ends with a line feed. What is no
/// regular file (a pipe, a device) is written as it is. Throws InputError.
void write_json(const std::filesystem::path& target, const std::string& text);

/// Tried before anything long begins, so that an unwritable file is said at once. Throws InputError; empty and "-" are
/// fine.
void check_writable(const std::filesystem::path& target);

}  // namespace w4::cases::report
