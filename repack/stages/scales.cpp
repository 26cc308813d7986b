// SPDX-License-Identifier: Apache-2.0
#include "repack/stages/scales.h"

#include "fixtures/half.h"

#include <cmath>
#include <optional>

namespace w4::repack::scales {
namespace {

using fixtures::Format;

/// The stored group whose scales kernel group g takes: its first row's. None: all its rows are padding.
std::optional<int> stored_group(const Weights& w, int g) {
  const int row = g * w.kernel_group_size;
  return row < w.K ? std::optional(w.row_group(0, row)) : std::nullopt;
}

/// (Gk, Np) from a function of (stored group, column); padding where there is none.
template <class T, class F>
Grid<T> kernel_groups_from(const Weights& w, T padding, const F& f) {
  return Grid<T>::from(w.kernel_groups(), w.padded_N(), [&](int g, int n) {
    const std::optional<int> group = n < w.N ? stored_group(w, g) : std::nullopt;
    return group ? f(*group, n) : padding;
  });
}

std::uint16_t stored_scale(const Weights& w, int group, int n) {
  if (group >= w.groups()) return kGuardScale;
  return w.format == Format::compressed_tensors ? w.stored_scales(n, group) : w.stored_scales(group, n);
}

}  // namespace

Weights reference(const Weights& w) {
  Weights out = w;
  out.scales = kernel_groups_from<std::uint16_t>(w, 0, [&](int group, int n) { return stored_scale(w, group, n); });
  out.kernel_zeros = {};
  if (!w.zeros.empty())
    out.kernel_zeros = kernel_groups_from<std::uint8_t>(
        w, kSymmetricZero, [&](int group, int n) { return group < w.zeros.rows() ? w.zeros(group, n) : kGuardZero; });
  return out;
}

namespace {

template <class F>
Weights with_stored(const Weights& w, const F& f) {
  Weights changed = w;
  changed.stored_scales = w.stored_scales.mapped(f);
  Weights out = reference(changed);
  out.stored_scales = w.stored_scales;
  return out;
}

Weights dtype_reinterpret(const Weights& w) {
  const DType other = w.dtype == DType::fp16 ? DType::bf16 : DType::fp16;
  return with_stored(w, [&](std::uint16_t bits) { return bits_of(value_of(bits, other), w.dtype); });
}

/// fp8 e4m3 has an exponent bias of 7, fp16 of 15: bits moved over without correcting it are 2^-8 of their value.
/// In bf16, where it was reported, the factor was 2^-112.
Weights exponent_bias(const Weights& w) {
  const int exponent = w.dtype == DType::fp16 ? -8 : -112;
  return with_stored(
      w, [&](std::uint16_t bits) { return bits_of(std::ldexp(value_of(bits, w.dtype), exponent), w.dtype); });
}

std::uint16_t mean_scale(const Weights& w, int n) {
  double sum = 0;
  for (int group = 0; group < w.groups(); ++group) sum += value_of(stored_scale(w, group, n), w.dtype);
  return bits_of(static_cast<float>(sum / w.groups()), w.dtype);
}

Weights averaged(const Weights& w) {
  const auto means = Grid<std::uint16_t>::from(1, w.N, [&](int, int n) { return mean_scale(w, n); });
  Weights out = reference(w);
  out.scales = kernel_groups_from<std::uint16_t>(w, 0, [&](int, int n) { return means(0, n); });
  return out;
}

constexpr Variant kVariants[] = {
    {"reference", "", reference, "", "", ""},
    {"scale-dtype-reinterpret", "scale-dtype-reinterpret", dtype_reinterpret,
     "takes the bits of fp16 scales for bf16, or the reverse", "convert scales to the kernel's type by value",
     "a scale is not 0"},
    {"scale-exponent-bias", "scale-exponent-bias", exponent_bias,
     "widens scales without correcting the exponent's bias: all are too small by one power of two",
     "multiply by 2 to the difference of the biases after moving the bits", "a scale is not 0"},
    {"scales-averaged", "scales-averaged", averaged, "replaces the scales of a column's groups by their mean",
     "keep every group's scale; a kernel that takes only one needs new codes as well",
     "the layer has more than one group, with different scales"},
};

}  // namespace

Stage stage() { return {StageId::scales, "dtype, which group a row belongs to, grouped or per column", kVariants}; }

}  // namespace w4::repack::scales
