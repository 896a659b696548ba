# SPDX-License-Identifier: Apache-2.0
#
# How Pulseal's own targets are compiled: pulseal_compile_options(target).

set(CMAKE_CXX_STANDARD 17 CACHE STRING "C++ standard, 17 or later")
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(PULSEAL_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

function(pulseal_compile_options target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wcast-qual -Wformat=2 -Wundef
    $<$<CXX_COMPILER_ID:Clang,AppleClang>:-Wthread-safety>
    $<$<BOOL:${PULSEAL_WARNINGS_AS_ERRORS}>:-Werror>)
  set_target_properties(${target} PROPERTIES
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON)
endfunction()

# C++ from a .proto file, named from the root, for a target's own use: #include "proto/pulsar_metadata.pb.h".
function(pulseal_protobuf_source target proto)
  set(generated_dir ${PROJECT_BINARY_DIR}/protobuf/${target})
  string(REGEX REPLACE "[.]proto$" ".pb" stem ${generated_dir}/${proto})
  file(MAKE_DIRECTORY ${generated_dir})
  add_custom_command(
    OUTPUT ${stem}.cc ${stem}.h
    COMMAND protobuf::protoc --cpp_out=${generated_dir} -I ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/${proto}
    DEPENDS ${PROJECT_SOURCE_DIR}/${proto} protobuf::protoc
    VERBATIM)
  set_source_files_properties(${stem}.cc PROPERTIES COMPILE_OPTIONS -w)
  target_sources(${target} PRIVATE ${stem}.cc ${stem}.h)
  target_include_directories(${target} SYSTEM PRIVATE ${generated_dir})
  target_link_libraries(${target} PRIVATE protobuf::libprotobuf-lite)
endfunction()

# Holds what a shared library shows to names in pulseal.
function(pulseal_limit_exports target)
  target_link_options(${target} PRIVATE
    $<$<STREQUAL:$<TARGET_PROPERTY:${target},TYPE>,SHARED_LIBRARY>:LINKER:--version-script,${PROJECT_SOURCE_DIR}/lib/pulseal.map>)
  set_target_properties(${target} PROPERTIES LINK_DEPENDS ${PROJECT_SOURCE_DIR}/lib/pulseal.map)
endfunction()
