# SPDX-License-Identifier: Apache-2.0
#
# ISA-L (Debian: libisal-dev), which ships no CMake config: Isal::isal.

find_path(ISAL_INCLUDE_DIR isa-l/crc.h)
find_library(ISAL_LIBRARY isal)
mark_as_advanced(ISAL_INCLUDE_DIR ISAL_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Isal
  REQUIRED_VARS ISAL_LIBRARY ISAL_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "pulseal::framing needs it for checksums: install libisal-dev, set ISAL_INCLUDE_DIR and \
ISAL_LIBRARY, or build Pulseal without framing (-DPULSEAL_BUILD_FRAMING=OFF)")

if(Isal_FOUND AND NOT TARGET Isal::isal)
  add_library(Isal::isal UNKNOWN IMPORTED)
  set_target_properties(Isal::isal PROPERTIES
    IMPORTED_LOCATION ${ISAL_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${ISAL_INCLUDE_DIR})
endif()
