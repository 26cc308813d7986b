// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/files/tensor.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace w4::kernel::child {

/// Somebody's C (M, N) as bits of `dtype`: fp16 and bf16 as they are (bf16 also as uint16, for NumPy has no such type),
/// fp32 and fp64 rounded. Throws InputError that names `where`, both shapes or both types.
Grid<std::uint16_t> output_of(const fixtures::files::Tensor& C, DType dtype, int M, int N, const std::string& where);

/// The array of a .npy file that somebody may still be writing to: read and not mapped. Throws InputError.
fixtures::files::Tensor read_npy_at_once(const std::filesystem::path& path);

}  // namespace w4::kernel::child
