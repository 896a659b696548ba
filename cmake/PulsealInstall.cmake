# SPDX-License-Identifier: Apache-2.0
#
# What `cmake --install` puts where, for find_package(pulseal CONFIG) and for pkg-config.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pulseal)

# NAME.pc from what the target links, so that the two can't drift apart. A shared library brings what it uses by itself;
# a static one passes it on to whoever links it.
function(pulseal_install_pc name target description)
  get_target_property(public ${target} INTERFACE_LINK_LIBRARIES)
  get_target_property(all ${target} LINK_LIBRARIES)
  list(FILTER public EXCLUDE REGEX "LINK_ONLY|BUILD_INTERFACE")
  set(linked ${public})
  if(NOT BUILD_SHARED_LIBS)
    set(linked ${all})
  endif()
  list(REMOVE_DUPLICATES linked)
  set(requires "")
  set(libs -l${target})
  foreach(library ${linked})
    if(library MATCHES "^absl::(.*)$")
      list(APPEND requires absl_${CMAKE_MATCH_1})
    elseif(library STREQUAL "Threads::Threads")
      list(APPEND libs -pthread)
    elseif(library STREQUAL "IpsecMb::IpsecMb")
      list(APPEND libs -lIPSec_MB)
    elseif(DEFINED pc_of_${library})
      list(APPEND requires "${pc_of_${library}}")
    else()
      message(FATAL_ERROR "cmake/PulsealInstall.cmake doesn't know which pkg-config module is ${library}")
    endif()
  endforeach()
  list(JOIN requires ", " PC_REQUIRES)
  list(JOIN libs " " PC_LIBS)
  # Relative to where the file lies, so that an installed tree can be moved.
  file(RELATIVE_PATH PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  set(PC_NAME ${name})
  set(PC_DESCRIPTION ${description})
  configure_file(${PROJECT_SOURCE_DIR}/cmake/pulseal.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

set(pc_of_OpenSSL::Crypto "libcrypto >= 3.0")
set(pc_of_Isal::isal libisal)
set(pc_of_LZ4::lz4 liblz4)
set(pc_of_Snappy::snappy snappy)
set(pc_of_ZLIB::ZLIB zlib)
set(pc_of_zstd::libzstd libzstd)
set(pc_of_pulseal::pulseal "pulseal = ${PROJECT_VERSION}")

# One export set for each component, so that a program which wants the core alone needs no codecs.
install(TARGETS pulseal EXPORT pulseal)
install(EXPORT pulseal NAMESPACE pulseal:: FILE pulseal-targets.cmake DESTINATION ${package_dir})
if(PULSEAL_IPSEC_MB)
  install(FILES ${PROJECT_SOURCE_DIR}/cmake/FindIpsecMb.cmake DESTINATION ${package_dir})
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/pulseal DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  PATTERN framing EXCLUDE)
pulseal_install_pc(pulseal pulseal "${PROJECT_DESCRIPTION}")

if(TARGET pulseal_framing)
  install(TARGETS pulseal_framing EXPORT pulseal-framing)
  install(EXPORT pulseal-framing NAMESPACE pulseal:: FILE pulseal-framing-targets.cmake DESTINATION ${package_dir})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/pulseal/framing DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/pulseal)
  install(FILES ${PROJECT_SOURCE_DIR}/cmake/FindCodecs.cmake ${PROJECT_SOURCE_DIR}/cmake/FindIsal.cmake
    DESTINATION ${package_dir})
  pulseal_install_pc(pulseal-framing pulseal_framing "Entries, batches, chunks and compression of Apache Pulsar for Pulseal")
endif()

if(TARGET pulseal_program)
  install(TARGETS pulseal_program)
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/pulsealConfig.cmake.in
  ${PROJECT_BINARY_DIR}/pulsealConfig.cmake
  INSTALL_DESTINATION ${package_dir}
  NO_SET_AND_CHECK_MACRO)
# Each 0.x minor version is an interface of its own.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/pulsealConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/pulsealConfig.cmake ${PROJECT_BINARY_DIR}/pulsealConfigVersion.cmake
  DESTINATION ${package_dir})
