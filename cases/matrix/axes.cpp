// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/axes.h"

#include "cases/case/case_id.h"
#include "cases/faults/faults.h"
#include "fixtures/error.h"
#include "fixtures/text.h"

#include <fmt/format.h>

#include <charconv>
#include <set>

namespace w4::cases::matrix {
namespace {

using fixtures::Format;
using fixtures::ZeroEncoding;
using Values = std::vector<std::string_view>;
using Value = std::variant<long long, std::string>;

/// The shipped layer, which modes w, s and b take: fixtures/data/up.
constexpr int kShippedK = 384, kShippedN = 1536;

constexpr std::pair<std::string_view, Zeros> kZeros[] = {
    {"sym", {true, Format::gptq, ZeroEncoding::minus_one}},
    {"v1", {false, Format::gptq, ZeroEncoding::minus_one}},
    {"v2", {false, Format::gptq, ZeroEncoding::plain}},
    {"sym-v2", {true, Format::gptq, ZeroEncoding::plain}},
    {"awq", {false, Format::awq, ZeroEncoding::plain}},
    {"sym-awq", {true, Format::awq, ZeroEncoding::plain}},
    {"pair", {false, Format::pair_packed, ZeroEncoding::plain}},
    {"sym-pair", {true, Format::pair_packed, ZeroEncoding::plain}},
    {"ct", {false, Format::compressed_tensors, ZeroEncoding::plain}},
    {"sym-ct", {true, Format::compressed_tensors, ZeroEncoding::plain}},
};

template <class Number>
Number number_in(std::string_view text, std::string_view axis) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw InputError("--axis {}: '{}' is not a number that it takes", axis, text);
  return value;
}

int positive(std::string_view text, std::string_view axis) {
  const int value = number_in<int>(text, axis);
  if (value < 1) throw InputError("--axis {}: {} is not positive", axis, value);
  return value;
}

/// Each value read by `read`.
template <class T, class Read>
std::vector<T> each(const Values& values, Read read) {
  std::vector<T> out;
  for (const std::string_view value : values) out.push_back(read(value));
  return out;
}

bool yes_or_no(std::string_view text) {
  if (text != "yes" && text != "no") throw InputError("'{}' must be yes or no", text);
  return text == "yes";
}

Zeros zeros_in(std::string_view text) {
  std::vector<std::string_view> names;
  for (const auto& [name, zeros] : kZeros) {
    if (text == name) return zeros;
    names.push_back(name);
  }
  throw InputError("--axis zeros: '{}' is none of {}", text, fmt::join(names, ", "));
}

DType dtype_in(std::string_view text) {
  if (text == "fp16") return DType::fp16;
  if (text == "bf16") return DType::bf16;
  throw InputError("--axis dtype: '{}' is none of fp16, bf16", text);
}

/// "512x256"
std::pair<int, int> two_sizes(std::string_view text, std::string_view axis) {
  const auto parts = split(text, 'x');
  if (parts.size() != 2) throw InputError("--axis {}: '{}' where two sizes, 512x256, are expected", axis, text);
  return {positive(parts[0], axis), positive(parts[1], axis)};
}

Shape shape_in(std::string_view text) {
  const auto [K, N] = two_sizes(text, "shape");
  return {K, N, {}};
}

int group_in(std::string_view text) { return text == "K" ? kGroupIsK : parse_group(text); }

int reduce_in(std::string_view text) {
  if (text != "16" && text != "32") throw InputError("--axis reduce: '{}' is none of 16, 32", text);
  return text == "16" ? 16 : 32;
}

std::optional<kernel::BlockTile> tile_in(std::string_view text) {
  if (text == "auto") return std::nullopt;
  const auto [k, n] = two_sizes(text, "tile");
  return kernel::BlockTile{k, n};
}

std::optional<int> sms_in(std::string_view text) {
  if (text == "auto") return std::nullopt;
  return positive(text, "sms");
}

std::string kernel_in(std::string_view text) {
  if (!is_utf8(text)) throw InputError("--axis kernel: '{}' is not UTF-8, and a result's cases are", text);
  return text == "cpu" ? "" : std::string(text);
}

std::string text_of(const std::optional<kernel::BlockTile>& tile) {
  return tile ? fmt::format("{}x{}", tile->thread_k, tile->thread_n) : "auto";
}

Zeros zeros_of(const CaseId& id) { return {id.symmetric, id.format, id.zero_encoding}; }
std::string yes_no(bool value) { return value ? "yes" : "no"; }

constexpr Axis kAxes[] = {
    {"M", "rows of A", [](const Values& v, Axes& a) { a.M = each<int>(v, [](auto x) { return positive(x, "M"); }); },
     [](const CaseId& id) -> Value { return id.M; }},
    {"shape", "KxN", [](const Values& v, Axes& a) { a.shape = each<Shape>(v, shape_in); },
     [](const CaseId& id) -> Value { return fmt::format("{}x{}", id.K, id.N); }},
    {"K", "", nullptr, [](const CaseId& id) -> Value { return id.K; }},
    {"N", "", nullptr, [](const CaseId& id) -> Value { return id.N; }},
    {"group", "-1, 32, 64, 128, K", [](const Values& v, Axes& a) { a.group = each<int>(v, group_in); },
     [](const CaseId& id) -> Value { return id.group_size(); }},
    {"zeros", "sym, v1, v2, sym-v2, awq, sym-awq, pair, sym-pair, ct, sym-ct",
     [](const Values& v, Axes& a) { a.zeros = each<Zeros>(v, zeros_in); },
     [](const CaseId& id) -> Value { return std::string(name_of(zeros_of(id))); }},
    {"act", "no, yes", [](const Values& v, Axes& a) { a.act = each<bool>(v, yes_or_no); },
     [](const CaseId& id) -> Value { return yes_no(id.act_order); }},
    {"bias", "no, yes", [](const Values& v, Axes& a) { a.bias = each<bool>(v, yes_or_no); },
     [](const CaseId& id) -> Value { return yes_no(id.bias); }},
    {"dtype", "fp16, bf16", [](const Values& v, Axes& a) { a.dtype = each<DType>(v, dtype_in); },
     [](const CaseId& id) -> Value { return std::string(w4::name_of(id.dtype)); }},
    {"source", "r, w, s, b", [](const Values& v, Axes& a) { a.source = each<Source>(v, parse_source); },
     [](const CaseId& id) -> Value { return std::string(1, letter_of(id.source)); }},
    {"tile", "auto, 128x128, 64x256",
     [](const Values& v, Axes& a) { a.tile = each<std::optional<kernel::BlockTile>>(v, tile_in); },
     [](const CaseId& id) -> Value { return text_of(id.block_tile); }},
    {"sms", "auto, thread blocks", [](const Values& v, Axes& a) { a.sms = each<std::optional<int>>(v, sms_in); },
     [](const CaseId& id) -> Value { return id.thread_blocks.value_or(0); }},
    {"reduce", "16, 32", [](const Values& v, Axes& a) { a.reduce = each<int>(v, reduce_in); },
     [](const CaseId& id) -> Value { return id.reduce_bits; }},
    {"seed", "numbers",
     [](const Values& v, Axes& a) {
       a.seed = each<std::uint64_t>(v, [](auto x) { return number_in<std::uint64_t>(x, "seed"); });
     },
     [](const CaseId& id) -> Value { return static_cast<long long>(id.seed); }},
    {"kernel", "cpu, cuda, naive, plugin:FILE, exec:COMMAND",
     [](const Values& v, Axes& a) { a.kernel = each<std::string>(v, kernel_in); },
     [](const CaseId& id) -> Value { return id.kernel.empty() ? "cpu" : id.kernel; }},
};

/// Only GPTQ and compressed-tensors have act-order, and it needs groups; pair-packed layers are bf16.
bool is_layer(const CaseId& id) {
  if (id.K % id.group_size() != 0) return false;
  if (id.format == Format::pair_packed && id.dtype != DType::bf16) return false;
  if (!id.act_order) return true;
  const bool has_g_idx = id.format == Format::gptq || id.format == Format::compressed_tensors;
  return has_g_idx && id.group != -1;
}

int group_of(int group, int K) {
  if (group != kGroupIsK) return group;
  return K == 32 || K == 64 || K == 128 ? K : -1;
}

/// Modes with real tensors take the shipped layer's.
void make_real(CaseId& id) {
  if (id.source == Source::r) return;
  id.K = kShippedK;
  id.N = kShippedN;
  id.symmetric = true;
  id.format = Format::gptq;
  id.zero_encoding = ZeroEncoding::minus_one;
  id.act_order = false;
  id.bias = true;
}

/// The product, one axis after another: each case so far with each value of the axis.
template <class List, class Put>
void multiply(std::vector<CaseId>& cases, const List& values, Put put) {
  std::vector<CaseId> out;
  for (const CaseId& id : cases)
    for (const auto& value : values) {
      out.push_back(id);
      put(out.back(), value);
    }
  cases = std::move(out);
}

std::vector<CaseId> product(const Axes& axes) {
  std::vector<CaseId> cases = {CaseId{.source = Source::r}};
  multiply(cases, axes.M, [](CaseId& id, int M) { id.M = M; });
  multiply(cases, axes.shape, [](CaseId& id, const Shape& shape) {
    id.K = shape.K;
    id.N = shape.N;
    id.cuts = shape.cuts;
  });
  multiply(cases, axes.group, [](CaseId& id, int group) { id.group = group_of(group, id.K); });
  multiply(cases, axes.zeros, [](CaseId& id, const Zeros& zeros) {
    id.symmetric = zeros.symmetric;
    id.format = zeros.format;
    id.zero_encoding = zeros.encoding;
  });
  multiply(cases, axes.act, [](CaseId& id, bool act) { id.act_order = act; });
  multiply(cases, axes.bias, [](CaseId& id, bool bias) { id.bias = bias; });
  multiply(cases, axes.dtype, [](CaseId& id, DType dtype) { id.dtype = dtype; });
  multiply(cases, axes.source, [](CaseId& id, Source source) { id.source = source; });
  multiply(cases, axes.tile, [](CaseId& id, const auto& tile) { id.block_tile = tile; });
  multiply(cases, axes.sms, [](CaseId& id, const auto& sms) { id.thread_blocks = sms; });
  multiply(cases, axes.reduce, [](CaseId& id, int bits) { id.reduce_bits = bits; });
  multiply(cases, axes.seed, [](CaseId& id, std::uint64_t seed) { id.seed = seed; });
  multiply(cases, axes.kernel, [](CaseId& id, const std::string& name) { id.kernel = name; });
  for (CaseId& id : cases) make_real(id);
  return cases;
}

}  // namespace

std::string_view name_of(const Zeros& zeros) {
  for (const auto& [name, known] : kZeros)
    if (known == zeros) return name;
  return "other";
}

std::span<const Axis> all_axes() { return kAxes; }

void set_axis(std::string_view text, Axes& axes) {
  const std::size_t equals = text.find('=');
  if (equals == text.npos || equals + 1 == text.size())
    throw InputError("--axis {}: NAME=VALUE,VALUE is expected", text);
  const std::string_view name = text.substr(0, equals);
  std::vector<std::string> known;
  for (const Axis& axis : kAxes) {
    if (axis.set == nullptr) continue;
    if (axis.name == name) return axis.set(split(text.substr(equals + 1), ','), axes);
    known.emplace_back(axis.name);
  }
  throw InputError("unknown axis '{}'{}; there are {}", name, faults::did_you_mean(name, known),
                   fmt::join(known, ", "));
}

std::vector<CaseId> cases_of(const std::vector<Axes>& products) {
  std::vector<CaseId> out;
  std::set<std::string> seen;
  for (const Axes& axes : products)
    for (CaseId& id : product(axes))
      if (is_layer(id) && seen.insert(id.text()).second) out.push_back(std::move(id));
  return out;
}

}  // namespace w4::cases::matrix
