// SPDX-License-Identifier: Apache-2.0
#include "kernel/lane_model/epilogue.h"

#include "kernel/lane_model/rounding.h"
#include "repack/stages/scale_order.h"

namespace w4::kernel::lane_model {

namespace {

constexpr Variant kEpilogueVariants[] = {
    {.id = "reference", .fault = "", .what = "scale of one group, bias in fp32, one cast", .cure = "", .visible = ""},
    {.id = "bias-double",
     .fault = "bias-double",
     .what = "the kernel adds the bias, and its caller adds it again to C",
     .cure = "add the bias in one place",
     .visible = "the layer has a bias that is not zero"},
    {.id = "bias-one",
     .fault = "bias-one",
     .what = "the flag that says there is a bias is added in its place: 1 in every column",
     .cure = "hand the kernel the tensor, not bias=True",
     .visible = "the layer has a bias that is not 1"},
    {.id = "bias-missing",
     .fault = "bias-missing",
     .what = "no bias is added",
     .cure = "hand the bias to the kernel, or add it after it",
     .visible = "the layer has a bias that is not zero"},
    {.id = "bias-permuted-raw-add",
     .fault = "bias-permuted-raw-add",
     .what = "the bias was brought into the order of grouped scales, and is added in the natural order of columns",
     .cure =
         "permute the bias for a kernel that reads it in that order, and for no other. This order is its own inverse: "
         "a natural bias where the kernel expects this order gives the same output",
     .visible = "the layer has a bias that differs between columns of the same 64"},
    {.id = "bias-perm-missing",
     .fault = "bias-perm-missing",
     .what = "the bias is in natural order, and the kernel reads it in the order of one group's scales, or the reverse",
     .cure =
         "permute the bias inside each 32 columns as the scales of one group are, for a kernel that reads it in that "
         "order and for no other. This order is its own inverse: the reverse mistake gives the same output",
     .visible = "the layer has a bias that differs between columns of the same 32"},
    {.id = "epilogue-cast-order",
     .fault = "epilogue-cast-order",
     .what = "the sum of one group is cast to 16 bits before it is scaled: it rounds twice, and beyond 65504 it is "
             "infinite though the scaled sum is not",
     .cure = "scale in fp32 and cast once",
     .visible = "one group covers a column"},
    {.id = "scale-not-passed-variant",
     .fault = "scale-not-passed-variant",
     .what = "the variant of the epilogue that adds a bias is not given the scales: sums are stored unscaled",
     .cure = "set the scales in the parameters of every epilogue, also of the one with a bias or a residual",
     .visible = "one group covers a column and the layer has a bias"},
};

/// The place of the bias that column n gets.
int bias_place(int n, EpilogueWay way) {
  namespace order = repack::scale_order;
  switch (way) {
    case EpilogueWay::bias_permuted_raw_add: return order::column_of_place(n, false);
    case EpilogueWay::bias_perm_missing: return order::place_of_column(n, true);
    default: return n;
  }
}

/// The bias of a column, as this way reads it, in fp32.
float bias_of(int n, const repack::Packed& packed, EpilogueWay way) {
  if (way == EpilogueWay::bias_missing || packed.bias.empty()) return 0.0f;
  if (way == EpilogueWay::bias_one) return 1.0f;
  n = bias_place(n, way);
  return n < packed.stored_N ? loaded_value(packed.bias[static_cast<std::size_t>(n)], packed.dtype) : 0.0f;
}

std::uint16_t finished(float sum, float scale, float bias, const repack::Packed& packed, EpilogueWay way) {
  if (way == EpilogueWay::cast_before_scale && packed.one_group()) sum = rounded(sum, packed.dtype);
  const bool not_passed = way == EpilogueWay::scale_not_passed && !packed.bias.empty();
  const float scaled = packed.one_group() && !not_passed ? sum * scale : sum;
  const std::uint16_t bits = stored_bits(scaled + bias, packed.dtype);
  if (way != EpilogueWay::bias_double || packed.bias.empty()) return bits;
  return stored_bits(loaded_value(bits, packed.dtype) + bias, packed.dtype);
}

void store_bits(std::uint16_t& cell, std::uint16_t bits, Store store, DType type) {
  cell = store == Store::overwrite ? bits : stored_bits(loaded_value(cell, type) + loaded_value(bits, type), type);
}

}  // namespace

std::span<const Variant> epilogue_variants() { return kEpilogueVariants; }

void write_out(const Sums& sums, const OutputTile& tile, const repack::Packed& packed, EpilogueWay way, Store store,
               bool with_bias) {
  for (int strip = 0; strip < tile.cols; strip += kStripN)
    for (int lane = 0; lane < kLanes; ++lane)
      for (int block = 0; block < kBlocksPerStrip; ++block)
        for (int half = 0; half < 2; ++half)
          for (int i = 0; i < 4; ++i) {
            const RowColumn place = c_place(lane, i);
            const int column = strip + strip_column(block, half, place.n);
            const int scale_place = tile.first_column + strip + single_place(lane, block, half, i);
            const float scale = packed.one_group() ? loaded_value(packed.scales(0, scale_place), packed.dtype) : 1.0f;
            const float bias = with_bias ? bias_of(tile.first_column + column, packed, way) : 0.0f;
            for (int row = place.row; row < tile.rows; row += kBlockRows)
              store_bits(tile.at(row, column), finished(sums.row(row)[column], scale, bias, packed, way), store,
                         packed.dtype);
          }
}

}  // namespace w4::kernel::lane_model
