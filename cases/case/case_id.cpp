// SPDX-License-Identifier: Apache-2.0
#include "cases/case/case_id.h"

#include "fixtures/error.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace w4::cases {
namespace {

using fixtures::Cut;
using fixtures::Format;
using fixtures::ZeroEncoding;

/// The parts of a case string, taken one after another.
class Parts {
 public:
  explicit Parts(std::string_view text) : text_(text), parts_(split(text, '_')) {}

  template <class Number>
  Number number(std::string_view prefix, std::string_view meaning) {
    const std::string_view part = take(meaning);
    Number value{};
    if (part.starts_with(prefix)) {
      const std::string_view digits = part.substr(prefix.size());
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
      if (error == std::errc() && end == digits.data() + digits.size()) return value;
    }
    throw InputError("case '{}': '{}' where {} should stand ({}NUMBER)", text_, part, meaning, prefix);
  }

  bool take_if(std::string_view word) {
    if (next_ >= parts_.size() || parts_[next_] != word) return false;
    ++next_;
    return true;
  }

  std::string_view take(std::string_view meaning) {
    if (next_ >= parts_.size()) throw InputError("case '{}' ends before {}", text_, meaning);
    return parts_[next_++];
  }

  std::string_view next() const { return next_ < parts_.size() ? parts_[next_] : std::string_view(); }

  void expect_end() const {
    if (next_ != parts_.size()) throw InputError("case '{}': '{}' is left over", text_, parts_[next_]);
  }

