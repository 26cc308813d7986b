// SPDX-License-Identifier: Apache-2.0
#include "cases/search/races.h"

#include "cases/judge/launch_repeats.h"
#include "cases/search/launch_rules.h"
#include "cases/search/race_probes.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::search {
namespace {

using kernel::child::SanitizerAnswer;
using report::Culprit;

bool has_hazards(const SanitizerAnswer& answer) {
  return answer.tool == "racecheck" && answer.finished && !answer.clean();
}

/// The kinds of hazard that racecheck reports.
struct Hazards {
  bool read_after_write = false;
  bool write_after_read = false;

  explicit Hazards(const std::vector<SanitizerAnswer>& sanitizers) {
    for (const SanitizerAnswer& answer : sanitizers) {
      read_after_write |= has_hazards(answer) && answer.read_after_write;
      write_after_read |= has_hazards(answer) && answer.write_after_read;
    }
  }
};

std::string outcome(const std::optional<bool>& differ) {
  if (!differ) return "a launch does not run: nothing follows";
  return *differ ? "launches still differ" : fmt::format("{} launches are equal in every bit", RaceProbes::kLaunches);
}

std::string text_of(const RaceProbes::GroupsUsed& used) {
  const std::string seen = fmt::format("where scales carry their group, {} outputs of {} launches are wrong, most by ",
                                       used.wrong(), used.launches);
  if (used.mostly_later())
    return seen + fmt::format("scales of later groups (the nearest is {} further on): overwritten before they are read",
                              used.nearest_later);
  return seen + fmt::format("scales of earlier groups (the nearest is {} further back): read before they have arrived",
                            used.nearest_earlier);
}

class Races {
 public:
  Races(LaunchTrials& trials, const std::vector<SanitizerAnswer>& sanitizers, std::string difference)
      : probes_(trials), hazards_(sanitizers), grouped_(!trials.task().packed.one_group()) {
    evidence_.push_back(std::move(difference));
  }

  std::vector<Culprit> name() {
    const std::optional<bool> differ = probes_.differ_with_equal_scales();
    evidence_.push_back(fmt::format("with equal scales in all groups {}", outcome(differ)));
    if (grouped_ && differ) look_at_scales(*differ);
    if (differ.value_or(false)) found_.push_back(race_of_operands_or_sums());
    if (!differ) found_.push_back({.stage = "", .fault = "unexplained", .evidence = evidence_});
    if (found_.empty())
      found_.push_back({.stage = "pipeline",
                        .fault = "unexplained",
                        .evidence = with("which scales are used differs from launch to launch")});
    return std::move(found_);
  }

 private:
  std::vector<std::string> with(const std::string& line) const {
    std::vector<std::string> lines = evidence_;
    lines.push_back(line);
    return lines;
  }

  void look_at_scales(bool differ_without_them) {
    const RaceProbes::GroupsUsed used = probes_.groups_used();
    if (used.mostly_later()) {
      found_.push_back(named("scale-ring-refill", with(text_of(used))));
      if (const auto blocks = probes_.blocks_of_one_slice(); blocks && probes_.groups_used(blocks).mostly_later())
        found_.back().evidence.push_back(
            "with one slice a thread block, behind whose write-out nothing is loaded, it is the same");
    }
    if (used.mostly_earlier() && !differ_without_them) found_.push_back(named("smem-race", with(text_of(used))));
  }

  enum class WriteOut { no, yes, or_hand_over };

  /// The write-out's race is calm where a thread block has one slice, and shows where one block has them all; a
  /// hand-over between blocks is calm in both.
  WriteOut look_at_write_out() {
    if (!probes_.blocks_of_one_slice()) {
      evidence_.push_back(
          "one slice a thread block is not asked for: that takes --block-tile, and a GPU that holds all the blocks at "
          "once");
      return WriteOut::no;
    }
    const std::optional<bool> with_slice = probes_.differ_with_one_slice();
    evidence_.push_back(fmt::format("with one slice a thread block, behind whose write-out nothing is loaded, {}",
                                    outcome(with_slice)));
    if (with_slice != false) return WriteOut::no;
    const std::optional<bool> alone = probes_.differ_on_one_block();
    evidence_.push_back(fmt::format("on one thread block, which hands nothing over, {}", outcome(alone)));
    return alone == true ? WriteOut::yes : WriteOut::or_hand_over;
  }

  /// Scales are not what differs.
  Culprit race_of_operands_or_sums() {
    const WriteOut write_out = look_at_write_out();
    if (write_out == WriteOut::yes) return named("writeout-race", evidence_);
    if (write_out == WriteOut::or_hand_over)
      return {.stage = "reduce",
              .fault = "unexplained",
              .evidence = with("partial sums are handed over too early, or writeout-race: the probes do not tell the "
                               "two apart"),
              .cure = "look at the locks, and at the barrier after the write-out"};
    const std::optional<bool> differ = probes_.differ_with_equal_rows_of_k();
    evidence_.push_back(fmt::format("where all rows of K are alike {}", outcome(differ)));
    if (!differ) return {.stage = "", .fault = "unexplained", .evidence = evidence_};
    evidence_.back() += *differ ? ": sums are overwritten, not only operands" : ": operands are not the right ones";
    if (hazards_.read_after_write) return named("smem-race", evidence_);
    if (*differ && hazards_.write_after_read) return named("writeout-race", evidence_);
    if (!*differ && hazards_.write_after_read)
      return {.stage = "pipeline", .fault = "unexplained", .evidence = evidence_};
    return {.stage = *differ ? "reduce or pipeline" : "pipeline",
            .fault = *differ ? "writeout-race or smem-race" : "smem-race or an early refill",
            .evidence = with("the probes do not tell the two apart; --sanitize racecheck adds what does"),
            .cure = "a barrier; --sanitize racecheck says between which accesses"};
  }

  RaceProbes probes_;
  Hazards hazards_;
  bool grouped_;
  std::vector<std::string> evidence_;
  std::vector<Culprit> found_;
};

}  // namespace

std::vector<Culprit> name_races(LaunchTrials& trials, const std::vector<SanitizerAnswer>& sanitizers,
                                const std::string& difference) {
  return Races(trials, sanitizers, difference).name();
}

bool is_evidence(const SanitizerAnswer& answer, const LaunchTrials& trials) {
  return !has_hazards(answer) || judge::repeats_of(trials.launches(), trials.expected()).apart;
}

std::string note_of(const SanitizerAnswer& answer, const LaunchTrials& trials) {
  if (is_evidence(answer, trials)) return answer.text();
  const std::size_t differing = judge::most_differing(trials.launches());
  return fmt::format("{}; {} launches are {}: hazards are no evidence of a race without launches that differ",
                     answer.text(), trials.launches().size(),
                     differing == 0 ? "equal in every bit" : "equal within rounding");
}

}  // namespace w4::cases::search
