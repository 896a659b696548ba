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
    # ISA-L (Debian: libisal-dev) ships no CMake config.
    find_path(ISAL_INCLUDE_DIR isa-l/crc.h)
    find_library(ISAL_LIBRARY isal)
    mark_as_advanced(ISAL_INCLUDE_DIR ISAL_LIBRARY)
    if(NOT ISAL_INCLUDE_DIR OR NOT ISAL_LIBRARY)
      message(FATAL_ERROR "ISA-L not found, which pulseal::framing needs for checksums: install libisal-dev, "
        "set ISAL_INCLUDE_DIR and ISAL_LIBRARY, or build without framing: -DPULSEAL_BUILD_FRAMING=OFF")
    endif()
    add_library(Isal::isal UNKNOWN IMPORTED)
    set_target_properties(Isal::isal PROPERTIES
      IMPORTED_LOCATION ${ISAL_LIBRARY}
      INTERFACE_INCLUDE_DIRECTORIES ${ISAL_INCLUDE_DIR})
  endif()
endif()
