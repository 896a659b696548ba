# SPDX-License-Identifier: Apache-2.0
#
# What Pulseal links. A parent project's own targets win, so that a program holds one copy of each.

if(NOT TARGET OpenSSL::Crypto)
  find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
endif()
if(NOT TARGET absl::status)
  find_package(absl REQUIRED)
endif()
find_package(Threads REQUIRED)
if(PULSEAL_BUILD_FRAMING)
  if(NOT TARGET protobuf::libprotobuf-lite)
    find_package(Protobuf REQUIRED)
  endif()
  if(NOT TARGET Isal::isal)
    list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
    find_package(Isal REQUIRED)
    list(POP_BACK CMAKE_MODULE_PATH)
  endif()
endif()
