# find_package(musubi) gives the target musubi::musubi: the header's directory and the library for the system and the processor
# that CMake compiles for.
get_filename_component(musubi_root "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(CMAKE_SYSTEM_NAME STREQUAL "Darwin")
  set(musubi_system macos)
else()
  string(TOLOWER "${CMAKE_SYSTEM_NAME}" musubi_system) # linux, windows, android, ios
endif()
set(musubi_cpu "${CMAKE_SYSTEM_PROCESSOR}")
if(CMAKE_OSX_ARCHITECTURES) # one of them: there are no universal files here
  set(musubi_cpu "${CMAKE_OSX_ARCHITECTURES}")
endif()
if(musubi_cpu MATCHES "^(aarch64|arm64|ARM64)$")
  set(musubi_cpu arm64)
elseif(musubi_cpu MATCHES "^(x86_64|amd64|AMD64|x64)$")
  set(musubi_cpu amd64)
endif()
set(musubi_lib "${musubi_root}/lib/${musubi_system}-${musubi_cpu}")

if(NOT IS_DIRECTORY "${musubi_lib}")
  set(musubi_FOUND FALSE)
  set(musubi_NOT_FOUND_MESSAGE "this archive has no library for ${musubi_system}-${musubi_cpu}")
  return()
endif()

if(NOT TARGET musubi::musubi)
  if(musubi_system STREQUAL "ios")
    add_library(musubi::musubi STATIC IMPORTED)
    set_target_properties(musubi::musubi PROPERTIES IMPORTED_LOCATION "${musubi_lib}/libmusubi.a"
      INTERFACE_LINK_LIBRARIES "-framework CoreFoundation;-framework Security;-lresolv")
  else()
    add_library(musubi::musubi SHARED IMPORTED)
    set_target_properties(musubi::musubi PROPERTIES IMPORTED_LOCATION "${musubi_lib}/libmusubi${CMAKE_SHARED_LIBRARY_SUFFIX}")
    if(WIN32)
      set_target_properties(musubi::musubi PROPERTIES IMPORTED_LOCATION "${musubi_lib}/musubi.dll" IMPORTED_IMPLIB "${musubi_lib}/musubi.lib")
      if(NOT MSVC)
        set_target_properties(musubi::musubi PROPERTIES IMPORTED_IMPLIB "${musubi_lib}/libmusubi.dll.a")
      endif()
    endif()
  endif()
  set_target_properties(musubi::musubi PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${musubi_root}/include")
endif()
