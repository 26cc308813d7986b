// SPDX-License-Identifier: Apache-2.0
#include "cases/search/bisect_box.h"
#include "cases/tests/cases/ask.h"
#include "fixtures/half.h"
#include "repack/packed.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace {

using namespace w4;
using namespace w4::cases;

/// What a kernel works with, once it has read everything: a place for each way to get it wrong.
struct Operands {
  int M = 0, K = 0, N = 0;
  std::vector<int> code = {}, zero = {};  // (K, N)
  std::vector<float> scale = {};          // (K, N)
  std::vector<float> a = {};              // (M, K)
  std::vector<float> bias = {};           // (N)
  std::vector<int> group = {};            // (K): of the scales and zero points that stand above
  std::size_t at(int k, int n) const { return static_cast<std::size_t>(k) * N + n; }
  std::size_t in_a(int m, int k) const { return static_cast<std::size_t>(m) * K + k; }
};
using Before = std::function<void(Operands&)>;
using After = std::function<float(float sum, int m, int n)>;

/// A kernel in plain loops that does something else before it sums, or to its sums.
class WrongKernel final : public probe::Box {
 public:
  WrongKernel(Before before, After after) : before_(std::move(before)), after_(std::move(after)) {}
  bool sums_as_lane_model() const override { return false; }

 private:
  kernel::RunResult answer(const probe::Question& question) override {
    Operands x = operands_of(question);
    if (before_) before_(x);
    std::vector<float> weights = x.scale;
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] *= static_cast<float>(x.code[i] - x.zero[i]);
    kernel::RunResult result;
    result.C = Grid<std::uint16_t>::from(x.M, x.N, [&](int m, int n) {
      const float *a = &x.a[x.in_a(m, 0)], *w = &weights[x.at(0, n)];  // pointers: the loop is long, and -O0 is slow
      float sum = 0;
      for (int k = 0; k < x.K; ++k, w += x.N) sum += *a++ * *w;
      sum += x.bias.empty() ? 0.0f : x.bias[static_cast<std::size_t>(n)];
      return bits_of(after_ ? after_(sum, m, n) : sum, question.layer->dtype);
    });
    return result;
  }

  static Operands operands_of(const probe::Question& question) {
    const DType dtype = question.layer->dtype;
    const repack::Packed packed = repack::repack(*question.layer);
    const repack::Unpacked plain = repack::unpack(packed);
    Operands x{.M = question.A.rows(), .K = packed.stored_K, .N = packed.stored_N};
    for (int k = 0; k < x.K; ++k) {
      x.group.push_back(packed.one_group() ? 0 : k / packed.group_size);
      for (int n = 0; n < x.N; ++n) {
        x.code.push_back(plain.codes(k, n));
        x.zero.push_back(plain.zeros.empty() ? kSymmetricZero : plain.zeros(x.group.back(), n));
        x.scale.push_back(value_of(plain.scales(x.group.back(), n), dtype));
      }
    }
    for (const std::uint16_t bits : question.A.cells()) x.a.push_back(value_of(bits, dtype));
    if (question.layer->bias) {
      const auto bias = fixtures::files::grid_of<std::uint16_t>(*question.layer->bias);
      for (const std::uint16_t bits : bias.cells()) x.bias.push_back(value_of(bits, dtype));
    }
    return x;
  }

  Before before_;
  After after_;
};

report::Report ask_wrong(const std::string& case_id, Before before, After after = {}) {
  Options options = test::options_of("--case " + case_id);
  options.effort.most_faults = 1;
  WrongKernel kernel(std::move(before), std::move(after));
  return search::bisect_box(prepare(options.request), kernel, options, test::kQuiet);
}

struct Way {
  const char* what;
  Before before;
  After after;
  const char* stage;
  const char* said;
};

/// `what` done to each weight's entry of a table of the operands.
template <class T>
Before each(std::vector<T> Operands::*table, std::function<T(T)> what) {
  return [=](Operands& x) { std::ranges::transform(x.*table, (x.*table).begin(), what); };
}

}  // namespace

