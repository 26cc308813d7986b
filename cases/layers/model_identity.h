// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/layer/model.h"

#include <nlohmann/json_fwd.hpp>

namespace w4::cases::layers {

/// The names, sizes and times of the model's files: equal when two runs read the same model.
nlohmann::json identity_of(const fixtures::Model& model);

}  // namespace w4::cases::layers
