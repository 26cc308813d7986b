// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

namespace w4::cases::probe {

/// source[i], the place whose value place i uses, as a formula in `name`; -1 is a place that could not be read and fits
/// every formula. Known are constants, offsets, rotations, reversals, strides, moduli, quotients, limits, xor,
/// transposes
/// ("i % 8 * 4 + i / 8"), bit maps, and any of them inside equal blocks. `size`: the places there are to read from.
/// Empty when none of these fits, or when less than half of the places could be read.
std::string formula_of(std::span<const int> source, int size, const std::string& name);

/// The place in a flat buffer that each place (row, col) of a (rows, cols) matrix reads, when it is a stride:
/// "row * 1600 + col where row * 1536 + col is right". The buffer may lie column by column, and its lines may be
/// padded. Empty otherwise, or when less than half of the places could be read.
std::string stride_of(std::span<const int> source, int cols, const std::string& row, const std::string& col);

}  // namespace w4::cases::probe
