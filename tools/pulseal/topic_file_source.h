// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TOOLS_TOPIC_FILE_SOURCE_H_
#define PULSEAL_TOOLS_TOPIC_FILE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/pulseal/topic_source.h"

namespace pulseal::tools {

struct TopicFileSourceOptions {
  uint64_t from = 1;  // the number of the first entry that is given
  bool follow = false;
  bool progress = false;
};

// A topic file from its beginning, as TopicReader::Open. FAILED_PRECONDITION where it is also the standard output.
absl::StatusOr<std::unique_ptr<TopicSource>> OpenTopicFileSource(const std::string& path,
                                                                 const TopicFileSourceOptions& options);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_TOPIC_FILE_SOURCE_H_
