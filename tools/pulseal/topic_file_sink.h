// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TOOLS_TOPIC_FILE_SINK_H_
#define PULSEAL_TOOLS_TOPIC_FILE_SINK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/pulseal/topic_sink.h"

namespace pulseal::tools {

// The end of a topic file, as TopicWriter::Open; reports a torn tail that it removed. FAILED_PRECONDITION where it is
// also the standard input, or the standard output, which leaves it as it is.
absl::StatusOr<std::unique_ptr<TopicSink>> OpenTopicFileSink(const std::string& path);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_TOPIC_FILE_SINK_H_
