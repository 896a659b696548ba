# SPDX-License-Identifier: Apache-2.0
#
# libipsec-mb (Debian: libipsec-mb-dev), which ships neither a CMake config nor a pkg-config file: IpsecMb::IpsecMb.

find_path(IPSEC_MB_INCLUDE_DIR intel-ipsec-mb.h)
find_library(IPSEC_MB_LIBRARY IPSec_MB)
mark_as_advanced(IPSEC_MB_INCLUDE_DIR IPSEC_MB_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(IpsecMb
  REQUIRED_VARS IPSEC_MB_LIBRARY IPSEC_MB_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "PULSEAL_WITH_IPSEC_MB needs it: install libipsec-mb-dev, set IPSEC_MB_INCLUDE_DIR and \
IPSEC_MB_LIBRARY, or build Pulseal without it (-DPULSEAL_WITH_IPSEC_MB=OFF)")

if(IpsecMb_FOUND AND NOT TARGET IpsecMb::IpsecMb)
  add_library(IpsecMb::IpsecMb UNKNOWN IMPORTED)
  set_target_properties(IpsecMb::IpsecMb PROPERTIES
    IMPORTED_LOCATION ${IPSEC_MB_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${IPSEC_MB_INCLUDE_DIR})
endif()
