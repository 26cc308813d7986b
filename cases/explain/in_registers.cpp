// SPDX-License-Identifier: Apache-2.0
#include "cases/explain/in_registers.h"

#include "fixtures/half.h"
#include "kernel/lane_model/in_registers.h"

#include <fmt/format.h>

#include <cmath>

namespace w4::cases::explain {
namespace {

/// NaN equals NaN here: both come from the same bits.
bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// The value that a right kernel multiplies by: code - zero, when grouped scaled and rounded once.
double wanted_weight(const repack::Packed& packed, const Used& used) {
  if (packed.one_group()) return used.code - used.zero;
  return value_of(bits_of(static_cast<float>(used.weight()), packed.dtype), packed.dtype);
}

}  // namespace

std::vector<std::string> differs_in_registers(const kernel::Task& task, const repack::Recipe& recipe, int m,
                                              const Place& place) {
  const auto loaded = kernel::lane_model::loaded_at(task, recipe, m, place.row, place.n);
  if (!loaded) return {};
  const repack::Packed& packed = task.packed;
  const Used used = used_at(packed, place);
  std::vector<std::string> out;
  if (loaded->code != used.code)
    out.push_back(fmt::format("the warp finds code {} where B holds {}", loaded->code, used.code));
  const double scale = value_of(loaded->scale_bits, packed.dtype);
  if (!packed.one_group() && !same(scale, used.scale))
    out.push_back(
        fmt::format("the warp finds scale {:.5g}, read in row {} from column {}, where {:.5g} of row {} "
                    "is right",
                    scale, loaded->scale_source.group, loaded->scale_source.column, used.scale, place.group));
  if (out.empty() && !same(loaded->weight, wanted_weight(packed, used)))
    out.push_back(fmt::format("the warp makes a weight of {:.5g} where {:.5g} is right", loaded->weight,
                              wanted_weight(packed, used)));
  const int column = packed.perm.empty() ? place.row : packed.perm(0, place.row);
  const double a = value_of(task.A(m, column), packed.dtype);
  if (!same(loaded->a, a)) out.push_back(fmt::format("the warp finds {:.5g} of A where {:.5g} is right", loaded->a, a));
  return out;
}

}  // namespace w4::cases::explain
