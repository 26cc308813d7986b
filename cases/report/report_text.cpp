// SPDX-License-Identifier: Apache-2.0
#include "cases/report/report_text.h"

#include "cases/report/schema.h"
#include "fixtures/error.h"
#include "fixtures/text.h"

#include <fmt/color.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <span>

namespace w4::cases::report {
namespace {

using nlohmann::ordered_json;

/// A text, built piece by piece, with optional colours. All pieces are shown().
class Text {
 public:
  explicit Text(bool color) : color_(color) {}

  template <class... Args>
  void piece(fmt::format_string<Args...> format, Args&&... args) {
    text_ += shown(fmt::format(format, std::forward<Args>(args)...));
  }
  /// The last piece of a line.
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += text_line(format, std::forward<Args>(args)...);
  }
  void painted(std::string_view word, fmt::terminal_color color) {
    const std::string text = shown(word);
    text_ += color_ ? fmt::format(fmt::fg(color) | fmt::emphasis::bold, "{}", text) : text;
  }
  void gap() { text_ += "\n"; }
  std::string take() { return std::move(text_); }

 private:
  bool color_;
  std::string text_;
};

fmt::terminal_color color_of(StageVerdict verdict) {
  switch (verdict) {
    case StageVerdict::ok: return fmt::terminal_color::green;
    case StageVerdict::broken: return fmt::terminal_color::red;
    default: return fmt::terminal_color::bright_black;
  }
}

fmt::terminal_color color_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::match: return fmt::terminal_color::green;
    case Verdict::mismatch:
    case Verdict::unreadable: return fmt::terminal_color::red;
    default: return fmt::terminal_color::yellow;
  }
}

void add_stages(const Report& report, Text& text) {
  if (report.stages.empty()) return;
  text.gap();
  text.line("{:<12} {:<12} {}", "stage", "verdict", "evidence");
  for (const StageLine& line : report.stages) {
    text.piece("{:<12} ", line.stage);
    text.painted(fmt::format("{:<12}", name_of(line.verdict)), color_of(line.verdict));
    text.line(" {}", line.evidence);
  }
}

void add_probes(const Report& report, Text& text) {
  if (report.probes.empty()) return;
  text.gap();
  text.line("{:<13} {:>5}  {:<24} {}", "probe", "rows", "outputs", "answers");
  for (const ProbeLine& line : report.probes) {
    text.piece("{:<13} {:>5}  ", line.id, line.rows);
    text.painted(fmt::format("{:<24}", line.answer),
                 line.right ? fmt::terminal_color::green : fmt::terminal_color::red);
    text.line(" {}", line.sees);
  }
}

void add_output(const Report& report, Text& text) {
  if (!report.comparison) return;
  const judge::Comparison& c = *report.comparison;
  constexpr std::size_t kPerLine = 10;
  const std::span<const double> first(report.first);
  text.gap();
  text.line("{:<12} first {}:", "output", first.size());
  for (std::size_t i = 0; i < first.size(); i += kPerLine)
    text.line("{:<12} {:>9.4g}", "", fmt::join(first.subspan(i, std::min(kPerLine, first.size() - i)), " "));
  text.line("{:<12} {} outputs: {} zero, {} unwritten, {} NaN, {} inf", "", c.count, c.zero, c.unwritten, c.nan, c.inf);
  if (c.judged == 0) {
    text.line("{:<12} no output is finite and written: nothing to compare", "error");
    return;
  }
  text.line("{:<12} max z {:.3g} at (m={}, n={}), limit {}; rms z {:.3g}, limit {}; nrmse {:.2e}; gain 1{:+.1e}",
            "error", c.max_z, c.worst_m, c.worst_n, judge::kMaxZ, c.rms_z, judge::kMaxRmsZ, c.nrmse, c.gain - 1);
}

std::string audit_value(const judge::AuditLine& line) {  // fmt would print the sign of a NaN
  return std::isnan(line.value) ? "NaN" : fmt::format("{:.4g}", line.value);
}

/// The rules that pass, or that refuse, an output: "cosine > 0.99 (0.9967), z <= 8 (3.61)"
std::string rules_of(const std::vector<judge::AuditLine>& audit, bool passed) {
  std::vector<std::string> rules;
  for (const judge::AuditLine& line : audit)
    if (line.passed == passed) rules.push_back(fmt::format("{} ({})", line.rule, audit_value(line)));
  return rules.empty() ? "none" : fmt::format("{}", fmt::join(rules, ", "));
}

