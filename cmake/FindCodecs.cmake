# SPDX-License-Identifier: Apache-2.0
#
# LZ4, Zstandard and Snappy, of which not every version ships a CMake config: LZ4::lz4, zstd::libzstd and Snappy::snappy, the
# names that their own configs use.

set(Codecs_targets LZ4::lz4 zstd::libzstd Snappy::snappy)
set(Codecs_headers lz4.h zstd.h snappy-c.h)
set(Codecs_libraries lz4 zstd snappy)
set(Codecs_required "")
foreach(target header library IN ZIP_LISTS Codecs_targets Codecs_headers Codecs_libraries)
  if(NOT TARGET ${target})
    string(TOUPPER ${library} prefix)
    find_path(${prefix}_INCLUDE_DIR ${header})
    find_library(${prefix}_LIBRARY ${library})
    mark_as_advanced(${prefix}_INCLUDE_DIR ${prefix}_LIBRARY)
    list(APPEND Codecs_required ${prefix}_LIBRARY ${prefix}_INCLUDE_DIR)
    if(${prefix}_LIBRARY AND ${prefix}_INCLUDE_DIR)
      add_library(${target} UNKNOWN IMPORTED)
      set_target_properties(${target} PROPERTIES
        IMPORTED_LOCATION ${${prefix}_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES ${${prefix}_INCLUDE_DIR})
    endif()
  endif()
endforeach()

set(Codecs_all_are_there TRUE)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Codecs
  REQUIRED_VARS Codecs_all_are_there ${Codecs_required}
  REASON_FAILURE_MESSAGE "pulseal::framing needs them for compressed messages: install liblz4-dev, libzstd-dev and \
libsnappy-dev, set X_INCLUDE_DIR and X_LIBRARY for each, or build Pulseal without framing (-DPULSEAL_BUILD_FRAMING=OFF)")
