// SPDX-License-Identifier: Apache-2.0
#include "cases/explain/explain_report.h"

#include <fmt/format.h>

namespace w4::cases::explain {
namespace {

/// The origin of a wrong part; `own`: the right origin.
std::string whence(const Trace& trace, const char* part, const char* row_name, const std::optional<Cell>& from,
                   const Cell& own) {
  if (!trace.traced) return "";
  if (!from) return fmt::format("; no {} of the layer was moved there: a stage made or changed it", part);
  if (*from == own) return "; it is from its own place, but a stage changed it";
  return fmt::format("; it is the {} of {}={} n={}", part, row_name, from->row, from->n);
}

std::string whence_code(const Trace& trace, const Term& term) {
  if (term.used.word == repack::kUnwrittenWord) return "; its word was never written";
  return whence(trace, "code", "k", term.from.code, {term.k, trace.question.n});
}

std::string whence_scale(const Trace& trace, const Term& term) {
  if (term.used.scale_bits == repack::kGuardScale) return "; it was read behind the last scale";
  return whence(trace, "scale", "group", term.from.scale, {term.want.group, trace.question.n});
}

}  // namespace

std::vector<std::string> sentences_of(const Trace& trace, const Term& term) {
  std::vector<std::string> out;
  if (!term.place) return {"no row of B meets this column of A"};
  if (term.again) out.push_back(fmt::format("row {} of B meets this column of A once more", term.place->row));
  if (!term.right_code())
    out.push_back(fmt::format("code {} where {} is right", term.used.code, term.want.code) + whence_code(trace, term));
  if (!term.right_zero())
    out.push_back(
        fmt::format("zero point {} where {} of group {} is right", term.used.zero, term.want.zero, term.want.group) +
        whence(trace, "zero point", "group", term.from.zero, {term.want.group, trace.question.n}));
  if (!term.right_scale())
    out.push_back(fmt::format("scale {} where {} of group {} is right", digits(term.used.scale, term.want.scale),
                              digits(term.want.scale, term.used.scale), term.want.group) +
                  whence_scale(trace, term));
  out.insert(out.end(), term.in_registers.begin(), term.in_registers.end());
  return out;
}

}  // namespace w4::cases::explain
