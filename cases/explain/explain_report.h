// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/explain/explain.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace w4::cases::explain {

inline constexpr int kDigits = 5;  // of a value, in text and sentences

std::string digits(double value);
/// In as many digits more as tell it from another value.
std::string digits(double value, double other, int fewest = kDigits);

/// "0.5 where 0.25 is right"; of equal numbers "0.5, which is right".
std::string beside(double used, double want, int fewest = kDigits);

/// The trace as text; the last line is the command that repeats the question.
std::string text_of(const Trace& trace);

/// The trace as JSON, with the terms that the text shows: `schema` 1, fields as in docs/explain.md.
nlohmann::ordered_json json_of(const Trace& trace);

/// "code 5 where 9 is right; it is the code of k=12 n=3": a sentence for each part of a term that is wrong.
std::vector<std::string> sentences_of(const Trace& trace, const Term& term);

}  // namespace w4::cases::explain
