// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace w4::cases::packed {

/// What each 4-bit number became.
using CodeTable = std::array<std::uint8_t, 16>;
using Counts = std::array<long long, 16>;  // how often each number occurs

CodeTable identity_table();
bool is_identity(const CodeTable& table);

/// Tables under which `want` numbers can have become the `got` ones, by counts alone: whatever moved the numbers, their
/// counts stay. Simple tables (an offset that wraps or is clipped, xor, a reversal) stand first; at most `most`.
std::vector<CodeTable> tables_between(const Counts& want, const Counts& got, std::size_t most = 8);

/// Every offset that wraps or is clipped, xor, reversed, doubled, halved, reversed bits, clipped ranges, constants; the
/// identity stands first.
const std::vector<CodeTable>& simple_tables();

/// "codes + 1, clipped at 15", "codes ^ 8", or the numbers that change: "codes with 0 as 15, 1 as 14". `what`: "codes".
/// Numbers that `occur` nowhere fit every formula.
std::string text_of_table(const CodeTable& table, const std::string& what, const Counts& occur);

/// The table that takes it back, as NumPy's list; empty where two numbers became the same.
std::string undo_list(const CodeTable& table);

}  // namespace w4::cases::packed