/// The verdicts of common acceptance rules on a wrong output.
void add_audit(const Report& report, Text& text) {
  if (report.audit.empty() || report.verdict != Verdict::mismatch) return;
  text.line("{:<12} would pass: {}", "audit", rules_of(report.audit, true));
  text.line("{:<12} refused by: {}", "", rules_of(report.audit, false));
  if (report.comparison && report.comparison->unwritten > 0)
    text.line("{:<12} an output that was never written counts as 0 there, as in a fresh buffer", "");
}

void add_culprits(const Report& report, Text& text) {
  for (const Culprit& culprit : report.culprits) {
    text.gap();
    text.piece("{:<12} ", "culprit");
    text.painted(culprit.fault, fmt::terminal_color::red);
    text.line("{}", culprit.stage.empty() ? "" : " in stage " + culprit.stage);
    for (const std::string& evidence : culprit.evidence) text.line("{:<12} {}", "", evidence);
    if (!culprit.cure.empty()) text.line("{:<12} {}", "cure", culprit.cure);
    if (!culprit.rerun.empty()) text.line("{:<12} {}", "alone", culprit.rerun);
  }
}

void add_condition(const Report& report, Text& text) {
  if (!report.condition) return;
  text.gap();
  text.line("{:<12} {}", "condition", report.condition->text);
  for (const std::string& line : report.condition->evidence) text.line("{:<12} {}", "", line);
}

/// An error figure; none when nothing could be compared.
double judged(const judge::Comparison& c, double value) { return c.judged > 0 ? value : std::nan(""); }

/// JSON has no NaN and no infinity: they become null.
ordered_json number(double value) { return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr); }

ordered_json json_of(const Culprit& culprit) {
  return {{"stage", culprit.stage},
          {"fault", culprit.fault},
          {"evidence", culprit.evidence},
          {"cure", culprit.cure},
          {"rerun", culprit.rerun}};
}

ordered_json json_of(const Condition& condition) {
  return {{"text", condition.text},
          {"evidence", condition.evidence},
          {"launches", condition.launches},
          {"finished", condition.finished}};
}

ordered_json json_of(const kernel::KernelLaunch& launch) {
  return {{"kernel", launch.kernel},
          {"grid", launch.grid},
          {"block", launch.block},
          {"dynamic_shared_bytes", launch.dynamic_bytes},
          {"dynamic_shared_bytes_allowed", launch.dynamic_bytes_allowed},
          {"static_shared_bytes", launch.static_bytes},
          {"registers", launch.registers},
          {"binary_version", launch.binary_version},
          {"ptx_version", launch.ptx_version},
          {"on_given_stream", launch.on_given_stream},
          {"error", launch.error}};
}

ordered_json json_of(const judge::AuditLine& line) {
  return {{"rule", line.rule}, {"value", number(line.value)}, {"limit", line.limit}, {"passed", line.passed}};
}

ordered_json first_outputs(const std::vector<double>& values) {
  ordered_json out = ordered_json::array();
  for (const double value : values) out.push_back(number(value));
  return out;
}

/// ": ..." after the verdict, or nothing.
std::string verdict_reason(const Report& report) {
  if (is_doubtful_match(report)) return ": the path matches; the LAYER looks wrong: " + report.doubts[0];
  std::vector<std::string> said;
  for (const Culprit& culprit : report.culprits)
    if (!report.reason.starts_with(culprit.fault))
      said.push_back(culprit.fault + (culprit.stage.empty() ? "" : " in stage " + culprit.stage));
  if (!report.reason.empty()) said.push_back(report.reason);
  return said.empty() ? "" : fmt::format(": {}", fmt::join(said, "; "));
}

}  // namespace

bool is_doubtful_match(const Report& report) { return report.verdict == Verdict::match && !report.doubts.empty(); }

std::string_view name_of(Verdict verdict) {
  constexpr std::string_view kNames[] = {"match", "mismatch", "cannot-test", "unreadable"};
  return kNames[static_cast<int>(verdict)];
}

std::string_view name_of(StageVerdict verdict) {
  constexpr std::string_view kNames[] = {"ok", "broken", "not-reached", "not-visible"};
  return kNames[static_cast<int>(verdict)];
}

