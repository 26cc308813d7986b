// SPDX-License-Identifier: Apache-2.0
#include "repack/stages/scale_order.h"

namespace w4::repack::scale_order {
namespace {

/// Column c of the result is column source(c) of the grid, in every row.
template <class T, class F>
Grid<T> columns_from(const Grid<T>& grid, const F& source) {
  return Grid<T>::from(grid.rows(), grid.cols(), [&](int r, int c) { return grid(r, source(c)); });
}

Grid<std::uint16_t> ordered(const Grid<std::uint16_t>& scales, bool one_group) {
  return columns_from(scales, [&](int place) { return column_of_place(place, one_group); });
}

int grouped_order(int place) { return column_of_place(place, false); }
int natural_order(int place) { return place; }
int slot_itself(int slot) { return slot; }

/// Slot i of word c holds column column_of(8c + slot_place(i)).
Grid<std::uint32_t> packed_zeros(const Grid<std::uint8_t>& zeros, int (*column_of)(int), int (*slot_place)(int)) {
  return Grid<std::uint32_t>::from(zeros.rows(), zeros.cols() / kCodesPerWord, [&](int r, int c) {
    std::uint32_t word = 0;
    for (int slot = 0; slot < kCodesPerWord; ++slot)
      word |= std::uint32_t{zeros(r, column_of(kCodesPerWord * c + slot_place(slot)))} << (kBitsPerCode * slot);
    return word;
  });
}

Weights with_scales(const Weights& w, Grid<std::uint16_t> scales) {
  Weights out = w;
  out.ordered_scales = std::move(scales);
  out.ordered_zeros = packed_zeros(w.kernel_zeros, grouped_order, lop3_column);
  return out;
}

}  // namespace

Weights reference(const Weights& w) { return with_scales(w, ordered(w.scales, w.one_group())); }

Grid<std::uint16_t> natural_scales(const Grid<std::uint16_t>& ordered, bool one_group) {
  return columns_from(ordered, [&](int column) { return place_of_column(column, one_group); });
}

Grid<std::uint8_t> natural_zeros(const Grid<std::uint32_t>& ordered) {
  return Grid<std::uint8_t>::from(ordered.rows(), ordered.cols() * kCodesPerWord, [&](int r, int n) {
    const int place = place_of_column(n, false);
    return code_at(ordered(r, place / kCodesPerWord), lop3_slot(place % kCodesPerWord));
  });
}

namespace {

Weights scales_missing(const Weights& w) { return with_scales(w, w.scales); }

Weights single_vs_grouped(const Weights& w) { return with_scales(w, ordered(w.scales, !w.one_group())); }

template <int (*column_of)(int), int (*slot_place)(int)>
Weights zeros_in(const Weights& w) {
  Weights out = reference(w);
  out.ordered_zeros = packed_zeros(w.kernel_zeros, column_of, slot_place);
  return out;
}

constexpr auto kPermuteZeros = "permute zero points into the grouped order of scales, interleave each eight, then pack";
constexpr auto kZerosSeen = "the layer is asymmetric, and zero points differ between columns";

constexpr Variant kVariants[] = {
    {"reference", "", reference, "", "", ""},
    {"scale-perm-missing", "scale-perm-missing", scales_missing, "leaves the scales in natural column order",
     "permute scales into the kernel's order: an 8x8 transpose inside 64 columns, or its own order for one group",
     "scales differ between columns"},
    {"scale-perm-single-vs-grouped", "scale-perm-single-vs-grouped", single_vs_grouped,
     "puts grouped scales into the order for one group, or the reverse",
     "choose by group_size < K: grouped inside 64 columns, otherwise (K itself too) inside 32",
     "scales differ between columns"},
    {"zp-perm-no-interleave", "zp-perm-no-interleave", zeros_in<grouped_order, slot_itself>,
     "packs zero points without the order 0 2 4 6 1 3 5 7 inside each eight",
     "interleave each eight zero points after permuting and before packing them", kZerosSeen},
    {"natural", "zp-perm-missing", zeros_in<natural_order, slot_itself>,
     "packs zero points in natural column order, as GPTQ stores them", kPermuteZeros, kZerosSeen},
    {"interleaved", "zp-perm-missing", zeros_in<natural_order, lop3_column>,
     "packs zero points in natural column order, interleaved inside each eight, as AWQ stores them", kPermuteZeros,
     kZerosSeen},
};

}  // namespace

Stage stage() { return {StageId::scale_order, "scales and zero points into the kernel's order", kVariants}; }

}  // namespace w4::repack::scale_order
