// SPDX-License-Identifier: Apache-2.0
#include "cases/recorded/lint_reading.h"

#include "cases/judge/compare.h"
#include "fixtures/error.h"
#include "fixtures/lint/lint.h"
#include "kernel/run.h"
#include "repack/plain_layer.h"

namespace w4::cases::recorded {
namespace {

using fixtures::Layer;
using fixtures::ZeroEncoding;

Layer without_twos_complement(const Layer& layer) {
  constexpr std::uint8_t kSign = 8;
  fixtures::PlainLayer plain = repack::plain_layer_of(layer);
  plain.codes = Grid<std::uint8_t>::from(plain.codes.rows(), plain.codes.cols(),
                                         [&](int k, int n) { return plain.codes(k, n) ^ kSign; });
  plain.zeros = Grid<std::uint8_t>::from(plain.zeros.rows(), plain.zeros.cols(),
                                         [](int, int) { return std::uint8_t{kSymmetricZero}; });
  return repack::stored_like(layer, plain);
}

Layer in_other_version(const Layer& layer) {
  Layer other = layer;
  other.zero_encoding = layer.zero_encoding == ZeroEncoding::minus_one ? ZeroEncoding::plain : ZeroEncoding::minus_one;
  return other;
}

/// Sentences of lint that say how the layer is meant.
constexpr struct {
  std::string_view fault;
  Layer (*read)(const Layer&);
  const char* how;
} kReadings[] = {{"code-twos-complement", without_twos_complement, "with codes ^ 8 and zero points of 8"},
                 {"zp-v1v2-offset", in_other_version, "with zero points of the other GPTQ version"}};

bool is_right_for(const Layer& layer, const Prepared& prepared, const judge::Rounding& rounding,
                  const Grid<std::uint16_t>& C) {
  return judge::compare(C, judge::expected_output(layer, prepared.A, rounding), kernel::Launch{}.fill).right();
}

}  // namespace

std::optional<LintReading> reading_that_explains(const Prepared& prepared, const judge::Rounding& rounding,
                                                 const Grid<std::uint16_t>& C) {
  for (const fixtures::lint::LintLine& line : fixtures::lint::lint(prepared.layer))
    for (const auto& reading : kReadings) {
      if (line.id != reading.fault || line.severity == fixtures::lint::Severity::note) continue;
      try {
        if (is_right_for(reading.read(prepared.layer), prepared, rounding, C))
          return LintReading{line.id, line.sentence, reading.how};
      } catch (const Error&) {  // the format cannot hold the layer so
      }
    }
  return {};
}

std::vector<std::string> doubts_of(const Prepared& prepared) {
  std::vector<std::string> doubts;
  for (const fixtures::lint::LintLine& line : fixtures::lint::lint(prepared.layer))
    if (line.severity != fixtures::lint::Severity::note) doubts.push_back(line.sentence);
  return doubts;
}

}  // namespace w4::cases::recorded
