// SPDX-License-Identifier: Apache-2.0
#include "repack/stages/codes.h"

#include "fixtures/parallel.h"

namespace w4::repack::codes {
namespace {

using fixtures::Format;
using Words = Grid<std::uint32_t>;
using Codes = Grid<std::uint8_t>;

/// Which of its eight codes a slot holds.
using SlotOrder = int (*)(int slot);
int natural(int slot) { return slot; }

/// Words along the rows: slot i of word (r, c) is row 8r + order(i), column c. (R/8, C) -> (R, C)
Codes unpack_rows(const Words& words, SlotOrder order) {
  const int cols = words.cols();
  return Codes::made(words.rows() * kCodesPerWord, cols, [&](std::span<std::uint8_t> out) {
    for_each_index(words.rows(), [&](int r) {
      const std::uint32_t* word = words.row(r).data();
      for (int slot = 0; slot < kCodesPerWord; ++slot) {
        std::uint8_t* row = out.data() + static_cast<std::size_t>(kCodesPerWord * r + order(slot)) * cols;
        const int shift = kBitsPerCode * slot;
        for (int c = 0; c < cols; ++c) row[c] = static_cast<std::uint8_t>(word[c] >> shift & kCodeMask);
      }
    });
  });
}

/// Words along the columns: slot i of word (r, c) is row r, column 8c + order(i). (R, C/8) -> (R, C)
Codes unpack_columns(const Words& words, SlotOrder order) {
  const int cols = words.cols() * kCodesPerWord;
  return Codes::made(words.rows(), cols, [&](std::span<std::uint8_t> out) {
    for_each_index(words.rows(), [&](int r) {
      std::uint8_t* row = out.data() + static_cast<std::size_t>(r) * cols;
      for (const std::uint32_t word : words.row(r)) {
        for (int slot = 0; slot < kCodesPerWord; ++slot)
          row[order(slot)] = static_cast<std::uint8_t>(code_at(word, slot));
        row += kCodesPerWord;
      }
    });
  });
}

/// (K/2, N): the even row in the low half of a byte, the odd row in the high half.
Codes unpack_pairs(const Codes& pairs) {
  const int cols = pairs.cols();
  return Codes::made(pairs.rows() * 2, cols, [&](std::span<std::uint8_t> out) {
    for_each_index(pairs.rows(), [&](int r) {
      const std::uint8_t* pair = pairs.row(r).data();
      std::uint8_t* even = out.data() + static_cast<std::size_t>(2 * r) * cols;
      std::uint8_t* odd = even + cols;
      for (int c = 0; c < cols; ++c) {
        even[c] = pair[c] & kCodeMask;
        odd[c] = static_cast<std::uint8_t>(pair[c] >> kBitsPerCode);
      }
    });
  });
}

Codes transposed(const Codes& codes) {
  return Codes::made(codes.cols(), codes.rows(), [&](std::span<std::uint8_t> out) {
    for_each_index(codes.cols(), [&](int c) {
      std::uint8_t* row = out.data() + static_cast<std::size_t>(c) * codes.rows();
      for (int r = 0; r < codes.rows(); ++r) row[r] = codes(r, c);
    });
  });
}

Codes unpacked(const Weights& w, SlotOrder along_k, SlotOrder along_n) {
  switch (w.format) {
    case Format::gptq: return unpack_rows(w.words, along_k);
    case Format::awq: return unpack_columns(w.words, along_n);
    case Format::compressed_tensors: return transposed(unpack_columns(w.words, along_k));
    case Format::pair_packed: break;
  }
  return unpack_pairs(w.pairs);
}

Weights with_codes(const Weights& w, Codes codes) {
  Weights out = w;
  out.codes = std::move(codes);
  return out;
}

}  // namespace

Weights reference(const Weights& w) { return with_codes(w, unpacked(w, natural, awq_column)); }

namespace {

Weights twos_complement(const Weights& w) {
  constexpr int kSignBit = 8;
  const auto flipped = [](std::uint8_t code) { return static_cast<std::uint8_t>(code ^ kSignBit); };
  return with_codes(w, reference(w).codes.mapped(flipped));
}

Weights nibble_spill(const Weights& w) {
  Weights spilt = w;
  spilt.words = w.words.mapped(spilled);
  spilt.pairs = w.pairs.mapped([](std::uint8_t pair) { return static_cast<std::uint8_t>(spilled(pair)); });
  return with_codes(w, reference(spilt).codes);
}

Weights nibble_order(const Weights& w) { return with_codes(w, unpacked(w, awq_column, natural)); }

Codes other_axis(const Weights& w) {
  switch (w.format) {
    case Format::gptq: return unpack_columns(with_shape(w.words, w.K, w.N / kCodesPerWord), natural);
    case Format::awq: return unpack_rows(with_shape(w.words, w.K / kCodesPerWord, w.N), natural);
    case Format::compressed_tensors:
      return transposed(unpack_rows(with_shape(w.words, w.N / kCodesPerWord, w.K), natural));
    case Format::pair_packed: break;
  }
  const Codes pairs = with_shape(w.pairs, w.K, w.N / 2);  // two columns a byte
  return Codes::from(w.K, w.N, [&](int k, int n) { return pairs(k, n / 2) >> kBitsPerCode * (n % 2) & kCodeMask; });
}

Weights pack_axis(const Weights& w) {
  const bool whole_words = w.K % kCodesPerWord == 0 && w.N % kCodesPerWord == 0;
  return whole_words ? with_codes(w, other_axis(w)) : reference(w);
}

constexpr int kSplitRows = 32;  // a block whose first half stands in the low nibbles of 16 bytes

/// The row of a block that stands where a reader of split nibbles looks for row r: byte r % 16, low or high half.
constexpr int interleaved_row(int r) { return 2 * (r % (kSplitRows / 2)) + r / (kSplitRows / 2); }
static_assert(interleaved_row(0) == 0 && interleaved_row(16) == 1 && interleaved_row(1) == 2 &&
              interleaved_row(31) == 31);

/// Blocks of 32 rows are taken as ggml stores them. A rest of less than a block is left as it is.
Weights nibbles_split(const Weights& w) {
  if (w.format == Format::awq) return reference(w);  // packs along N
  const Codes right = reference(w).codes;
  const int whole = right.rows() / kSplitRows * kSplitRows;
  return with_codes(w, Codes::from(right.rows(), right.cols(), [&](int k, int n) {
                      const int inside = k % kSplitRows;
                      return right(k < whole ? k - inside + interleaved_row(inside) : k, n);
                    }));
}

constexpr Variant kVariants[] = {
    {"reference", "", reference, "", "", ""},
    {"code-twos-complement", "code-twos-complement", twos_complement,
     "takes codes for signed 4-bit numbers, off by 8 up or down by the half of the range a code lies in",
     "read codes as unsigned 0..15 around the zero point; flip bit 3 only where the producer stores signed ones",
     "always"},
    {"nibble-spill", "nibble-spill", nibble_spill,
     "packs a code of 15 as 16: it becomes 0 and the next slot of its word one more",
     "clamp codes to 0..15 after rounding and before packing", "the layer has a code of 15"},
    {"nibble-order-awq-gptq", "nibble-order-awq-gptq", nibble_order,
     "reads the eight codes of a word in AWQ's order where they are in natural order, or the reverse",
     "AWQ words hold columns 0 2 4 6 1 3 5 7; GPTQ and compressed-tensors words hold rows in order",
     "the layer is not pair-packed"},
    {"pack-axis-kn", "pack-axis-kn", pack_axis, "takes words packed along K for words packed along N, or the reverse",
     "GPTQ packs rows of K into a word, qweight (K/8, N); AWQ packs columns, (K, N/8)", "N and K are multiples of 8"},
    {"nibble-split-vs-interleave", "nibble-split-vs-interleave", nibbles_split,
     "takes the two codes of a byte for rows 16 apart (ggml's blocks of 32) where they are neighbours",
     "go by the format: neighbouring rows in GPTQ, pair-packed and compressed-tensors, halves of a block in ggml",
     "the layer packs rows of K (not AWQ) and has 32 of them"},
};

}  // namespace

Stage stage() { return {StageId::codes, "words to codes (K, N)", kVariants}; }

}  // namespace w4::repack::codes