 private:
  std::string_view text_;
  std::vector<std::string_view> parts_;
  std::size_t next_ = 0;
};

template <class Value>
Value choose(std::string_view part, std::string_view meaning,
             std::initializer_list<std::pair<std::string_view, Value>> known) {
  std::string names;
  for (const auto& [name, value] : known) {
    if (part == name) return value;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  throw InputError("unknown {} '{}': it is one of {}", meaning, part, names);
}

std::string_view format_tag(const CaseId& id) {
  switch (id.format) {
    case Format::gptq: return id.zero_encoding == ZeroEncoding::plain ? "_v2" : "";
    case Format::awq: return "_awq";
    case Format::pair_packed: return "_pair";
    case Format::compressed_tensors: return "_ct";
  }
  return "";
}

void take_format(Parts& parts, CaseId& id) {
  id.zero_encoding = ZeroEncoding::plain;
  if (parts.take_if("v2")) return;
  if (parts.take_if("awq")) {
    id.format = Format::awq;
  } else if (parts.take_if("pair")) {
    id.format = Format::pair_packed;
  } else if (parts.take_if("ct")) {
    id.format = Format::compressed_tensors;
  } else {
    id.zero_encoding = ZeroEncoding::minus_one;
  }
}

std::string cut_tags(const std::vector<Cut>& cuts) {
  std::string tags;
  for (const auto& [kind, rank, count] : cuts)
    tags += kind == Cut::Kind::expert ? fmt::format("_ex{}of{}", rank, count)
                                      : fmt::format("_tp{}of{}{}", rank, count, kind == Cut::Kind::rows ? 'r' : 'c');
  return tags;
}

/// "ex3of8", "tp1of2r", "tp0of4c"; none for what does not begin as one of them. parse_cut() checks the numbers.
std::optional<Cut> cut_in(std::string_view part) {
  const bool expert = part.starts_with("ex");
  const std::size_t of = part.find("of");
  if ((!expert && !part.starts_with("tp")) || of == part.npos) return std::nullopt;
  std::string_view count = part.substr(of + 2), kind = "expert";
  if (!expert) {
    if (!count.ends_with("r") && !count.ends_with("c")) return std::nullopt;
    kind = count.back() == 'r' ? "rows" : "columns";
    count.remove_suffix(1);
  }
  return fixtures::parse_cut(fmt::format("{}:{}/{}", kind, part.substr(2, of - 2), count));
}

void take_cuts(Parts& parts, CaseId& id) {
  while (const auto cut = cut_in(parts.next())) {
    id.cuts.push_back(*cut);
    parts.take("a slice");
  }
}

std::string launch_tags(const CaseId& id) {
  std::string tags;
  if (id.block_tile) tags += fmt::format("_tile{}x{}", id.block_tile->thread_k, id.block_tile->thread_n);
  if (id.thread_blocks) tags += fmt::format("_sms{}", *id.thread_blocks);
  if (id.reduce_bits != CaseId{}.reduce_bits) tags += fmt::format("_reduce{}", id.reduce_bits);
  return id.kernel.empty() ? tags : tags + "@" + id.kernel;
}

void take_launch(Parts& parts, CaseId& id) {
  if (parts.next().starts_with("tile")) {
    const std::string_view part = parts.next();
    const std::size_t x = std::min(part.find('x'), part.size());
    Parts sizes(part.substr(0, x)), columns(part.substr(x));
    const int thread_k = sizes.number<int>("tile", "thread_k of the block_tile");
    id.block_tile = {thread_k, columns.number<int>("x", "thread_n of the block_tile")};
    parts.take("the block_tile");
  }
  if (parts.next().starts_with("sms")) id.thread_blocks = parts.number<int>("sms", "the thread blocks");
  if (parts.next().starts_with("reduce")) id.reduce_bits = parts.number<int>("reduce", "the bits of partial sums");
}

void check_sizes(const CaseId& id, std::string_view text) {
  for (const auto& [name, value] : {std::pair{"M", id.M}, {"K", id.K}, {"N", id.N}})
    if (value < 1) throw InputError("case '{}': {}={} is not positive", text, name, value);
  if (id.thread_blocks && *id.thread_blocks < 1)
    throw InputError("case '{}': {} thread blocks, at least 1 is needed", text, *id.thread_blocks);
  if (id.reduce_bits != 16 && id.reduce_bits != 32)
    throw InputError("case '{}': partial sums of {} bits, they have 16 or 32", text, id.reduce_bits);
}

}  // namespace

char letter_of(Source source) { return "rwsb"[static_cast<int>(source)]; }

std::string CaseId::text() const {
  return fmt::format("M{}_K{}_N{}_g{}_{}{}{}{}{}_{}_{}_s{}{}", M, K, N, group, symmetric ? "sym" : "asym",
                     format_tag(*this), act_order ? "_act" : "", bias ? "_bias" : "", cut_tags(cuts), name_of(dtype),
                     letter_of(source), seed, launch_tags(*this));
}

CaseId parse_case(std::string_view text) {
  const std::size_t at = std::min(text.find('@'), text.size());
  Parts parts(text.substr(0, at));
  CaseId id;
  if (at < text.size()) id.kernel = text.substr(at + 1);
  if (at < text.size() && id.kernel.empty()) throw InputError("case '{}': no kernel behind the @", text);
  id.M = parts.number<int>("M", "M, the rows of A");
  id.K = parts.number<int>("K", "K, the reduction length");
  id.N = parts.number<int>("N", "N, the output features");
  id.group = parse_group(fmt::format("{}", parts.number<int>("g", "group_size")));
  id.symmetric = choose<bool>(parts.take("sym or asym"), "kind of zero point", {{"sym", true}, {"asym", false}});
  take_format(parts, id);
  id.act_order = parts.take_if("act");
  id.bias = parts.take_if("bias");
  take_cuts(parts, id);
  id.dtype = choose<DType>(parts.take("the type"), "type", {{"fp16", DType::fp16}, {"bf16", DType::bf16}});
  id.source = parse_source(parts.take("the mode"));
  id.seed = parts.number<std::uint64_t>("s", "the seed");
  take_launch(parts, id);
  parts.expect_end();
  check_sizes(id, text);
  return id;
}

Source parse_source(std::string_view text) {
  return choose<Source>(text, "mode", {{"r", Source::r}, {"w", Source::w}, {"s", Source::s}, {"b", Source::b}});
}

int parse_group(std::string_view text) {
  return choose<int>(text, "group", {{"-1", -1}, {"32", 32}, {"64", 64}, {"128", 128}});
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace w4::cases
