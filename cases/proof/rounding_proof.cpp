// SPDX-License-Identifier: Apache-2.0
#include "cases/proof/rounding_proof.h"

#include "cases/case/task.h"
#include "cases/judge/class_fit.h"
#include "cases/proof/proof_cases.h"
#include "cases/search/examine.h"
#include "fixtures/half.h"
#include "fixtures/random/counter_random.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace w4::cases::proof {
namespace {

using fixtures::random::RandomStream;
using judge::EndRounding;
using judge::SumRounding;

/// A case whose kernel may round in ways that are not ours.
ProofCase users_case(const std::string& command) {
  ProofCase made = proof_case_of(command);
  made.options.asked = asked::Kernel{.spec = "plugin:"};
  return made;
}

kernel::Task task_for(const ProofCase& of) {
  return task_of(of.prepared, repack::repack(of.prepared.layer), of.options);
}

search::KernelExamination examined(kernel::child::ForeignKernel& kernel, const ProofCase& of) {
  static const search::Progress kSilent = [](std::string_view) {};
  return search::examine(kernel, of.prepared, of.options, task_for(of), kSilent);
}

/// Random numbers of trial `index`, one after another.
class Draw {
 public:
  explicit Draw(int index) : random_(kSeed, static_cast<std::uint64_t>(index)) {}
  int below(int bound) { return random_.below(bound, drawn_++); }
  template <class T, std::size_t count>
  T of(const std::array<T, count>& values) {
    return values[static_cast<std::size_t>(below(static_cast<int>(count)))];
  }

 private:
  static constexpr std::uint64_t kSeed = 31;
  RandomStream random_;
  std::uint64_t drawn_ = 0;
};

std::string random_command(int index) {
  Draw draw(index);
  const int group = draw.of(std::array{-1, 32, 64, 128});
  const int K = group == -1 ? 64 * (3 + draw.below(14)) : group * ((192 + group - 1) / group + draw.below(768 / group));
  const int N = 64 * (1 + draw.below(4)), M = draw.of(std::array{1, 2, 7, 16, 17, 33});
  const bool bf16 = draw.below(2) == 0, asym = draw.below(2) == 0, act = group != -1 && draw.below(3) == 0;
  return fmt::format("--case M{}_K{}_N{}_g{}_{}{}{}_{}_r_s{}", M, K, N, group, asym ? "asym" : "sym", act ? "_act" : "",
                     draw.below(2) == 0 ? "_bias" : "", bf16 ? "bf16" : "fp16", index + 1);
}

/// Whether a way says all that its class is about, so that the class has its variance.
bool is_class_itself(const RoundingWay& way) {
  return way.adding == RoundingWay::Adding::serial && way.step == 1 && !way.fused;
}

}  // namespace

