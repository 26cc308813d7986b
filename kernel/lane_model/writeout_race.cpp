// SPDX-License-Identifier: Apache-2.0
#include "kernel/lane_model/writeout_race.h"

#include <algorithm>
#include <optional>

namespace w4::kernel::lane_model {

namespace {

constexpr int kPieceValues = 8;   // 16 bytes: one copy of a thread
constexpr int kStagesFilled = 3;  // of the pipeline's four, before the first tile of the next slice is multiplied
constexpr int kVictimsPerMille = 4;
constexpr int kTriesPerVictim = 64;

/// A fixed sequence of numbers from a seed (splitmix64).
class Sequence {
 public:
  explicit Sequence(std::uint64_t seed) : state_(seed) {}
  int below(int bound) { return static_cast<int>(next() % static_cast<std::uint64_t>(bound)); }

 private:
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
  }
  std::uint64_t state_;
};

/// Columns that are one slice, of a thread block that continues with another column.
std::vector<int> exposed_columns(const Plan& plan) {
  std::vector<int> columns;
  for (int b = 0; b < plan.thread_blocks; ++b) {
    const std::vector<PlannedSlice> slices = stripe_slices(plan, b);
    for (std::size_t i = 0; i + 1 < slices.size(); ++i)
      if (slices[i].count == 1 && plan.rows_of(slices[i].column / plan.columns) == kProblemRows)
        columns.push_back(slices[i].column);
  }
  return columns;
}

struct PieceOfA {
  int row;
  int k;
};

/// The piece of A that the pipeline of the next column loads over piece (row, piece) of staged C.
std::optional<PieceOfA> loaded_over(const Plan& plan, int next_column, int row, int piece) {
  const int c_row_pieces = plan.block_tile.thread_n / kPieceValues + 1;  // padded by one, against bank conflicts
  const int a_row_pieces = plan.block_tile.thread_k / kPieceValues;
  const int place = row * c_row_pieces + piece;
  const int stage = place / (a_row_pieces * kProblemRows);
  const int a_row = place / a_row_pieces % kProblemRows;
  const int a_piece = place % a_row_pieces ^ a_row % kPieceValues;  // A's pieces are swizzled, for the same reason
  const int k = stage * plan.block_tile.thread_k + a_piece * kPieceValues;
  const int problem = next_column / plan.columns;
  if (stage >= kStagesFilled || k >= plan.K || a_row >= plan.rows_of(problem)) return std::nullopt;
  return PieceOfA{.row = kProblemRows * problem + a_row, .k = k};
}

}  // namespace

void overwrite_after_writeout(const Task& task, const Plan& plan, const Pipeline& pipeline,
                              std::vector<std::uint16_t>& C) {
  const std::vector<int> columns = exposed_columns(plan);
  if (columns.empty()) return;
  const long long outputs = static_cast<long long>(plan.rows) * task.packed.stored_N;
  const auto most = static_cast<int>(std::clamp(outputs * kVictimsPerMille / 1000 / kPieceValues, 1LL, 1LL << 20));
  Sequence draw(task.launch.number);
  const int wanted = 1 + draw.below(most);
  for (int hit = 0, tried = 0; hit < wanted && tried < kTriesPerVictim * wanted; ++tried) {
    const int column = columns[static_cast<std::size_t>(draw.below(static_cast<int>(columns.size())))];
    const int row = draw.below(kProblemRows), piece = draw.below(plan.block_tile.thread_n / kPieceValues);
    const int n = column % plan.columns * plan.block_tile.thread_n + piece * kPieceValues;
    const std::optional<PieceOfA> from = loaded_over(plan, column + 1, row, piece);
    if (!from || n >= task.packed.stored_N) continue;
    std::uint16_t* victim =
        &C[static_cast<std::size_t>(kProblemRows * (column / plan.columns) + row) * task.packed.N + n];
    bool changed = false;
    for (int i = 0; i < std::min(kPieceValues, task.packed.stored_N - n); ++i) {
      const std::uint16_t bits = pipeline.a_bits(from->row, from->k + i);
      changed |= victim[i] != bits;
      victim[i] = bits;
    }
    hit += changed ? 1 : 0;
  }
}

}  // namespace w4::kernel::lane_model
