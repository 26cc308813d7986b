// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/files/tensor.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace w4::kernel::child {

/// A file's C (M, N) as bits of `dtype`: fp16 and bf16 unchanged (bf16 also as uint16, since NumPy has no bf16), fp32
/// and fp64 rounded. Throws InputError with `where` and both shapes or both types.
Grid<std::uint16_t> output_of(const fixtures::files::Tensor& C, DType dtype, int M, int N, const std::string& where);

/// The same of a .npy file that another process may still write, or have made into anything: it is read, not mapped,
/// without waiting, and only if it is a regular file (or a link to one: the command is the user's) of at most the bytes
/// that C takes. Throws InputError.
Grid<std::uint16_t> read_output(const std::filesystem::path& path, DType dtype, int M, int N);

}  // namespace w4::kernel::child
