// SPDX-License-Identifier: Apache-2.0
#include "cases/shrink/plain_case.h"

#include "repack/plain_layer.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <span>
#include <string_view>

namespace w4::cases::shrink {
namespace {

template <class T>
Grid<T> picked(const Grid<T>& grid, const std::vector<int>& rows, const std::vector<int>& columns) {
  return Grid<T>::from(static_cast<int>(rows.size()), static_cast<int>(columns.size()), [&](int r, int c) {
    return grid(rows[static_cast<std::size_t>(r)], columns[static_cast<std::size_t>(c)]);
  });
}

std::vector<int> all(int count) {
  std::vector<int> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

/// GROUP of the layer itself: a cut through a group changes the group size.
int group_of(const Prepared& prepared) {
  const fixtures::Layer& layer = prepared.layer;
  const bool per_column = prepared.id.group == -1 && layer.group_size == layer.K;
  return prepared.id.cuts.empty() || per_column ? prepared.id.group : layer.group_size;
}

/// Of this process alone: the standard library's hash may differ elsewhere.
void mix(std::uint64_t& hash, std::uint64_t value) { hash = (hash ^ value) * 0x100000001B3, hash ^= hash >> 29; }

template <class T>
void mix(std::uint64_t& hash, const Grid<T>& grid) {
  const std::span<const std::byte> bytes = std::as_bytes(grid.cells());
  mix(hash, static_cast<std::uint64_t>(grid.rows()));
  mix(hash, std::hash<std::string_view>()({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
}

}  // namespace

PlainCase plain_of(const Prepared& prepared) {
  const fixtures::Layer& layer = prepared.layer;
  PlainCase plain;
  plain.layer = repack::plain_layer_of(layer);
  plain.layer.zeros = repack::stored_zero_points(layer);
  plain.format = layer.format;
  plain.zero_encoding = layer.zero_encoding;
  plain.stores_zeros = layer.qzeros.has_value();
  plain.group = group_of(prepared);
  plain.A = prepared.A;
  return plain;
}

fixtures::Layer layer_of(const PlainCase& plain) {
  fixtures::Layer layer = fixtures::encode(plain.layer, plain.format, plain.zero_encoding);
  if (!plain.stores_zeros) layer.qzeros.reset();
  layer.activations = fixtures::files::tensor_of("activations", plain.layer.dtype, plain.A);
  return layer;
}

Prepared prepared_of(const PlainCase& plain, const std::string& fixture) {
  Prepared out;
  out.layer = layer_of(plain);
  out.fixture = fixture;
  out.A = plain.A;
  out.id = {.M = plain.M(),
            .K = plain.K(),
            .N = plain.N(),
            .group = plain.group,
            .symmetric = plain.layer.symmetric,
            .format = plain.format,
            .zero_encoding = out.layer.zero_encoding,
            .act_order = out.layer.act_order(),
            .bias = out.layer.bias.has_value(),
            .dtype = plain.layer.dtype,
            .source = Source::b};
  return out;
}

std::uint64_t fingerprint(const PlainCase& plain) {
  std::uint64_t hash = 0xCBF29CE484222325;
  mix(hash, plain.layer.codes), mix(hash, plain.layer.zeros), mix(hash, plain.layer.scales);
  mix(hash, plain.layer.g_idx), mix(hash, plain.layer.bias), mix(hash, plain.A);
  for (const int value :
       {plain.layer.group_size, plain.group, plain.thread_blocks, int{plain.layer.symmetric}, int{plain.stores_zeros}})
    mix(hash, static_cast<std::uint64_t>(value));
  return hash;
}

PlainCase with_rows(const PlainCase& plain, const std::vector<int>& rows) {
  PlainCase out = plain;
  out.A = picked(plain.A, rows, all(plain.K()));
  return out;
}

PlainCase with_columns(const PlainCase& plain, const std::vector<int>& columns) {
  PlainCase out = plain;
  const std::vector<int> groups = all(plain.groups());
  out.layer.codes = picked(plain.layer.codes, all(plain.K()), columns);
  out.layer.zeros = picked(plain.layer.zeros, groups, columns);
  out.layer.scales = picked(plain.layer.scales, groups, columns);
  if (!plain.layer.bias.empty()) out.layer.bias = picked(plain.layer.bias, {0}, columns);
  return out;
}

std::optional<PlainCase> with_part_of_K(const PlainCase& plain, const Kept& kept) {
  if (kept.rows.empty() || kept.rows.size() != kept.groups.size() * static_cast<std::size_t>(kept.group_size))
    return std::nullopt;
  PlainCase out = plain;
  out.layer.group_size = kept.group_size;
  out.layer.codes = picked(plain.layer.codes, kept.rows, all(plain.N()));
  out.layer.zeros = picked(plain.layer.zeros, kept.groups, all(plain.N()));
  out.layer.scales = picked(plain.layer.scales, kept.groups, all(plain.N()));
  out.A = picked(plain.A, all(plain.M()), kept.rows);
  if (plain.layer.g_idx.empty()) return out;
  std::vector<std::int32_t> renumbered;
  for (const int row : kept.rows) {
    const auto at = std::lower_bound(kept.groups.begin(), kept.groups.end(), plain.layer.g_idx(0, row));
    renumbered.push_back(static_cast<std::int32_t>(at - kept.groups.begin()));
  }
  out.layer.g_idx = Grid<std::int32_t>(1, static_cast<int>(renumbered.size()), renumbered);
  return out;
}

PlainCase without_act_order(const PlainCase& plain) {
  std::vector<int> rows = all(plain.K());
  std::ranges::stable_sort(rows, {}, [&](int k) { return plain.layer.group_of(k); });
  PlainCase out = plain;
  out.layer.codes = picked(plain.layer.codes, rows, all(plain.N()));
  out.A = picked(plain.A, all(plain.M()), rows);
  out.layer.g_idx = {};
  return out;
}

}  // namespace w4::cases::shrink
