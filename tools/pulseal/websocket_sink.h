// SPDX-License-Identifier: Apache-2.0
#ifndef PULSEAL_TOOLS_WEBSOCKET_SINK_H_
#define PULSEAL_TOOLS_WEBSOCKET_SINK_H_

#include <memory>

#include "tools/pulseal/topic_sink.h"
#include "tools/pulseal/websocket_link.h"

namespace pulseal::tools {

// A topic behind Pulsar's WebSocket endpoint. An entry counts as written once the endpoint has sent its receipt; one without
// a receipt is sent again over the next connection, so that none is lost and those may come twice. Entries must be encrypted,
// whole messages, and for one recipient: the endpoint takes nothing else. The wrapped keys belong to the connection: others
// get one of their own.
// Connects with the first entry. Sets max_frame_size.
std::unique_ptr<TopicSink> MakeWebSocketSink(WebSocketLinkOptions options);

}  // namespace pulseal::tools

#endif  // PULSEAL_TOOLS_WEBSOCKET_SINK_H_
