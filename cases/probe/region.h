// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace w4::cases::probe {

/// Some of the indices 0..n-1 in words: "all k", "k 128..255", "n % 8 in {1, 3}", "n 0, 9, 18, ... (24 of 64)".
std::string text_of_indices(const std::vector<bool>& in, const std::string& name);

/// Some of the cells of a (rows, cols) matrix in words: whole rows and columns where it is made of them, otherwise how
/// many of them, called `what`, lie within which.
std::string text_of_region(const std::vector<bool>& in, int cols, const std::string& row_name,
                           const std::string& col_name, const std::string& what = "weights");

}  // namespace w4::cases::probe
