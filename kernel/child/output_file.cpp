// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/output_file.h"

#include "fixtures/files/bytes.h"
#include "fixtures/files/npy.h"
#include "fixtures/half.h"
#include "kernel/child/errors.h"
#include "kernel/child/process.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace w4::kernel::child {
namespace {

namespace files = fixtures::files;

constexpr std::size_t kHeaderBytes = 1 << 16;  // no .npy header is longer
constexpr std::size_t kWidest = sizeof(double);

template <class T>
Grid<std::uint16_t> rounded(const files::Tensor& C, DType dtype) {
  return files::grid_of<T>(C).mapped([&](T value) { return bits_of(static_cast<float>(value), dtype); });
}

/// In what an array is unlike C (M, N): both types or both shapes; empty: in nothing.
std::string unlike(DType stored, const std::vector<std::int64_t>& shape, DType dtype, int M, int N) {
  const bool floats = stored == DType::fp32 || stored == DType::fp64;
  if (!floats && stored != dtype && !(stored == DType::u16 && dtype == DType::bf16))
    return fmt::format("dtype {}, expected {} ({}, {}){}", name_of(stored), name_of(dtype), M, N,
                       stored == DType::fp16 || stored == DType::bf16 ? "; --dtype changes that" : "");
  if (shape != std::vector<std::int64_t>{M, N})
    return fmt::format("shape {}, expected {} ({}, {})", files::shape_text(shape), name_of(dtype), M, N);
  return "";
}

/// A regular file's first bytes. A FIFO would block, and all of a sparse file would take all memory.
files::Buffer content_of(const std::filesystem::path& path, const std::string& name, std::size_t most_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0 && (errno == EMFILE || errno == ENFILE)) throw ToolFailed("{}: {}", name, ::strerror(errno));
  struct stat about = {};
  if (file.get() < 0 || ::fstat(file.get(), &about) != 0) throw InputError("{}: {}", name, ::strerror(errno));
  if (!S_ISREG(about.st_mode)) throw InputError("{}: is no regular file", name);
  const std::size_t size = std::min(static_cast<std::size_t>(about.st_size), most_bytes);
  files::Buffer buffer = files::buffer_of(size);
  for (std::size_t done = 0; done < size;) {
    const ssize_t count = ::read(file.get(), buffer.cells.get() + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw InputError("{}: has {} bytes, {} of them can be read", name, size, done);
    done += static_cast<std::size_t>(count);
  }
  return buffer;
}

}  // namespace

Grid<std::uint16_t> output_of(const files::Tensor& C, DType dtype, int M, int N, const std::string& where) {
  if (const std::string why = unlike(C.dtype, C.shape, dtype, M, N); !why.empty())
    throw InputError("{}: {}", where, why);
  if (C.dtype == DType::fp32) return rounded<float>(C, dtype);
  if (C.dtype == DType::fp64) return rounded<double>(C, dtype);
  return files::grid_of<std::uint16_t>(C);
}

Grid<std::uint16_t> read_output(const std::filesystem::path& path, DType dtype, int M, int N) {
  const std::string name = path.filename().string();
  const auto outputs = static_cast<std::size_t>(M) * static_cast<std::size_t>(N);
  const std::size_t most_bytes = kHeaderBytes + kWidest * outputs;
  const files::Bytes bytes = files::bytes_of(content_of(path, name, most_bytes + 1), name);
  const files::NpyHeader header = files::parse_npy_header(bytes);
  if (const std::string why = unlike(header.dtype, header.shape, dtype, M, N); !why.empty())
    throw InputError("{}", why);
  if (bytes.size() > most_bytes) throw InputError("{}: has more than the {} bytes of its array", name, most_bytes);
  return output_of(files::parse_npy(bytes, path.stem().string()), dtype, M, N, name);
}

}  // namespace w4::kernel::child
