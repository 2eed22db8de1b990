# Builds the client library for one system, as a script: how Go and its linker are called is said here and nowhere else.
#
#   cmake -DOUT=FILE [-DOS=linux -DARCH=amd64 -DCC=gcc -DTAGS=a,b -DSTRIP=OFF -DFLAGS=-asan -DRELEASE=ON] -P capi/library.cmake
#
# OS and ARCH are Go's names; left out, they are this machine's. CC compiles for them. FILE's directory also gets what else
# a user links with (Windows' import library), and never cgo's header: users include musubi.h and nothing else. RELEASE leaves out
# Go's build id, which depends on where the source lies and tells Go whether it has to link again.
if(NOT GO)
  find_program(GO go REQUIRED HINTS /usr/local/go/bin)
endif()
if(NOT OS)
  execute_process(COMMAND "${GO}" env GOOS OUTPUT_VARIABLE OS OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
if(NOT ARCH)
  execute_process(COMMAND "${GO}" env GOARCH OUTPUT_VARIABLE ARCH OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
get_filename_component(source "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
get_filename_component(out "${OUT}" ABSOLUTE)
get_filename_component(directory "${out}" DIRECTORY)
file(MAKE_DIRECTORY "${directory}")

set(mode c-shared)
set(tags "${TAGS},musubi_library") # core/cluster leaves the server's part out
if(OS STREQUAL "linux" OR OS STREQUAL "android")
  # Only the API is exported: 48 to 65 symbols of cgo's would be otherwise. A linker flag and no #cgo line, because cgo
  # admits no such flag from source files.
  set(link "-Wl,--version-script=${source}/capi/musubi.map -Wl,-soname,libmusubi.so")
  if(OS STREQUAL "android")
    string(APPEND link " -Wl,-z,max-page-size=16384") # what Google Play asks for since Android 15
  else()
    # Go's own resolver, which can be cancelled; libc's would keep a thread in C. Android has no /etc/resolv.conf.
    string(APPEND tags ",netgo,osusergo")
  endif()
elseif(OS STREQUAL "windows")
  # Both flags: the first makes the linker choose, the second leaves what is marked dllexport by the header alone.
  set(link "-Wl,--export-all-symbols -Wl,--exclude-all-symbols -Wl,--out-implib,${directory}/libmusubi.dll.a")
elseif(OS STREQUAL "darwin")
  set(link "-install_name @rpath/libmusubi.dylib")
  set(ENV{CGO_CFLAGS} "-O2 -fvisibility=hidden") # of Go's own C files; there is no version script here
elseif(OS STREQUAL "ios")
  set(mode c-archive) # apps carry no libraries of their own, only frameworks
endif()
string(REGEX REPLACE "^," "" tags "${tags}")

if(NOT DEFINED STRIP)
  set(STRIP ON)
endif()
set(strip "-s=true -w=true")
if(NOT STRIP)
  set(strip "-s=false -w=false")
elseif(RELEASE)
  string(APPEND link " -s") # zig's linker keeps what Go's flags ask it to leave out
endif()
if(RELEASE)
  string(APPEND strip " -buildid=")
endif()

# TLS, names and X.509 are a third of the library and work for milliseconds in an hour: without inlining they are a quarter of a MB smaller.
set(small "")
foreach(package crypto/tls crypto/x509 crypto/hpke crypto/elliptic math/big encoding/asn1 net net/url "vendor/..." os context "github.com/pion/..." encoding/gob reflect fmt bufio unicode html
    crypto/rsa crypto/ecdsa crypto/internal/fips140/rsa crypto/internal/fips140/ecdsa crypto/internal/fips140/bigmod "crypto/internal/fips140/nistec/..."
    crypto/internal/fips140/mlkem crypto/internal/fips140/tls12 crypto/internal/fips140/tls13)
  list(APPEND small "-gcflags=${package}=-l")
endforeach()

# Go links again when its sources or flags have changed, but does not look into the version script that a flag names. A
# library that is gone is always linked; the age of this file counts as well, to be sure.
foreach(input "${source}/capi/musubi.map" "${CMAKE_CURRENT_LIST_FILE}")
  if("${input}" IS_NEWER_THAN "${out}")
    file(REMOVE "${out}")
  endif()
endforeach()

set(environment CGO_ENABLED=1 "GOOS=${OS}" "GOARCH=${ARCH}")
if(CC)
  list(APPEND environment "CC=${CC}")
endif()
execute_process(
  COMMAND "${CMAKE_COMMAND}" -E env ${environment} "${GO}" build -buildmode=${mode} -trimpath -buildvcs=false
    -tags "${tags}" ${small} ${FLAGS} "-ldflags=${strip} '-extldflags=${link}'" -o "${out}" ./capi
  WORKING_DIRECTORY "${source}" RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "go build failed")
endif()
string(REGEX REPLACE "\\.[a-z]+$" ".h" header "${out}")
file(REMOVE "${header}")
