// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/cut_check.h"

#include "cases/judge/nibbles.h"

#include <fmt/format.h>

namespace w4::cases::judge {
namespace {

using fixtures::Cut;
using fixtures::Format;
using repack::Weights;

/// Where the cut's (0, 0) lies in the whole layer, through all cuts.
struct Origin {
  const Weights* whole;
  int k = 0, n = 0;
  bool has_bias = true;  // the first of the ranks that share a column
};

Origin origin_of(const Weights& weights) {
  Origin origin{.whole = &weights};
  while (origin.whole->cut_from) {
    const Weights& part = *origin.whole;
    const Cut& cut = part.cut_from->cut;
    if (cut.kind == Cut::Kind::rows) {
      origin.k += cut.rank * part.K;
      origin.has_bias = origin.has_bias && cut.rank == 0;
    } else {
      origin.n += cut.rank * part.N;
    }
    origin.whole = &part.cut_from->whole;
  }
  return origin;
}

int code(const Weights& w, int k, int n) {
  switch (w.format) {
    case Format::gptq: return nibble(w.words(k / 8, n), k % 8);
    case Format::awq: return nibble(w.words(k, n / 8), awq_position(n));
    case Format::compressed_tensors: return nibble(w.words(n, k / 8), k % 8);
    case Format::pair_packed: break;
  }
  return w.pairs(k / 2, n) >> (4 * (k % 2)) & 15;
}

int group(const Weights& w, int k) { return w.g_idx.empty() ? k / w.group_size : w.g_idx(0, k); }

int scale(const Weights& w, int g, int n) {
  return w.format == Format::compressed_tensors ? w.stored_scales(n, g) : w.stored_scales(g, n);
}

/// As stored: both sides have the same encoding. None stored: 8.
int zero(const Weights& w, int g, int n) {
  if (w.format == Format::pair_packed) return w.float_zeros(g, n);
  if (w.zero_words.empty()) return 8;
  if (w.format == Format::compressed_tensors) return nibble(w.zero_words(n / 8, g), n % 8);
  return nibble(w.zero_words(g, n / 8), w.format == Format::awq ? awq_position(n) : n % 8);
}

class Checker {
 public:
  explicit Checker(const Weights& cut) : cut_(cut), origin_(origin_of(cut)) {}

  CutCheck checked() {
    const Weights& whole = *origin_.whole;
    for (int k = 0; k < cut_.K; ++k) {
      const int g = group(cut_, k), whole_g = group(whole, origin_.k + k);
      for (int n = 0; n < cut_.N; ++n) {
        const int whole_n = origin_.n + n;
        compare("code", k, n, code(cut_, k, n), code(whole, origin_.k + k, whole_n));
        compare("scale", k, n, scale(cut_, g, n), scale(whole, whole_g, whole_n));
        compare("zero point", k, n, zero(cut_, g, n), zero(whole, whole_g, whole_n));
      }
    }
    const bool has_bias = origin_.has_bias && !whole.bias.empty();
    compare("entries of bias", 0, 0, cut_.bias.cols(), has_bias ? cut_.N : 0);
    for (int n = 0; has_bias && n < cut_.bias.cols(); ++n)
      compare("bias", 0, n, cut_.bias(0, n), whole.bias(0, origin_.n + n));
    return check_;
  }

 private:
  void compare(const char* what, int k, int n, int got, int want) {
    ++check_.compared;
    if (got == want) return;
    if (check_.wrong++ == 0)
      check_.first =
          fmt::format("(k={}, n={}) of the slice is (k={}, n={}) of the layer: {} {:#x} where {:#x} is right", k, n,
                      origin_.k + k, origin_.n + n, what, got, want);
  }

  const Weights& cut_;
  Origin origin_;
  CutCheck check_;
};

}  // namespace

CutCheck check_cut(const Weights& cut) { return cut.cut_from ? Checker(cut).checked() : CutCheck{}; }

}  // namespace w4::cases::judge
