// SPDX-License-Identifier: Apache-2.0
#include "repack/marlin_tensors.h"

#include "fixtures/error.h"
#include "fixtures/files/bytes.h"
#include "fixtures/files/container.h"
#include "fixtures/layer/layer_manifest.h"

#include <nlohmann/json.hpp>

#include <optional>

namespace w4::repack {
namespace {

using fixtures::files::Container;
using fixtures::files::Tensor;
using Shape = std::vector<std::int64_t>;

constexpr std::int64_t kMostExtent = std::int64_t{1} << 27;  // of K and of N, so that products stay in range

/// The tensors of one layer, each held against the shape and type that it must have.
struct Reader {
  const Container& container;
  std::string prefix;
  nlohmann::json claims;  // the manifest without the format: that is "marlin", which is no checkpoint's
  const fixtures::Manifest& said;
  std::string where;
  std::vector<std::string>& inferred;

  const Tensor* find(const char* name) const { return find_tensor(container, prefix, name); }

  void check(const char* name, const Tensor& tensor, DType dtype, const Shape& expected) const {
    if (tensor.dtype != dtype)
      throw InputError("{}: {} is {}, expected {}", where, name, w4::name_of(tensor.dtype), w4::name_of(dtype));
    const bool vector = expected[0] == 1 && tensor.shape == Shape{expected[1]};
    if (tensor.shape != expected && !vector)
      throw InputError("{}: {} has shape {}, expected {}", where, name, fixtures::files::shape_text(tensor.shape),
                       fixtures::files::shape_text(expected));
  }

