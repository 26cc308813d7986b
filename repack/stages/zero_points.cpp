// SPDX-License-Identifier: Apache-2.0
#include "repack/stages/zero_points.h"

#include "fixtures/error.h"
#include "fixtures/half.h"

#include <algorithm>

namespace w4::repack::zero_points {
namespace {

using fixtures::Format;
using fixtures::ZeroEncoding;
using Zeros = Grid<std::uint8_t>;

/// The four bits stored for column n, in its group's word for columns 8c..8c+7.
int stored_bits(const Weights& w, std::uint32_t word, int n) {
  const int column = n % kCodesPerWord;
  return code_at(word, w.format == Format::awq ? awq_slot(column) : column);
}

int from_stored(int stored, ZeroEncoding encoding) {
  return encoding == ZeroEncoding::minus_one ? (stored + 1) & static_cast<int>(kCodeMask) : stored;
}

bool has_stored(const Weights& w) { return !w.zero_words.empty() || !w.float_zeros.empty(); }

/// Every stored zero point, whether the layer is symmetric or not.
Zeros decoded(const Weights& w, ZeroEncoding encoding) {
  if (w.format == Format::pair_packed)
    return Zeros::from(w.groups(), w.N,
                       [&](int g, int n) { return exact_zero(value_of(w.float_zeros(g, n), DType::bf16), g, n); });
  return Zeros::from(w.groups(), w.N, [&](int g, int n) {
    const int c = n / kCodesPerWord;
    const std::uint32_t word = w.format == Format::compressed_tensors ? w.zero_words(c, g) : w.zero_words(g, c);
    return from_stored(stored_bits(w, word, n), encoding);
  });
}

bool all_eight(const Zeros& zeros) {
  return std::all_of(zeros.cells().begin(), zeros.cells().end(), [](int zero) { return zero == kSymmetricZero; });
}

Weights with_zeros(const Weights& w, Zeros zeros) {
  Weights out = w;
  out.zeros = std::move(zeros);
  return out;
}

}  // namespace

int exact_zero(float zero, int g, int n) {
  if (zero >= 0 && zero <= kCodeMask && zero == static_cast<float>(static_cast<int>(zero)))
    return static_cast<int>(zero);
  throw CannotTest("zero point {} of group {} and column {} is no integer 0..15: the Marlin format cannot hold it",
                   zero, g, n);
}

Weights reference(const Weights& w) {
  if (w.symmetric) return with_zeros(w, {});
  if (!has_stored(w)) throw InputError("the layer is asymmetric, and no zero points are stored");
  Zeros zeros = decoded(w, w.zero_encoding);
  const bool absent = w.format == Format::pair_packed && all_eight(zeros);
  return with_zeros(w, absent ? Zeros{} : std::move(zeros));
}

namespace {

/// Reads v1 as v2 or the reverse. A loader that gets this wrong has not understood "symmetric" from the config either,
/// so the zero points of a symmetric layer come out as 7 or 9.
Weights v1v2_offset(const Weights& w) {
  if (w.zero_words.empty()) return reference(w);
  const bool minus_one = w.zero_encoding == ZeroEncoding::minus_one;
  return with_zeros(w, decoded(w, minus_one ? ZeroEncoding::plain : ZeroEncoding::minus_one));
}

template <class F>
Weights with_each(const Weights& w, const F& f) {
  Weights out = reference(w);
  out.zeros = out.zeros.mapped([&](std::uint8_t zero) { return static_cast<std::uint8_t>(f(zero)); });
  return out;
}

Weights nibble_wrap(const Weights& w) {
  return with_each(w, [](int zero) { return zero == 0 ? static_cast<int>(kCodeMask) : zero; });
}

Weights clamped(const Weights& w) {
  return with_each(w, [](int zero) { return std::max(zero, 1); });
}

/// Zero points that are 8 everywhere are no zero points at all: then the layer's symmetry is kept.
Weights symmetric_consumes(const Weights& w) {
  if (!w.symmetric || !has_stored(w)) return reference(w);
  Zeros zeros = decoded(w, w.zero_encoding);
  return with_zeros(w, all_eight(zeros) ? Zeros{} : std::move(zeros));
}

template <class T>
Grid<T> read_transposed(const Grid<T>& grid) {  // the cells stay where they are: entry (r, c) is found at c * rows + r
  return Grid<T>::from(grid.rows(), grid.cols(),
                       [&](int r, int c) { return grid[static_cast<std::size_t>(c) * grid.rows() + r]; });
}

Weights transposed(const Weights& w) {
  Weights turned = w;
  turned.zero_words = read_transposed(w.zero_words);
  turned.float_zeros = read_transposed(w.float_zeros);
  return with_zeros(w, reference(turned).zeros);
}

Weights symmetric(const Weights& w) { return with_zeros(w, {}); }

constexpr Variant kVariants[] = {
    {"reference", "", reference, "", "", ""},
    {"zp-v1v2-offset", "zp-v1v2-offset", v1v2_offset,
     "reads zero points stored as z-1 (GPTQ v1) as z (v2), or the reverse: every weight is off by one scale",
     "add 1 to what format v1 stores, and to nothing else; symmetric layers hold 7 in v1 and 8 in v2",
     "the layer stores packed zero points"},
    {"zp-nibble-wrap", "zp-nibble-wrap", nibble_wrap, "turns a zero point of 0 into 15: the step of one does not wrap",
     "take (stored + 1) & 15, and do not step below 0 on the way out",
     "the layer is asymmetric and has a zero point of 0"},
    {"zp-clamped-folded", "zp-clamped-folded", clamped, "clamps zero points to 1 and more, so that 0 becomes 1",
     "keep zero points of 0: they are legal", "the layer is asymmetric and has a zero point of 0"},
    {"sym-consumes-qzeros", "sym-consumes-qzeros", symmetric_consumes,
     "uses the zero points that a symmetric layer stores", "ignore qzeros when the layer is symmetric: z is 8",
     "the layer is symmetric and stores zero points; one bit of them flipped shows it where all are 8"},
    {"qzeros-transposed", "qzeros-transposed", transposed, "reads the words of zero points as if they were transposed",
     "GPTQ and AWQ store qzeros (K/group_size, N/8), compressed-tensors (N/8, K/group_size): go by the format, not by "
     "the shape",
     "the layer is asymmetric, with more than one group and more than one word of zero points a group"},
    {"symmetric", "", symmetric, "takes every zero point for 8", "", "the layer is asymmetric"},
};

}  // namespace

Stage stage() { return {StageId::zero_points, "qzeros to z (groups, N), v1 / v2 / symmetric", kVariants}; }

}  // namespace w4::repack::zero_points
