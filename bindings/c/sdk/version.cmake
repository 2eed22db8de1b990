# cmake -DOUT=FILE -DVERSION=1.2.3 -P version.cmake: what find_package compares versions with; good for every processor, since
# musubiConfig.cmake looks for the right library itself.
include(CMakePackageConfigHelpers)
write_basic_package_version_file("${OUT}" VERSION "${VERSION}" COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