std::vector<VarianceLine> simulate_variances(long long elements, const std::function<void(int, int)>& done) {
  std::vector<VarianceLine> lines;
  int way_index = 0;
  const auto ways = static_cast<int>(rounding_ways().size());
  for (const RoundingWay& way : rounding_ways()) {
    done(++way_index, ways);
    if (!is_class_itself(way)) continue;
    VarianceLine line{.what = way.what, .rounding = judge::name_of(way.rounding)};
    double squares = 0;
    for (int seed = 1; line.elements < elements; ++seed) {
      const bool one_group = way.rounding.end == EndRounding::before_scale;
      const bool sliced = way.rounding.sums == SumRounding::any_cuts;
      const ProofCase of =
          users_case(fmt::format("--case M64_K{}_N1024_g{}_{}_bias_{}_r_s{}", sliced ? 1024 : 512, one_group ? -1 : 64,
                                 seed % 2 == 0 ? "sym" : "asym", seed % 4 < 2 ? "fp16" : "bf16", seed));
      const kernel::Task task = task_for(of);
      const judge::Expected expected =
          judge::under(judge::expected_output(of.prepared.layer, of.prepared.A,
                                              rounding_with_classes(of.prepared.layer, for_lane_model(task))),
                       way.rounding);
      const Grid<std::uint16_t> C = computed(way, task);
      for (std::size_t i = 0; i < C.size(); ++i) {
        const double error = value_of(C[i], expected.dtype) - expected.y[i];
        const double sigma = judge::rounding_sigma(expected, expected.variance[i]);
        const double rest = judge::rounding_rest(expected, expected.norm[i], expected.y[i]) / judge::kRestOfSigma;
        squares += error * error / (sigma * sigma + rest * rest);
      }
      line.max_z = std::max(line.max_z, judge::compare(C, expected, task.launch.fill).max_z);
      line.elements += static_cast<long long>(C.size());
    }
    line.rms = std::sqrt(squares / static_cast<double>(line.elements));
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string text_of(const std::vector<VarianceLine>& lines) {
  std::string text = fmt::format("{:<58} {:<32} {:>10} {:>6} {:>6}\n", "kernel", "class", "elements", "rms", "max z");
  for (const VarianceLine& line : lines)
    text += fmt::format("{:<58} {:<32} {:>10} {:>6.3f} {:>6.2f}\n", line.what, line.rounding, line.elements, line.rms,
                        line.max_z);
  return text;
}

std::vector<std::string> accused_by_rounding(int count, const std::function<void(int, int)>& done) {
  std::vector<std::string> accused;
  for (int i = 0; i < count; ++i) {
    const RoundingWay& way = rounding_ways()[static_cast<std::size_t>(i) % rounding_ways().size()];
    const std::string command = random_command(i);
    RoundingKernel kernel(way);
    const search::KernelExamination seen = examined(kernel, users_case(command));
    if (!seen.right()) accused.push_back(fmt::format("{}: {}: {}", way.what, command, seen.reason));
    done(i + 1, count);
  }
  return accused;
}

namespace {

/// A kernel that is wrong in the outputs or in the activations that it uses, whatever it is asked.
struct Mistake {
  const char* what;
  std::uint16_t (*output)(const Grid<std::uint16_t>& C, int m, int n, DType dtype);
  bool (*left_out)(int k);
};

std::uint16_t scaled(std::uint16_t bits, double gain, DType dtype) {
  return bits_of(static_cast<float>(value_of(bits, dtype) * gain), dtype);
}

constexpr int kOneIn = 1000;
constexpr Mistake kMistakes[] = {
    {"gain of 1.004", [](const auto& C, int m, int n, DType dtype) { return scaled(C(m, n), 1.004, dtype); }, nullptr},
    {"gain of 0.996", [](const auto& C, int m, int n, DType dtype) { return scaled(C(m, n), 0.996, dtype); }, nullptr},
    {"one column in 1000 is its neighbour",
     [](const auto& C, int m, int n, DType) { return C(m, n % kOneIn == 5 ? n + 1 : n); }, nullptr},
    {"one column in 1000 has a tenth more",
     [](const auto& C, int m, int n, DType dtype) { return n % kOneIn == 5 ? scaled(C(m, n), 1.1, dtype) : C(m, n); },
     nullptr},
    {"one row of each 128 is left out", nullptr, [](int k) { return k % 128 == 17; }},
    {"one row of K is left out", nullptr, [](int k) { return k == 17; }},
};

class MistakenKernel final : public RoundingKernel {
 public:
  MistakenKernel(const RoundingWay& way, const Mistake& mistake) : RoundingKernel(way), mistake_(mistake) {}

  kernel::RunResult run(const kernel::Task& task) override {
    kernel::Task asked = task;
    if (mistake_.left_out)
      asked.A = Grid<std::uint16_t>::from(task.A.rows(), task.A.cols(), [&](int m, int k) {
        return mistake_.left_out(k) ? std::uint16_t{0} : task.A(m, k);
      });
    kernel::RunResult result = RoundingKernel::run(asked);
    const Grid<std::uint16_t> C = result.C;
    if (mistake_.output)
      result.C = Grid<std::uint16_t>::from(C.rows(), C.cols(),
                                           [&](int m, int n) { return mistake_.output(C, m, n, task.packed.dtype); });
    return result;
  }

 private:
  const Mistake& mistake_;
};

constexpr const char* kWrongCases[kWrongCaseCount] = {
    "--case M16_K512_N512_g128_sym_fp16_r_s7",       "--case M33_K384_N256_g-1_asym_bias_fp16_r_s8",
    "--case M16_K1024_N1024_g64_asym_act_fp16_r_s9", "--case M64_K512_N512_g128_asym_bf16_r_s10",
    "--case M16_K768_N512_g-1_sym_bf16_r_s11",       "--case M1_K1024_N1024_g128_asym_fp16_r_s12",
    "--case M1_K768_N1024_g-1_sym_bias_bf16_r_s13",
};

/// The case with the class of a way in --rounding.
ProofCase asked_for(ProofCase of, const RoundingWay& way) {
  of.options.effort.rounding = way.rounding;
  return of;
}

}  // namespace

WrongKernels missed_by_rounding(int cases, std::size_t every, const std::function<void(int, int)>& done) {
  WrongKernels wrong;
  const auto all = cases * static_cast<int>(std::size(kMistakes));
  int trial = 0;
  for (const char* command : std::span(kWrongCases).first(static_cast<std::size_t>(cases))) {
    const ProofCase of = users_case(command);
    for (const Mistake& mistake : kMistakes) {
      done(++trial, all);
      MistakenKernel exact(rounding_ways()[0], mistake);
      if (examined(exact, of).right()) continue;  // no class can see it
      for (std::size_t i = 0; i < rounding_ways().size(); i += every) {
        const RoundingWay& way = rounding_ways()[i];
        MistakenKernel kernel(way, mistake);
        ++wrong.tried;
        for (const ProofCase& asked : {of, asked_for(of, way)})
          if (const search::KernelExamination seen = examined(kernel, asked); seen.right())
            wrong.missed.push_back(fmt::format("{}: {}: {}: {}", mistake.what, way.what, command,
                                               judge::name_of(seen.trials.rounding().value())));
      }
    }
  }
  return wrong;
}

}  // namespace w4::cases::proof
