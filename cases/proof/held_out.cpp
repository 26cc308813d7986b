// SPDX-License-Identifier: Apache-2.0
#include "cases/proof/held_out.h"

#include "cases/probe/bit_map.h"
#include "cases/search/bisect_box.h"
#include "fixtures/half.h"
#include "fixtures/random/counter_random.h"
#include "kernel/lane_model/lane_model.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::proof {
namespace {

using fixtures::random::RandomStream;
using repack::Weights;

constexpr std::uint64_t kSeed = 23, kPermutations = 1, kMisfits = 2;

/// A random invertible map of `bits` bits that is not the identity.
probe::BitMap random_bit_map(int bits, const RandomStream& random) {
  const std::uint32_t mask = (1u << bits) - 1;
  for (std::uint64_t attempt = 0;; ++attempt) {
    probe::BitMap map{.masks = {}, .constant = static_cast<std::uint32_t>(random.bits(64 * attempt)) & mask};
    for (int bit = 0; bit < bits; ++bit)
      map.masks.push_back(static_cast<std::uint32_t>(random.bits(64 * attempt + 1 + static_cast<std::uint64_t>(bit))) &
                          mask);
    if (map.invertible()) return map;
  }
}

std::vector<std::string> bit_names(int row_bits, int col_bits, const char* row) {
  std::vector<std::string> names;
  for (int bit = 0; bit < col_bits; ++bit) names.push_back(fmt::format("n{}", bit));
  for (int bit = 0; bit < row_bits; ++bit) names.push_back(fmt::format("{}{}", row, bit));
  return names;
}

/// Applies a map to the places of every (2^row_bits, 2^col_bits) block of a grid; the rest beyond whole blocks stays.
template <class T>
Grid<T> permuted(const Grid<T>& grid, const probe::BitMap& map, int row_bits, int col_bits) {
  const int rows = 1 << row_bits, cols = 1 << col_bits;
  return Grid<T>::from(grid.rows(), grid.cols(), [&](int r, int c) {
    const std::uint32_t from = map(static_cast<std::uint32_t>(r % rows * cols + c % cols));
    return grid(r / rows * rows + static_cast<int>(from) / cols, c / cols * cols + static_cast<int>(from) % cols);
  });
}

/// The reference of a stage, followed by `change`.
template <class Change>
OwnPath changed_after(StageId stage, Change change) {
  OwnPath subject({});
  subject.replace_stage(stage, [stage, change](const Weights& before) {
    Weights after = repack::stage_of(stage).variants[0].apply(before);
    change(after);
    return after;
  });
  return subject;
}

HeldOut permuted_codes(const char* what, const char* stage, int row_bits, int col_bits, const RandomStream& random) {
  const probe::BitMap map = random_bit_map(row_bits + col_bits, random);
  const std::string formula = probe::text_of(map, bit_names(row_bits, col_bits, "k"));
  return {.what = fmt::format("{}: {}", what, formula),
          .subject = changed_after(StageId::act_order,
                                   [=](Weights& w) { w.codes = permuted(w.codes, map, row_bits, col_bits); }),
          .stage = stage,
          .proof = formula};
}

HeldOut permuted_scales(const RandomStream& random) {
  constexpr int kColumnBits = 6;
  const probe::BitMap map = random_bit_map(kColumnBits, random);
  const std::string formula = probe::text_of(map, bit_names(0, kColumnBits, "g"));
  return {.what = "scales inside 64 columns: " + formula,
          .subject =
              changed_after(StageId::scales, [=](Weights& w) { w.scales = permuted(w.scales, map, 0, kColumnBits); }),
          .stage = "scale_order",
          .proof = formula};
}

/// Columns n with n % modulus == rest.
struct Columns {
  int modulus, rest;
  bool has(int n) const { return n % modulus == rest; }
  std::string text() const { return fmt::format("n % {} = {}", modulus, rest); }
};

HeldOut scaled_columns(float factor, Columns columns) {
  const auto change = [=](Weights& w) {
    w.scales = Grid<std::uint16_t>::from(w.scales.rows(), w.scales.cols(), [&](int g, int n) {
      return columns.has(n) ? bits_of(value_of(w.scales(g, n), w.dtype) * factor, w.dtype) : w.scales(g, n);
    });
  };
  return {.what = fmt::format("scales times {:g} at {}", factor, columns.text()),
          .subject = changed_after(StageId::scales, change),
          .stage = "scales",
          .proof = fmt::format("a = {:g}, b = {:g} at all k, {}", factor, -8 * factor, columns.text())};
}

/// Adds `offset` times its scale to every weight of some columns.
kernel::RunResult with_offset(const kernel::Task& task, float offset, Columns columns) {
  kernel::RunResult result = kernel::lane_model::run_lane_model(task);
  const repack::Packed& packed = task.packed;
  const repack::Unpacked unpacked = repack::unpack(packed);
  result.C = Grid<std::uint16_t>::from(result.C.rows(), packed.stored_N, [&](int m, int n) {
    if (!columns.has(n)) return result.C(m, n);
    float sum = value_of(result.C(m, n), packed.dtype);
    for (int i = 0; i < packed.stored_K; ++i) {
      const float scale = value_of(unpacked.scales(packed.one_group() ? 0 : i / packed.group_size, n), packed.dtype);
      sum += offset * scale * value_of(task.A(m, packed.perm.empty() ? i : packed.perm(0, i)), packed.dtype);
    }
    return bits_of(sum, packed.dtype);
  });
  return result;
}

HeldOut offset_columns(float offset, Columns columns) {
  OwnPath subject({});
  subject.replace_kernel([=](const kernel::Task& task) { return with_offset(task, offset, columns); });
  return {.what = fmt::format("{:g} scales added to weights at {}", offset, columns.text()),
          .subject = subject,
          .stage = "zero_points",
          .proof = fmt::format("a = 1, b = {:g} at all k, {}", -8 + offset, columns.text())};
}

}  // namespace

