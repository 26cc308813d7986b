// SPDX-License-Identifier: Apache-2.0
#include "cases/explain/explain_report.h"
#include "fixtures/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::explain {
namespace {

constexpr const char* kRow = "{:<6} {:>6} {:>6} {:>10} {:>6} {:>5} {:>21} {:>21} {:>11}  {:<16} {:<18} {:<11} {}";

/// Builds text of lines that begin with a key of twelve columns.
class Lines {
 public:
  template <class... Args>
  void add(std::string_view key, fmt::format_string<Args...> format, Args&&... args) {
    text_ += text_line("{:<12} {}", key, fmt::format(format, std::forward<Args>(args)...));
  }
  void raw(const std::string& line) { text_ += text_line("{}", line); }
  void gap() { text_ += "\n"; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

/// "5", or "5!9" where 9 is right.
std::string against(const std::string& used, const std::string& want, bool right) {
  return right ? used : used + "!" + want;
}

/// The same of numbers that five digits may not tell apart.
std::string against(double used, double want, bool right) {
  return right ? digits(used) : against(digits(used, want), digits(want, used), false);
}

std::string register_of(const Place& place) {
  return fmt::format("b{}.{}", place.element / 2, place.element % 2 == 0 ? "lo" : "hi");
}

const char* plural(std::size_t count) { return count == 1 ? "" : "s"; }

// An output

constexpr int kOutputDigits = 6;

void add_output(const Trace& trace, Lines& out) {
  const OutputLine& line = *trace.output;
  const std::string where = fmt::format("(m={}, n={})", trace.question.row, trace.question.n);
  out.gap();
  if (!line.missing.empty())
    out.add("output", "{}: {}, where {:.6g} is right", where, line.missing, line.want);
  else
    out.add("output", "{}: {}{}: error {:.3g}, bound {:.3g}, z {:.3g}", where, trace.foreign ? "the kernel gives " : "",
            beside(line.used, line.want, kOutputDigits), line.used - line.want, line.error.bound, line.error.z);
  if (line.bias != 0) out.add("", "bias {:.6g} is part of the right value", line.bias);
}

void add_slice(const SliceLine& line, int thread_blocks, Lines& out) {
  const std::string rows = fmt::format("{}..{}", line.k_begin, line.k_end - 1);
  const std::string stripe = fmt::format("{}..{}", line.stripe_begin, line.stripe_end - 1);
  const std::string block = fmt::format("{} of {}", line.slice.thread_block, thread_blocks);
  out.add("", "{:<6} {:<13} {:<12} {:<12} {:>13} {:>13}{}", line.slice.index, block, stripe, rows,
          line.used ? fmt::format("{:.6g}", *line.used) : "none", fmt::format("{:.6g}", line.want),
          line.right ? "" : "  wrong");
}

void add_slices(const Trace& trace, Lines& out) {
  const kernel::lane_model::Plan& plan = trace.plan;
  const int problem = trace.question.row / kernel::lane_model::kProblemRows;
  const int column = trace.question.n / plan.block_tile.thread_n;
  const int first_n = column * plan.block_tile.thread_n;
  out.add("summed by", "block_tile column {} (n {}..{}) of problem {} (m {}..{}): {} slice{}", column, first_n,
          std::min(plan.N, first_n + plan.block_tile.thread_n) - 1, problem, problem * kernel::lane_model::kProblemRows,
          problem * kernel::lane_model::kProblemRows + plan.rows_of(problem) - 1, trace.slices.size(),
          plural(trace.slices.size()));
  out.add("", "{:<6} {:<13} {:<12} {:<12} {:>13} {:>13}", "slice", "thread block", "stripe", "rows of B",
          trace.one_group ? "unscaled sum" : "partial sum", "right");
  for (const SliceLine& line : trace.slices) add_slice(line, plan.thread_blocks, out);
  if (trace.slices.size() == 1)
    out.add("order", "one slice: nothing is handed over");
  else
    out.add("order", "slice 0, the highest rows, leaves its sum in {} bits, the next adds its own; slice {} writes",
            trace.reduce_bits, trace.slices.size() - 1);
}

void add_term(const Trace& trace, const Term& term, Lines& out) {
  const char* mark = term.right() ? "" : "wrong";
  const std::string weight = against(term.used_weight(), term.wanted_weight(),
                                     term.used_weight() == term.wanted_weight() || (term.seen && term.right()));
  if (!term.place) {
    out.raw(fmt::format(kRow, mark, term.k, "none", digits(term.a), "", "", "", weight, digits(0), "", "", "", ""));
    return;
  }
  const Place& place = *term.place;
  const kernel::lane_model::Spot loader = kernel::lane_model::spot_of(
      trace.plan, trace.question.row / kernel::lane_model::kProblemRows, place.row, place.n);
  out.raw(fmt::format(kRow, mark, term.k, place.row, digits(term.a),
                      against(fmt::format("{}", term.used.code), digits(term.want.code), term.right_code()),
                      against(fmt::format("{}", term.used.zero), digits(term.want.zero), term.right_zero()),
                      against(term.used.scale, term.want.scale, term.right_scale()), weight,
                      digits(term.a * term.used_weight()),
                      fmt::format("({},{}).{}", place.word_row, place.word_column, place.slot),
                      fmt::format("{:>2} {} {} {}", place.lane, place.fragment, place.mma, register_of(place)),
                      fmt::format("({},{})", place.group, place.scale_place),
                      fmt::format("{} {} {}", loader.slice.thread_block, loader.slice.index, loader.warp)));
}

/// "0..19, 32": k in rising order.
std::string ranges_of(const std::vector<int>& ks) {
  std::string out;
  for (std::size_t i = 0; i < ks.size();) {
    std::size_t end = i + 1;
    while (end < ks.size() && ks[end] == ks[end - 1] + 1) ++end;
    out += fmt::format("{}{}", out.empty() ? "" : ", ", ks[i]);
    if (end - i > 1) out += fmt::format("..{}", ks[end - 1]);
    i = end;
  }
  return out;
}

/// Sentences about the wrong terms that are shown, without repetition: one wrong scale affects many rows.
void add_sentences(const Trace& trace, Lines& out) {
  std::vector<std::pair<std::string, std::vector<int>>> said;
  for (const std::size_t i : trace.shown)
    for (const std::string& line : sentences_of(trace, trace.terms[i])) {
      auto same = std::find_if(said.begin(), said.end(), [&](const auto& other) { return other.first == line; });
      if (same == said.end()) same = said.insert(said.end(), {line, {}});
      same->second.push_back(trace.terms[i].k);
    }
  for (const auto& [line, ks] : said) out.add("", "k={} n={}: {}", ranges_of(ks), trace.question.n, line);
}

std::string summary_of(const Trace& trace) {
  const std::size_t right = trace.terms.size() - trace.wrong;
  std::string line = fmt::format("{} of {} terms are right", right, trace.terms.size());
  if (trace.wrong_same > 0)
    line += fmt::format("; of the {} wrong, {} still give the right weight", trace.wrong, trace.wrong_same);
  if (trace.misread > 0)
    line +=
        fmt::format("; {} of the wrong are right in the packed tensors: the kernel reads other values", trace.misread);
  if (trace.wrong > 0 || trace.right()) return line;
  if (!trace.output->missing.empty()) return line + "; the packed tensors are right here: the kernel wrote no output";
  const bool summed =
      std::all_of(trace.slices.begin(), trace.slices.end(), [](const SliceLine& s) { return s.used && s.right; });
  return line + (summed ? "; every slice's sum is right: the error is made where sums are handed over or written out"
                        : "; the packed tensors are right here: the kernel sums them wrongly");
}

void add_terms(const Trace& trace, Lines& out) {
  out.gap();
  out.add("terms", "{} of {}{}; used!right where they differ", trace.shown.size(), trace.terms.size(),
          trace.shown.size() < trace.terms.size() ? ", wrong ones first, --all prints every one" : "");
  out.raw(fmt::format(kRow, "", "k", "row", "a(m,k)", "code", "zero", "scale", "weight", "product", "word.slot",
                      "lane word mma reg", "scale at", "block slice warp"));
  for (const std::size_t i : trace.shown) add_term(trace, trace.terms[i], out);
  add_sentences(trace, out);
  out.add("summary", "{}", summary_of(trace));
}

// A weight

void add_loaders(const Trace& trace, const Place& place, Lines& out) {
  for (int problem = 0; problem < trace.plan.problems; ++problem) {
    const kernel::lane_model::Spot loader = kernel::lane_model::spot_of(trace.plan, problem, place.row, place.n);
    out.add(problem == 0 ? "loaded by" : "",
            "problem {} (m {}..{}): thread block {}, slice {} of {}, block_tile {}, warp {}", problem,
            problem * kernel::lane_model::kProblemRows,
            problem * kernel::lane_model::kProblemRows + trace.plan.rows_of(problem) - 1, loader.slice.thread_block,
            loader.slice.index, loader.slice.count, loader.k_tile, loader.warp);
  }
}

void add_place(const Trace& trace, const Term& term, Lines& out) {
  const Place& place = *term.place;
  out.add("met by", "column {} of A, as row {} of B", term.k, place.row);
  out.add("word", "B({}, {}) = {:#010x}, slot {}: bits {}..{}", place.word_row, place.word_column, term.used.word,
          place.slot, kBitsPerCode * place.slot, kBitsPerCode * place.slot + kBitsPerCode - 1);
  out.add("register", "tile ({}, {}), lane {}, word {} of its 4, mma {} of that, {}", place.tile_k, place.tile_n,
          place.lane, place.fragment, place.mma, register_of(place));
  out.add("scale at", "scales({}, {}), {}", place.group, place.scale_place,
          trace.stores_zeros ? fmt::format("zeros({}, {}) slot {}", place.group, place.zero_column, place.zero_slot)
                             : "no zeros: all are 8");
  add_loaders(trace, place, out);
}

/// The number of the kernel that is asked. What the packed tensors hold is said behind it.
std::string headline_of(const Trace& trace, const Term& term) {
  if (!trace.unread.empty()) return fmt::format("{}, where {} is right", trace.unread, digits(term.wanted_weight()));
  if (!term.seen) return beside(term.used_weight(), term.wanted_weight());
  if (term.right() && *term.seen != term.wanted_weight())
    return fmt::format("the kernel uses {}, which is {} within rounding", digits(*term.seen),
                       digits(term.wanted_weight()));
  return "the kernel uses " + beside(*term.seen, term.wanted_weight());
}

void add_weight(const Trace& trace, Lines& out) {
  for (const Term& term : trace.terms) {
    out.gap();
    out.add("weight", "(k={}, n={}): {}", term.k, trace.question.n, headline_of(trace, term));
    out.add("parts", "scale {} * (code {} - zero point {}), group {}; right: {} * ({} - {}), group {}",
            digits(term.used.scale), term.used.code, term.used.zero, term.place ? term.place->group : -1,
            digits(term.want.scale), term.want.code, term.want.zero, term.want.group);
    for (const std::string& line : sentences_of(trace, term))
      out.add("", "k={} n={}: {}", term.k, trace.question.n, line);
    if (term.place) add_place(trace, term, out);
  }
}

}  // namespace

std::string digits(double value) { return fmt::format("{:.{}g}", value, kDigits); }

std::string digits(double value, double other, int fewest) {
  constexpr int kAll = 17;
  int count = fewest;
  if (value != other)
    while (count < kAll && fmt::format("{:.{}g}", value, count) == fmt::format("{:.{}g}", other, count)) ++count;
  return fmt::format("{:.{}g}", value, count);
}

std::string beside(double used, double want, int fewest) {
  if (used == want) return digits(used, want, fewest) + ", which is right";
  return digits(used, want, fewest) + " where " + digits(want, used, fewest) + " is right";
}

std::string text_of(const Trace& trace) {
  Lines out;
  out.add("case", "{}", trace.case_id);
  out.add("fixture", "{}", trace.fixture);
  out.add("path", "{}", trace.path);
  out.add("kernel", "{}", trace.kernel);
  for (const std::string& note : trace.notes) out.add("note", "{}", note);
  if (!trace.unread.empty()) out.add("note", "the kernel's weights are not seen: {}", trace.unread);
  if (trace.output) {
    add_output(trace, out);
    add_slices(trace, out);
    add_terms(trace, out);
  } else {
    add_weight(trace, out);
  }
  out.gap();
  out.add("verdict", "{}", trace.right() ? "right" : "wrong");
  if (!trace.right()) out.add("the culprit", "{}", trace.bisect);
  out.raw(trace.rerun);
  return out.take();
}

}  // namespace w4::cases::explain
