# SPDX-License-Identifier: Apache-2.0
#
# How Pulseal's own targets are compiled: pulseal_compile_options(target).

set(CMAKE_CXX_STANDARD 17 CACHE STRING "C++ standard, 17 or later")
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(PULSEAL_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(PULSEAL_IS_X86_64 OFF)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(PULSEAL_IS_X86_64 ON)
endif()

# What makes a memory error harder to use, should one be left. Not with a sanitizer, which finds it instead and doesn't know
# the checked functions.
option(PULSEAL_HARDENING "Compile and link Pulseal's own targets with hardening flags" ON)
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  set(PULSEAL_HARDENING OFF)
endif()
include(CheckPIESupported)
check_pie_supported() # so that POSITION_INDEPENDENT_CODE holds for linking programs too: their code has no fixed address

function(pulseal_harden target)
  target_compile_options(${target} PRIVATE
    # A canary behind arrays on the stack, and no step over the guard page below it.
    -fstack-protector-strong -fstack-clash-protection
    # Indirect jumps land on marked places only, on processors that have it (Intel CET).
    $<$<BOOL:${PULSEAL_IS_X86_64}>:-fcf-protection=full>
    # memcpy, read and their like check their bounds where the compiler knows the size, which it does when it optimises. Some
    # compilers set it themselves.
    $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
  # Function addresses are looked up at the start and then read-only; the stack holds no code.
  target_link_options(${target} PRIVATE LINKER:-z,relro,-z,now,-z,noexecstack)
endfunction()

function(pulseal_compile_options target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wcast-qual -Wformat=2 -Wundef
    $<$<CXX_COMPILER_ID:Clang,AppleClang>:-Wthread-safety>
    $<$<BOOL:${PULSEAL_WARNINGS_AS_ERRORS}>:-Werror>)
  set_target_properties(${target} PROPERTIES
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON)
  if(PULSEAL_HARDENING)
    pulseal_harden(${target})
  endif()
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
