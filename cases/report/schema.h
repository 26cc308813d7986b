// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace w4::cases::report {

/// What "schema" says in each JSON that programs read: name and version (docs/schemas/). A new field leaves the version
/// as it is; what breaks a reader raises it.
inline constexpr const char* kReportSchema = "w4bisect.report/1";
inline constexpr const char* kResultsSchema = "w4bisect.results/1";
inline constexpr const char* kComparisonSchema = "w4bisect.comparison/1";
inline constexpr const char* kCheckSchema = "w4bisect.check/1";
inline constexpr const char* kExplainSchema = "w4bisect.explain/1";

}  // namespace w4::cases::report
