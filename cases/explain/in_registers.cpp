// SPDX-License-Identifier: Apache-2.0
#include "cases/explain/in_registers.h"

#include "cases/explain/explain_report.h"

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
    out.push_back(fmt::format("the warp finds scale {}, read in row {} from column {}, where {} of row {} is right",
                              digits(scale, used.scale), loaded->scale_source.group, loaded->scale_source.column,
                              digits(used.scale, scale), place.group));
  if (out.empty() && !same(loaded->weight, wanted_weight(packed, used)))
    out.push_back("the warp makes a weight of " + beside(loaded->weight, wanted_weight(packed, used)));
  const int column = packed.perm.empty() ? place.row : packed.perm(0, place.row);
  const double a = value_of(task.A(m, column), packed.dtype);
  if (!same(loaded->a, a))
    out.push_back(fmt::format("the warp finds {} of A where {} is right", digits(loaded->a, a), digits(a, loaded->a)));
  return out;
}

}  // namespace w4::cases::explain
