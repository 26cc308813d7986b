// SPDX-License-Identifier: Apache-2.0
#include "repack/per_column.h"

#include "fixtures/half.h"
#include "fixtures/layer/encode.h"
#include "fixtures/parallel.h"
#include "repack/stages/codes.h"
#include "repack/stages/zero_points.h"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <vector>

namespace w4::repack {
namespace {

using fixtures::Layer;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr int kStripColumns = 64;  // columns worked on at once: memory stays small, rows stay long
constexpr int kLargestCode = static_cast<int>(kCodeMask);

/// Scale and zero point of one column; the scale is exactly a number of the layer's dtype.
struct ColumnGrid {
  std::uint16_t bits = 0;
  double scale = 0;
  int zero = kSymmetricZero;
};

/// The layer decoded: w(k, n) = scales(g, n) * (codes(k, n) - zeros(g, n)), g the row's group.
struct Decoded {
  explicit Decoded(const Layer& layer) : w(codes::reference(zero_points::reference(weights_of(layer)))) {
    const bool by_column = w.format == fixtures::Format::compressed_tensors;
    scales.resize(w.groups(), w.N);
    zeros.resize(w.groups(), w.N);
    for (int g = 0; g < w.groups(); ++g)
      for (int n = 0; n < w.N; ++n) {
        scales(g, n) = value_of(by_column ? w.stored_scales(n, g) : w.stored_scales(g, n), w.dtype);
        zeros(g, n) = w.zeros.empty() ? kSymmetricZero : w.zeros(g, n);
      }
  }

  int group(int k) const { return w.g_idx.empty() || w.groups() == 1 ? k / w.group_size : w.g_idx(0, k); }
  /// (K, width) from column `first`
  Matrix values(int first, int width) const {
    Matrix out(w.K, width);
    for (int k = 0; k < w.K; ++k) {
      const int g = group(k);
      for (int c = 0, n = first; c < width; ++c, ++n) out(k, c) = scales(g, n) * (w.codes(k, n) - zeros(g, n));
    }
    return out;
  }

  Weights w;
  Matrix scales, zeros;  // (G, N)
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

ColumnGrid grid_of_scale(double scale, int zero, DType dtype) {
  const std::uint16_t bits = bits_of(static_cast<float>(scale), dtype);
  return {.bits = bits, .scale = value_of(bits, dtype), .zero = zero};
}

ColumnGrid averaged_grid(const Decoded& layer, int n) {
  const int zero = static_cast<int>(std::lround(layer.zeros.col(n).mean()));
  return grid_of_scale(layer.scales.col(n).mean(), zero, layer.w.dtype);
}

/// The grid that spans low..high. The scale is rounded to what is stored before a zero point or a code is chosen.
ColumnGrid spanning_grid(double low, double high, bool symmetric, DType dtype) {
  low = std::min(low, 0.0), high = std::max(high, 0.0);
  if (symmetric) high = std::max(-low, high), low = -high;
  ColumnGrid grid = grid_of_scale((high - low) / kLargestCode, kSymmetricZero, dtype);
  if (grid.scale == 0) grid = grid_of_scale(1, kSymmetricZero, dtype);  // a column of zeros
  if (!symmetric) grid.zero = std::clamp(static_cast<int>(std::lround(-low / grid.scale)), 0, kLargestCode);
  return grid;
}

int nearest_code(double value, const ColumnGrid& grid) {
  return std::clamp(static_cast<int>(std::lround(value / grid.scale)) + grid.zero, 0, kLargestCode);
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
  Sums strip(int first, std::span<std::uint8_t> codes, std::span<ColumnGrid> grids) const {
    const int width = std::min(kStripColumns, decoded_.w.N - first);
    const Matrix before = decoded_.values(first, width);
    for (int c = 0; c < width; ++c) grids[static_cast<std::size_t>(first + c)] = chosen(before, first, c);
    Matrix after(before.rows(), width);
    for (int k = 0; k < before.rows(); ++k)
      for (int c = 0; c < width; ++c) {
        const ColumnGrid& grid = grids[static_cast<std::size_t>(first + c)];
        const int code =
            how_ == PerColumn::averaged ? decoded_.w.codes(k, first + c) : nearest_code(before(k, c), grid);
        codes[static_cast<std::size_t>(k) * decoded_.w.N + first + c] = static_cast<std::uint8_t>(code);
        after(k, c) = grid.scale * (code - grid.zero);
      }
    return costed_ ? sums(before, after - before) : Sums{};
  }

 private:
  ColumnGrid chosen(const Matrix& before, int first, int c) const {
    if (how_ == PerColumn::averaged) return averaged_grid(decoded_, first + c);
    return spanning_grid(before.col(c).minCoeff(), before.col(c).maxCoeff(), decoded_.w.symmetric, decoded_.w.dtype);
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
fixtures::PlainLayer plain_of(const Layer& layer, Grid<std::uint8_t> codes, const std::vector<ColumnGrid>& grids) {
  fixtures::PlainLayer plain;
  plain.name = layer.name;
  plain.group_size = layer.K;
  plain.symmetric = layer.symmetric;
  plain.dtype = layer.dtype;
  plain.codes = std::move(codes);
  plain.zeros = Grid<std::uint8_t>::made(1, layer.N, [&](std::span<std::uint8_t> out) {
    for (std::size_t n = 0; n < out.size(); ++n) out[n] = static_cast<std::uint8_t>(grids[n].zero);
  });
  plain.scales = Grid<std::uint16_t>::made(1, layer.N, [&](std::span<std::uint16_t> out) {
    for (std::size_t n = 0; n < out.size(); ++n) out[n] = grids[n].bits;
  });
  return plain;
}

}  // namespace

Layer per_column(const Layer& layer, PerColumn how, PerColumnCost* cost) {
  const Conversion conversion(layer, how, cost != nullptr);
  std::vector<ColumnGrid> grids(static_cast<std::size_t>(layer.N));
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
  return out;
}

}  // namespace w4::repack
