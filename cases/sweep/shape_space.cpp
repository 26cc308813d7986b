// SPDX-License-Identifier: Apache-2.0
#include "cases/sweep/shape_space.h"

#include "cases/sweep/stripe_relations.h"

#include <algorithm>
#include <numeric>

namespace w4::cases::sweep {
namespace {

constexpr int kTile = 64;                         // K and N of a case that needs no padding are multiples of it
constexpr std::int64_t kMostWeights = 1 << 22;    // K * N
constexpr std::int64_t kMostProducts = 1 << 28;   // M * K * N
constexpr int kFewColumns = 256, kFewRows = 512;  // of a smaller shape
constexpr int kRemainder = 256;                   // block_tiles are 64, 128 or 256 wide

std::int64_t weights(const Shape& shape) { return std::int64_t{shape.K} * shape.N; }
std::int64_t products(const Shape& shape) { return shape.M * weights(shape); }

/// The ladder with base and origin; sorted, each value once.
Axis axis(const char* name, std::vector<int> ladder, int base, int origin, int step = 1, bool ordered = true) {
  ladder.insert(ladder.end(), {base, origin});
  std::ranges::sort(ladder);
  ladder.erase(std::unique(ladder.begin(), ladder.end()), ladder.end());
  return {name, std::move(ladder), step, ordered};
}

/// Ladder of K or N. Sizes with the same remainder are added to a size that needs padding, so that its residue is
/// found.
Axis size_axis(const char* name, std::vector<int> ladder, int base, int origin) {
  const int step = std::gcd(kTile, base);
  if (step < kTile)
    for (const int tiles : {1, 2, 4}) ladder.push_back(tiles * kTile + base % kTile);
  return axis(name, std::move(ladder), base, origin, step);
}

bool is_possible(const Shape& shape, const Shape& base) {
  return shape.K % shape.group_size() == 0 && weights(shape) <= std::max(weights(base), kMostWeights) &&
         products(shape) <= std::max(products(base), kMostProducts);
}

}  // namespace

Point point_of(const Shape& shape) {
  Point point = {shape.M, shape.K, shape.N, shape.group};
  if (shape.thread_blocks) point.push_back(*shape.thread_blocks);
  return point;
}

Shape shape_at(const Point& point) {
  Shape shape{.M = point[kAxisM], .K = point[kAxisK], .N = point[kAxisN], .group = point[kAxisGroup]};
  if (point.size() > kAxisBlocks) shape.thread_blocks = point[kAxisBlocks];
  return shape;
}

Space shapes_around(const Shape& base, const Shape& origin, const std::optional<kernel::BlockTile>& block_tile) {
  Space space;
  space.axes = {axis("M", {1, 8, 16, 17, 32, 64, 65, 128, 256}, base.M, origin.M),
                size_axis("K", {64, 128, 192, 256, 384, 512, 1024, 2048, 4096}, base.K, origin.K),
                size_axis("N", {64, 128, 192, 256, 320, 512, 1024}, base.N, origin.N),
                axis("group_size", {-1, 32, 64, 128}, base.group, origin.group, 1, false)};
  space.relations = relations_of_groups(kAxisK, kAxisGroup);
  if (base.thread_blocks) {
    const int blocks = *base.thread_blocks;
    space.axes.push_back(axis("thread_blocks", {1, 2, 4, 10, 40}, blocks, origin.thread_blocks.value_or(blocks)));
  }
  if (base.thread_blocks && block_tile)
    for (Relation& relation : relations_of_stripes(*block_tile)) space.relations.push_back(std::move(relation));
  space.possible = [base](const Point& point) { return is_possible(shape_at(point), base); };
  return space;
}

std::vector<Shape> smaller_shapes(const Shape& base) {
  Shape narrow = base, low = base, both = base;
  narrow.N = both.N = std::min(base.N, kFewColumns + base.N % kRemainder);
  low.K = both.K = std::min(base.K, kFewRows + base.K % kRemainder);
  std::vector<Shape> shapes;
  for (const Shape& shape : {both, narrow, low})
    if (shape.K % shape.group_size() == 0 && shape != base && std::ranges::find(shapes, shape) == shapes.end())
      shapes.push_back(shape);
  return shapes;
}

}  // namespace w4::cases::sweep
