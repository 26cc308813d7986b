// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/layer/model.h"

#include <nlohmann/json_fwd.hpp>

namespace w4::cases::layers {

/// The model's files, their sizes and times: whether two runs saw the same ones.
nlohmann::json identity_of(const fixtures::Model& model);

}  // namespace w4::cases::layers
