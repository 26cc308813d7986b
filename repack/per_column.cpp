// SPDX-License-Identifier: Apache-2.0
#include "repack/per_column.h"

#include "fixtures/half.h"
#include "fixtures/parallel.h"
#include "repack/plain_layer.h"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <vector>

namespace w4::repack {
namespace {

using fixtures::Layer;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr int kStripColumns = 64;  // columns worked on at once: memory stays small, rows stay long

/// The layer decoded, scales as numbers.
struct Decoded {
  explicit Decoded(const Layer& layer) : plain(plain_layer_of(layer)), scales(layer.groups(), layer.N) {
    for (int g = 0; g < layer.groups(); ++g)
      for (int n = 0; n < layer.N; ++n) scales(g, n) = value_of(plain.scales(g, n), plain.dtype);
  }

  /// Weights (K, width) from column `first` on.
  Matrix values(int first, int width) const {
    Matrix out(plain.codes.rows(), width);
    for (int k = 0; k < plain.codes.rows(); ++k) {
      const int g = plain.group_of(k);
      for (int c = 0, n = first; c < width; ++c, ++n)
        out(k, c) = scales(g, n) * (plain.codes(k, n) - plain.zeros(g, n));
    }
    return out;
  }

  fixtures::PlainLayer plain;
  Matrix scales;  // (groups, N)
};

/// What the strips add up, each in its own place: the sum does not depend on the order they run in.
struct Sums {
  double weight = 0, weight_change = 0, output = 0, output_change = 0;
  Sums& operator+=(const Sums& other) {
    weight += other.weight, weight_change += other.weight_change;
    output += other.output, output_change += other.output_change;
    return *this;
  }
};

CodeGrid averaged_grid(const Decoded& layer, int n) {
  const int groups = layer.plain.zeros.rows();
  double zeros = 0;
  for (int g = 0; g < groups; ++g) zeros += layer.plain.zeros(g, n);
  return CodeGrid::of_scale(layer.scales.col(n).mean(), static_cast<int>(std::lround(zeros / groups)),
                            layer.plain.dtype);
}

Matrix activations_of(const Layer& layer) {  // (M, K)
  if (!layer.activations) return {};
  const fixtures::files::Tensor& tensor = *layer.activations;
  const auto filled = [&](const auto& grid, const auto& value) {
    Matrix a(grid.rows(), grid.cols());
    for (std::size_t i = 0; i < grid.size(); ++i) a.data()[i] = value(grid[i]);
    return a;
  };
  if (tensor.dtype == DType::fp32) return filled(fixtures::files::grid_of<float>(tensor), [](float x) { return x; });
  return filled(fixtures::files::grid_of<std::uint16_t>(tensor),
                [&](std::uint16_t bits) { return value_of(bits, tensor.dtype); });
}

/// Converts the columns of one strip and adds up what changes.
class Conversion {
 public:
  Conversion(const Layer& layer, PerColumn how, bool costed)
      : decoded_(layer), how_(how), costed_(costed), activations_(costed ? activations_of(layer) : Matrix{}) {}

  /// codes (K, N), grids (N)
  Sums strip(int first, std::span<std::uint8_t> codes, std::span<CodeGrid> grids) const {
    const int N = decoded_.plain.codes.cols(), width = std::min(kStripColumns, N - first);
    const Matrix before = decoded_.values(first, width);
    for (int c = 0; c < width; ++c) grids[static_cast<std::size_t>(first + c)] = chosen(before, first, c);
    Matrix after(before.rows(), width);
    for (int k = 0; k < before.rows(); ++k)
      for (int c = 0; c < width; ++c) {
        const CodeGrid& grid = grids[static_cast<std::size_t>(first + c)];
        const std::uint8_t code =
            how_ == PerColumn::averaged ? decoded_.plain.codes(k, first + c) : grid.nearest_code(before(k, c));
        codes[static_cast<std::size_t>(k) * N + first + c] = code;
        after(k, c) = grid.scale * (code - grid.zero);
      }
    return costed_ ? sums(before, after - before) : Sums{};
  }

 private:
  CodeGrid chosen(const Matrix& before, int first, int c) const {
    if (how_ == PerColumn::averaged) return averaged_grid(decoded_, first + c);
    return CodeGrid::spanning(before.col(c).minCoeff(), before.col(c).maxCoeff(), decoded_.plain.symmetric,
                              decoded_.plain.dtype);
  }

  Sums sums(const Matrix& before, const Matrix& change) const {
    Sums s{.weight = before.squaredNorm(), .weight_change = change.squaredNorm()};
    if (activations_.size() == 0) return s;
    s.output = (activations_ * before).squaredNorm();
    s.output_change = (activations_ * change).squaredNorm();
    return s;
  }

  Decoded decoded_;
  PerColumn how_;
  bool costed_;
  Matrix activations_;
};

double nrmse(double change, double whole) { return change == 0 ? 0 : std::sqrt(change / whole); }

PerColumnCost cost_of(const std::vector<Sums>& strips, bool has_activations) {
  Sums total;
  for (const Sums& strip : strips) total += strip;
  PerColumnCost cost{.weight_nrmse = nrmse(total.weight_change, total.weight)};
  if (has_activations) cost.output_nrmse = nrmse(total.output_change, total.output);
  return cost;
}

/// The tensors of one group from the columns' grids.
fixtures::PlainLayer plain_of(const Layer& layer, Grid<std::uint8_t> codes, const std::vector<CodeGrid>& grids) {
  fixtures::PlainLayer plain;
  plain.name = layer.name;
  plain.group_size = layer.K;
  plain.symmetric = layer.symmetric;
  plain.dtype = layer.dtype;
  plain.codes = std::move(codes);
  const auto at = [&](int n) -> const CodeGrid& { return grids[static_cast<std::size_t>(n)]; };
  plain.zeros = Grid<std::uint8_t>::from(1, layer.N, [&](int, int n) { return at(n).zero; });
  plain.scales = Grid<std::uint16_t>::from(1, layer.N, [&](int, int n) { return at(n).bits; });
  return plain;
}

}  // namespace

Layer per_column(const Layer& layer, PerColumn how, PerColumnCost* cost) {
  const Conversion conversion(layer, how, cost != nullptr);
  std::vector<CodeGrid> grids(static_cast<std::size_t>(layer.N));
  std::vector<Sums> strips(static_cast<std::size_t>((layer.N + kStripColumns - 1) / kStripColumns));
  auto codes = Grid<std::uint8_t>::made(layer.K, layer.N, [&](std::span<std::uint8_t> out) {
    for_each_index(static_cast<int>(strips.size()), [&](int i) {
      strips[static_cast<std::size_t>(i)] = conversion.strip(i * kStripColumns, out, grids);
    });
  });
  if (cost) *cost = cost_of(strips, layer.activations.has_value());
  Layer out = fixtures::encode(plain_of(layer, std::move(codes), grids), fixtures::Format::gptq, layer.zero_encoding);
  out.bias = layer.bias;
  out.activations = layer.activations;
  out.row_scale = layer.row_scale;
  return out;
}

}  // namespace w4::repack
