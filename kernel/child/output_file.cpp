// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/output_file.h"

#include "fixtures/error.h"
#include "fixtures/files/bytes.h"
#include "fixtures/files/npy.h"
#include "fixtures/half.h"

#include <fstream>

namespace w4::kernel::child {
namespace {

template <class T>
Grid<std::uint16_t> rounded(const fixtures::files::Tensor& C, DType dtype) {
  return fixtures::files::grid_of<T>(C).mapped([&](T value) { return bits_of(static_cast<float>(value), dtype); });
}

}  // namespace

Grid<std::uint16_t> output_of(const fixtures::files::Tensor& C, DType dtype, int M, int N, const std::string& where) {
  if (C.shape != std::vector<std::int64_t>{M, N})
    throw InputError("{}: output is {} where the case has M={} and N={}", where, fixtures::files::shape_text(C.shape),
                     M, N);
  if (C.dtype == DType::fp32) return rounded<float>(C, dtype);
  if (C.dtype == DType::fp64) return rounded<double>(C, dtype);
  if (C.dtype != dtype && !(C.dtype == DType::u16 && dtype == DType::bf16))
    throw InputError("{}: output is {} where the case computes in {}; --dtype changes that", where, name_of(C.dtype),
                     name_of(dtype));
  return fixtures::files::grid_of<std::uint16_t>(C);
}

fixtures::files::Tensor read_npy_at_once(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw InputError("{}: cannot be read", path.string());
  const fixtures::files::Buffer buffer = fixtures::files::buffer_of(static_cast<std::size_t>(file.tellg()));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(buffer.cells.get()), static_cast<std::streamsize>(buffer.size));
  if (!file) throw InputError("{}: cannot be read", path.string());
  return fixtures::files::parse_npy(fixtures::files::bytes_of(buffer, path.string()), path.stem().string());
}

}  // namespace w4::kernel::child
