// SPDX-License-Identifier: Apache-2.0
#include "repack/stages/weights.h"

#include "fixtures/files/tensor.h"

namespace w4::repack {

Weights weights_of(const fixtures::Layer& layer) {
  Weights w;
  w.format = layer.format;
  w.zero_encoding = layer.zero_encoding;
  w.symmetric = layer.symmetric;
  w.dtype = layer.dtype;
  w.K = layer.K;
  w.N = layer.N;
  w.group_size = layer.group_size;
  const bool paired = layer.format == fixtures::Format::pair_packed;
  if (paired)
    w.pairs = fixtures::files::grid_of<std::uint8_t>(layer.qweight);
  else
    w.words = fixtures::files::grid_of<std::uint32_t>(layer.qweight);
  if (layer.qzeros && paired) w.float_zeros = fixtures::files::grid_of<std::uint16_t>(*layer.qzeros);
  if (layer.qzeros && !paired) w.zero_words = fixtures::files::grid_of<std::uint32_t>(*layer.qzeros);
  w.stored_scales = fixtures::files::grid_of<std::uint16_t>(layer.scales);
  if (layer.g_idx) w.g_idx = fixtures::files::grid_of<std::int32_t>(*layer.g_idx);
  if (layer.bias) w.bias = fixtures::files::grid_of<std::uint16_t>(*layer.bias);
  if (layer.cut_from)
    w.cut_from = std::make_shared<const CutFrom>(
        CutFrom{.cut = layer.cut_from->cut, .whole = weights_of(layer.cut_from->whole)});
  return w;
}

}  // namespace w4::repack