  /// K and N before padding, from the manifest, or as B has them.
  int extent(const char* key, int padded) const {
    const auto found = claims.find(key);
    if (found == claims.end() || found->is_null()) return padded;
    const std::string text = found->is_string() ? found->get<std::string>() : found->dump();
    const bool digits = !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
    const int said = digits ? std::stoi(text) : 0;
    if (said < 1 || said % kCodesPerWord != 0 || (said + kPadK - 1) / kPadK * kPadK != padded)
      throw InputError("{}: manifest says {} {}, but B has {}={} in tiles of {}", where, key,
                       fixtures::files::printable(text), key, padded, kPadK);
    return said;
  }
};
static_assert(kPadK == kPadN);

void read_words(const Reader& reader, Packed& packed) {
  const Tensor& B = *reader.find("B");
  const bool fits = B.shape.size() == 2 && B.shape[0] > 0 && B.shape[1] > 0 && B.shape[0] <= kMostExtent / kTileK &&
                    B.shape[1] <= 2 * kMostExtent && B.shape[0] * kTileK % kPadK == 0 && B.shape[1] % (2 * kPadN) == 0;
  if (!fits)
    throw InputError("{}: B has shape {}, expected (K/{}, 2N) with K and N multiples of {}", reader.where,
                     fixtures::files::shape_text(B.shape), kTileK, kPadK);
  if (B.dtype != DType::i32 && B.dtype != DType::u32)
    throw InputError("{}: B is {}, expected int32", reader.where, w4::name_of(B.dtype));
  packed.words = fixtures::files::grid_of<std::uint32_t>(B);
  packed.K = static_cast<int>(B.shape[0]) * kTileK;
  packed.N = static_cast<int>(B.shape[1] / 2);
  packed.stored_K = reader.extent("K", packed.K);
  packed.stored_N = reader.extent("N", packed.N);
}

DType dtype_of_scales(const Reader& reader, const Tensor& scales, std::optional<DType> said) {
  const bool bits = scales.dtype == DType::u16 && said == DType::bf16;  // NumPy has no bf16
  const DType dtype = bits ? DType::bf16 : scales.dtype;
  if (dtype != DType::fp16 && dtype != DType::bf16)
    throw InputError("{}: scales are {}, expected fp16 or bf16", reader.where, w4::name_of(dtype));
  if (said && *said != dtype)
    throw InputError("{}: manifest says dtype {}, scales are {}", reader.where, w4::name_of(*said), w4::name_of(dtype));
  return dtype;
}

/// Rows of scales to rows of K.
void read_groups(const Reader& reader, const Tensor& scales, std::optional<int> said, Packed& packed) {
  if (scales.shape.size() != 2 || scales.shape[0] < 1 || scales.shape[1] != packed.N)
    throw InputError("{}: scales have shape {}, expected (groups, {})", reader.where,
                     fixtures::files::shape_text(scales.shape), packed.N);
  const std::int64_t groups = scales.shape[0];
  const std::int64_t size = packed.K % groups == 0 ? packed.K / groups : 0;
  const bool known = groups == 1 || size == 32 || size == 64 || size == 128;
  if (!known)
    throw InputError("{}: {} rows of scales for K={}: groups of {} are none of 32, 64, 128 and K", reader.where, groups,
                     packed.K, size == 0 ? "unequal length" : std::to_string(size));
  packed.group_size = groups == 1 ? packed.stored_K : static_cast<int>(size);
  if (said && (*said == -1 ? packed.stored_K : *said) != packed.group_size)
    throw InputError("{}: {}, but {} rows of scales for K={} make it {}", reader.where,
                     reader.said.claim("group_size", std::to_string(*said)), groups, packed.stored_K,
                     packed.group_size);
  if (!said)
    reader.inferred.push_back(
        fmt::format("group_size {}: K={} over {} rows of scales", packed.group_size, packed.stored_K, groups));
}

void read_perm(const Reader& reader, const Tensor& tensor, Packed& packed) {
  if (tensor.shape == Shape{0}) return;  // published with a g_idx that was never used
  reader.check("perm", tensor, DType::i32, {1, packed.stored_K});
  packed.perm = fixtures::files::grid_of<std::int32_t>(tensor);
  std::vector<bool> seen(static_cast<std::size_t>(packed.stored_K), false);
  for (int i = 0; i < packed.stored_K; ++i) {
    const std::int32_t row = packed.perm(0, i);
    if (row < 0 || row >= packed.stored_K)
      throw InputError("{}: perm[{}] is {} where 0..{} is right", reader.where, i, row, packed.stored_K - 1);
    if (seen[static_cast<std::size_t>(row)])
      throw InputError("{}: perm[{}] is {} for the second time: no permutation", reader.where, i, row);
    seen[static_cast<std::size_t>(row)] = true;
  }
}

}  // namespace

const Tensor* find_tensor(const Container& container, const std::string& prefix, const char* name) {
  const auto found = container.tensors.find(prefix.empty() ? std::string(name) : prefix + "." + name);
  return found == container.tensors.end() ? nullptr : &found->second;
}

Packed read_marlin(const Container& container, const std::string& prefix, std::vector<std::string>& inferred) {
  const std::string where = container.path.string();
  nlohmann::json claims = container.manifest;
  const auto said_by = claims.value("said_by", nlohmann::json::object());
  const fixtures::Manifest said = fixtures::manifest_of({{"said_by", said_by}}, where);
  if (const auto format = claims.find("format");
      format != claims.end() && *format != "marlin" && !(*format == "awq" && said_by.contains("format")))
    throw InputError("{}: {}, but it holds Marlin-packed tensors (B and scales)", where,
                     said.claim("format", fixtures::files::printable(format->dump())));
  if (find_tensor(container, prefix, "qzeros"))
    throw CannotTest("{}: Marlin-packed words beside qzeros are not read: zero points of Marlin are called zeros",
                     where);
  for (const std::string& line : said.told_by(claims)) inferred.push_back(line);
  claims.erase("format");
  const fixtures::Manifest manifest = fixtures::manifest_of(claims, where);
  if (manifest.quantised == false)
    throw InputError("{}: {}, but B is there", where, manifest.claim("quantised", "false"));
  const Reader reader{container, prefix, claims, manifest, where, inferred};
  Packed packed;
  read_words(reader, packed);
  const Tensor& scales = *(reader.find("s") ? reader.find("s") : reader.find("scales"));
  packed.dtype = dtype_of_scales(reader, scales, manifest.dtype);
  read_groups(reader, scales, manifest.group_size, packed);
  packed.scales = fixtures::files::grid_of<std::uint16_t>(scales);
  if (const Tensor* zeros = reader.find("zeros")) {
    reader.check("zeros", *zeros, DType::i32, {scales.shape[0], packed.N / kCodesPerWord});
    packed.zeros = fixtures::files::grid_of<std::uint32_t>(*zeros);
  }
  if (manifest.symmetric && *manifest.symmetric != packed.zeros.empty())
    throw InputError("{}: {}, but there are {}", where,
                     manifest.claim("symmetric", *manifest.symmetric ? "true" : "false"),
                     packed.zeros.empty() ? "no zeros" : "zeros");
  if (const Tensor* perm = reader.find("perm")) read_perm(reader, *perm, packed);
  if (const Tensor* bias = reader.find("bias")) {
    const bool bits = bias->dtype == DType::u16 && packed.dtype == DType::bf16;
    reader.check("bias", *bias, bits ? DType::u16 : packed.dtype, {1, packed.stored_N});
    packed.bias = fixtures::files::grid_of<std::uint16_t>(*bias);
  }
  return packed;
}

}  // namespace w4::repack