int exit_code_of(Verdict verdict) {
  constexpr int kCodes[] = {kMatch, kMismatch, kCannotTest, kMismatch};
  return kCodes[static_cast<int>(verdict)];
}

std::string text_of(const Report& report, bool color) {
  Text text(color);
  text.piece("{:<12} ", "verdict");
  text.painted(name_of(report.verdict), color_of(report.verdict));
  text.line("{}{}", report.rounding ? " (" + report.rounding_text + ")" : "", verdict_reason(report));
  if (is_doubtful_match(report)) text.line("{:<12} {}", "cure", report.doubt_cure);
  add_culprits(report, text);
  add_condition(report, text);
  text.gap();
  text.line("{:<12} {}", "case", report.case_id);
  text.line("{:<12} {}", "fixture", report.fixture);
  text.line("{:<12} {}{}", "kernel", report.kernel, report.launch.empty() ? "" : ": " + report.launch);
  for (const kernel::KernelLaunch& launch : report.launches) text.line("{:<12} {}", "launch", launch.text());
  for (const std::string& note : report.notes) text.line("{:<12} {}", "note", note);
  add_stages(report, text);
  add_probes(report, text);
  add_output(report, text);
  if (report.repeats && report.repeats->differing > 0)
    text.line("{:<12} {}", "launches", judge::triage_of(*report.repeats));
  add_audit(report, text);
  text.gap();
  text.line("{:<12} {:.2f} s", "time", report.seconds);
  text.line("{}", report.rerun);
  return text.take();
}

ordered_json json_of(const Report& report) {
  const judge::Comparison c = report.comparison.value_or(judge::Comparison{});
  ordered_json out = {{"schema", kReportSchema}, {"case", report.case_id},
                      {"kernel", report.kernel}, {"verdict", name_of(report.verdict)},
                      {"reason", report.reason}, {"fixture", report.fixture},
                      {"notes", report.notes}};
  if (!report.doubts.empty()) out["layer"] = {{"looks_wrong", report.doubts}, {"cure", report.doubt_cure}};
  if (report.rounding) out["rounding"] = {{"class", judge::name_of(*report.rounding)}, {"text", report.rounding_text}};
  if (!report.launch.empty()) out["launch"] = report.launch;
  out["launches"] = ordered_json::array();
  for (const kernel::KernelLaunch& launch : report.launches) out["launches"].push_back(json_of(launch));
  out["culprits"] = ordered_json::array();
  for (const Culprit& culprit : report.culprits) out["culprits"].push_back(json_of(culprit));
  if (report.condition) out["condition"] = json_of(*report.condition);
  out["stages"] = ordered_json::array();
  for (const StageLine& line : report.stages)
    out["stages"].push_back({{"stage", line.stage}, {"verdict", name_of(line.verdict)}, {"evidence", line.evidence}});
  if (!report.probes.empty()) out["probes"] = ordered_json::array();
  for (const ProbeLine& line : report.probes)
    out["probes"].push_back({{"probe", line.id},
                             {"sees", line.sees},
                             {"blind_to", line.blind},
                             {"rows", line.rows},
                             {"right", line.right},
                             {"answer", line.answer}});
  out["outputs"] = {{"first", first_outputs(report.first)},
                    {"count", c.count},
                    {"zero", c.zero},
                    {"nonzero", c.count - c.zero - c.unwritten - c.nan},
                    {"unwritten", c.unwritten},
                    {"nan", c.nan},
                    {"inf", c.inf}};
  out["error"] = {{"max_z", number(judged(c, c.max_z))},
                  {"rms_z", number(judged(c, c.rms_z))},
                  {"nrmse", number(judged(c, c.nrmse))},
                  {"gain", number(judged(c, c.gain))}};
  out["audit"] = ordered_json::array();
  for (const judge::AuditLine& line : report.audit) out["audit"].push_back(json_of(line));
  if (report.runs > 0) out["runs"] = report.runs;
  if (report.repeats)
    out["repeats"] = {{"launches", report.repeats->launches},
                      {"differing", report.repeats->differing},
                      {"triage", judge::triage_of(*report.repeats)}};
  out["rerun"] = report.rerun;
  if (!report.made.empty()) out["made"] = report.made;
  out["seconds"] = report.seconds;
  return out;
}

}  // namespace w4::cases::report