HeldOut random_permutation(int number) {
  const RandomStream random(kSeed + kPermutations, static_cast<std::uint64_t>(number));
  switch (number % 4) {
    case 0: return permuted_codes("codes inside a tile", "fragments", 4, 6, random);
    case 1: return permuted_codes("rows inside 64", "act_order", 6, 0, random);
    case 2: return permuted_codes("codes inside 64 x 64", "tiles", 6, 6, random);
    default: return permuted_scales(random);
  }
}

HeldOut random_misfit(int number) {
  const RandomStream random(kSeed + kMisfits, static_cast<std::uint64_t>(number));
  const int modulus = 2 << random.below(5, 0);
  const Columns columns{modulus, random.below(modulus, 1)};
  constexpr float kFactors[] = {1.25f, 0.75f, 1.5f, -1.0f, 3.0f, 0.625f};
  constexpr float kOffsets[] = {1.5f, -2.0f, 3.0f, 0.25f, -4.0f};
  if (number % 2 == 0) return scaled_columns(kFactors[random.below(6, 2)], columns);
  return offset_columns(kOffsets[random.below(5, 2)], columns);
}

bool localised(const HeldOut& held_out, const ProofCase& proof_case, std::string& said) {
  probe::PathBox box(held_out.subject);
  Options options = proof_case.options;
  options.effort.most_faults = 2;  // no number of known faults explains it: in threes they take minutes to say so
  const report::Report report = search::bisect_box(proof_case.prepared, box, options, [](std::string_view) {});
  said = std::string(report.verdict == report::Verdict::match ? "match" : "");
  bool found = false;
  for (const report::Culprit& culprit : report.culprits) {
    said += fmt::format("{} in {}: {}; ", culprit.fault, culprit.stage, fmt::join(culprit.evidence, "; "));
    if (culprit.fault != "unexplained") return false;
    const bool proven = std::ranges::any_of(
        culprit.evidence, [&](const std::string& line) { return line.find(held_out.proof) != std::string::npos; });
    found = found || (proven && culprit.stage.find(held_out.stage) != std::string::npos);
  }
  return found;
}

}  // namespace w4::cases::proof
