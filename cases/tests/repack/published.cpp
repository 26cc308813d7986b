// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/repack/published.h"

#include <algorithm>

namespace w4::repack_tests::published {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

const int kInterleave[] = {0, 2, 4, 6, 1, 3, 5, 7};

template <class T>
Matrix<T> zeros_like(int rows, int cols, T value = T{}) {
  return Matrix<T>(at(rows), std::vector<T>(at(cols), value));
}

/// row.reshape(-1, len(perm))[:, perm]
template <class T>
std::vector<T> regrouped(const std::vector<T>& row, const std::vector<int>& perm) {
  std::vector<T> out;
  for (std::size_t first = 0; first < row.size(); first += perm.size())
    for (const int p : perm) out.push_back(row[first + at(p)]);
  return out;
}

std::vector<std::uint32_t> packed_row(const std::vector<int>& codes) {
  std::vector<std::uint32_t> words(codes.size() / 8, 0);
  for (std::size_t i = 0; i < 8; ++i)
    for (std::size_t word = 0; word < words.size(); ++word)
      words[word] |= static_cast<std::uint32_t>(codes[8 * word + i]) << (4 * i);
  return words;
}

}  // namespace

std::vector<int> weight_perm() {
  std::vector<int> perm;
  for (int i = 0; i < 32; ++i) {
    std::vector<int> perm1;
    const int col = i / 4;
    for (const int block : {0, 1})
      for (const int row : {2 * (i % 4), 2 * (i % 4) + 1, 2 * (i % 4 + 4), 2 * (i % 4 + 4) + 1})
        perm1.push_back(16 * row + col + 8 * block);
    for (int j = 0; j < 4; ++j)
      for (const int p : perm1) perm.push_back(p + 256 * j);
  }
  return regrouped(perm, {std::begin(kInterleave), std::end(kInterleave)});
}

std::vector<int> scale_perm() {
  std::vector<int> perm;
  for (int i = 0; i < 8; ++i)
    for (int j = 0; j < 8; ++j) perm.push_back(i + 8 * j);
  return perm;
}

std::vector<int> scale_perm_single() {
  std::vector<int> perm;
  for (int i = 0; i < 4; ++i)
    for (const int j : {0, 1, 8, 9, 16, 17, 24, 25}) perm.push_back(2 * i + j);
  return perm;
}

Matrix<std::uint32_t> pack(const Matrix<int>& codes) {
  const int K = static_cast<int>(codes.size());
  const int N = static_cast<int>(codes[0].size());
  const std::vector<int> perm = weight_perm();
  Matrix<std::uint32_t> words;
  for (int k_tile = 0; k_tile < K / 16; ++k_tile) {
    std::vector<int> row;  // reshape (K/16, 16, N/16, 16), permute (0, 2, 1, 3), reshape (K/16, 16 N)
    for (int n_tile = 0; n_tile < N / 16; ++n_tile)
      for (int k = 0; k < 16; ++k)
        for (int n = 0; n < 16; ++n) row.push_back(codes[at(16 * k_tile + k)][at(16 * n_tile + n)]);
    words.push_back(packed_row(regrouped(row, perm)));
  }
  return words;
}

Matrix<std::uint16_t> permute_scales(const Matrix<std::uint16_t>& scales, bool one_group) {
  Matrix<std::uint16_t> out;
  for (const auto& row : scales) out.push_back(regrouped(row, one_group ? scale_perm_single() : scale_perm()));
  return out;
}

Matrix<std::uint32_t> pack_zero_points(const Matrix<int>& zeros) {
  Matrix<std::uint32_t> out;
  for (const auto& row : zeros)  // never the single order: zero points are applied on every mma
    out.push_back(
        packed_row(regrouped(regrouped(row, scale_perm()), {std::begin(kInterleave), std::end(kInterleave)})));
  return out;
}

namespace {

struct Padded {
  explicit Padded(const fixtures::PlainLayer& plain)
      : K((plain.codes.rows() + 63) / 64 * 64),
        N((plain.codes.cols() + 63) / 64 * 64),
        one_group(plain.group_size == plain.codes.rows()),
        group_size(one_group ? K : plain.group_size) {}
  int K, N;
  bool one_group;
  int group_size;
};

std::vector<int> argsort(const fixtures::PlainLayer& plain) {
  std::vector<std::pair<int, int>> keys;
  for (int k = 0; k < plain.g_idx.cols(); ++k) keys.emplace_back(plain.g_idx(0, k), k);
  std::sort(keys.begin(), keys.end());
  std::vector<int> order;
  for (const auto& [group, k] : keys) order.push_back(k);
  return order;
}

}  // namespace

Expected expected(const fixtures::PlainLayer& plain) {
  const Padded padded(plain);
  Expected want;
  if (!plain.g_idx.empty() && !padded.one_group) want.perm = argsort(plain);
  auto scales = zeros_like<std::uint16_t>(padded.K / padded.group_size, padded.N);
  auto zeros = zeros_like<int>(padded.K / padded.group_size, padded.N, 8);
  for (int g = 0; g < plain.scales.rows(); ++g)
    for (int n = 0; n < plain.scales.cols(); ++n) {
      scales[at(g)][at(n)] = plain.scales(g, n);
      zeros[at(g)][at(n)] = plain.zeros(g, n);
    }
  auto codes = zeros_like<int>(padded.K, padded.N);
  for (int k = 0; k < padded.K; ++k)
    for (int n = 0; n < padded.N; ++n) {
      const bool real = k < plain.codes.rows() && n < plain.codes.cols();
      const int stored = real && !want.perm.empty() ? want.perm[at(k)] : k;
      codes[at(k)][at(n)] = real ? static_cast<int>(plain.codes(stored, n)) : zeros[at(k / padded.group_size)][at(n)];
    }
  want.words = pack(codes);
  want.scales = permute_scales(scales, padded.one_group);
  if (!plain.symmetric) want.zeros = pack_zero_points(zeros);
  return want;
}

}  // namespace w4::repack_tests::published