TEST_CASE("readings: what a kernel does that nobody knows is one finding in its stage and said as it is") {
  constexpr const char* kCase = "M16_K128_N64_g32_asym_bias_fp16_r_s3";
  const Way ways[] = {
      {"subtracts one less",
       each<int>(&Operands::zero, [](int z) { return z - 1; }),
       {},
       "zero_points or dequant",
       "the kernel subtracts 7 from a code where 8 is right, at all k, all n"},
      {"codes + 1, clipped",
       each<int>(&Operands::code, [](int q) { return std::min(q + 1, 15); }),
       {},
       "codes or dequant",
       "a code v is used as v + 1, clipped to 0..15"},
      {"one code of 16 is wrong",
       each<int>(&Operands::code, [](int q) { return q == 5 ? 6 : q; }),
       {},
       "codes or dequant",
       "a code v is used as 5 as 6"},
      {"no stored zero point is used",
       each<int>(&Operands::zero, [](int) { return 8; }),
       {},
       "zero_points or dequant",
       "a zero point v is used as 8, whatever it is"},
      {"scales are roots",
       each<float>(&Operands::scale, [](float s) { return std::sqrt(s); }),
       {},
       "scales or dequant",
       "3 is used as 1.73"},
      {"rows of K in pairs",
       [](Operands& x) {
         for (int k = 0; k < x.K; k += 2)
           for (int n = 0; n < x.N; ++n) std::swap(x.code[x.at(k, n)], x.code[x.at(k + 1, n)]);
       },
       {},
       "fragments",
       "k0 = k0 ^ 1"},
      {"groups of 16 rows",
       [](Operands& x) {
         const Operands right = x;
         for (int k = 0; k < x.K; ++k)
           for (int n = 0; n < x.N; ++n) {
             const std::size_t from = x.at(std::min(k / 16, 3) * 32, n);
             x.scale[x.at(k, n)] = right.scale[from];
             x.zero[x.at(k, n)] = right.zero[from];
           }
       },
       {},
       "act_order or scales or pipeline",
       "row k uses group k / 16, where groups are of 32 rows"},
      {"rows of K by a factor",
       [](Operands& x) {
         for (int k = 0; k < x.K; ++k)
           for (int n = 0; n < x.N; ++n) x.scale[x.at(k, n)] *= 1.0f + 0.01f * static_cast<float>(k % 40);
       },
       {},
       "scales or dequant",
       "rows of K differ by a factor, the same in all columns: 124 of 128 rows"},
      {"a row of A is another's",
       [](Operands& x) { std::copy_n(&x.a[x.in_a(4, 0)], x.K, &x.a[x.in_a(5, 0)]); },
       {},
       "pipeline or epilogue",
       "row m=5 of the output follows row 4 of A"},
      {"outputs here and there",
       {},
       [](float sum, int m, int n) { return (m * 64 + n) % 97 == 5 ? 3.0f : sum; },
       "reduce or epilogue",
       "of them are the same whatever A holds: stale, or constant"},
      {"a row is larger",
       {},
       [](float sum, int m, int) { return m == 3 ? 1.5f * sum : sum; },
       "pipeline or epilogue",
       "row m=3 of the output is multiplied by 1.5"},
      {"the last columns are zero",
       {},
       [](float sum, int, int n) { return n >= 56 ? 0.0f : sum; },
       "pipeline or multiply or epilogue",
       "outputs are zero whatever A holds, at all m, n 56..63"},
  };
  for (const Way& way : ways) {
    const std::string what = way.what;
    CAPTURE(what);
    const report::Report report = ask_wrong(kCase, way.before, way.after);
    CHECK(report.verdict == report::Verdict::mismatch);
    REQUIRE_MESSAGE(report.culprits.size() == 1, test::evidence_of(report));
    CHECK(report.culprits[0].stage == way.stage);
    CHECK_MESSAGE(test::says(report, way.said), test::evidence_of(report));
  }
}

TEST_CASE("readings: what a kernel does at one M alone is read at that M") {
  const auto of_one_row = [](Operands& x) {
    if (x.M == 1) std::ranges::transform(x.code, x.code.begin(), [](int q) { return std::min(q + 1, 15); });
  };
  CHECK(ask_wrong("M16_K128_N64_g32_asym_fp16_r_s3", of_one_row).verdict == report::Verdict::match);
  const report::Report report = ask_wrong("M1_K128_N64_g32_asym_fp16_r_s3", of_one_row);
  REQUIRE(report.culprits.size() == 1);
  CHECK(test::says(report, "a code v is used as v + 1, clipped to 0..15"));
}
