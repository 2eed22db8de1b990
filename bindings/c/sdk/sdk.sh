# The C SDK archive, for build.sh: one directory with the header, the libraries of all targets and what build systems need.
# Built twice from the same commit it has the same bytes: names sorted, times those of the commit, no owners.
sdk=$root/bindings/c/sdk

version() { sed -n 's/^#define MUSUBI_VERSION "\(.*\)"/\1/p' include/musubi.h; }

# linked_modules: "path version directory" of every module that the library links on some system.
linked_modules() {
  local os
  for os in linux windows darwin android; do
    GOOS=$os GOARCH=arm64 CGO_ENABLED=1 go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./capi
  done | sort -u
}

notices() {
  local path release dir
  say "The libraries contain the following, beside Musubi itself (LICENSE)."
  printf '\n==== Go %s: runtime and standard library\n\n' "$(go env GOVERSION)"
  cat "$(go env GOROOT)/LICENSE"
  linked_modules | while read -r path release dir; do
    printf '\n==== %s %s\n\n' "$path" "$release"
    find "$dir" -maxdepth 1 -type f \( -iname 'licen[sc]e*' -o -iname 'copying*' \) -print0 | sort -z | xargs -0 -r cat >"$out/tools/licence"
    [ -s "$out/tools/licence" ] || find "$dir/LICENSES" -type f -print0 | sort -z | xargs -0 cat >"$out/tools/licence"
    cat "$out/tools/licence"
  done
  printf '\n==== Windows only: start-up code of the MinGW-w64 runtime (public domain, or Zope Public License 2.1) and of libgcc (GPL 3 with\n'
  printf 'the GCC Runtime Library Exception 3.1). macOS and Linux: of compiler-rt as zig has it (MIT).\n'
}

# sdk_library TARGET DIRECTORY: what a user of the target links and ships.
sdk_library() {
  local to=$2
  mkdir -p "$to/pkgconfig"
  case $1 in
    linux-amd64) low_glibc amd64 x86_64 "$to/libmusubi.so" ;;
    linux-arm64) low_glibc arm64 aarch64 "$to/libmusubi.so" ;;
    windows-amd64)
      library "$to/musubi.dll" windows amd64 x86_64-w64-mingw32-gcc-win32
      { say "LIBRARY musubi.dll"; say EXPORTS; sed -n 's/^MUSUBI_API .*\(musubi_[a-z_]*\)(.*/\1/p' include/musubi.h | sort; } >"$to/musubi.def"
      "$zig" dlltool -m i386:x86-64 -D musubi.dll -d "$to/musubi.def" -l "$to/musubi.lib" ;;
    *) lib_target "$1" >/dev/null; cp "$out/targets/$1/lib"/libmusubi.* "$to" ;;
  esac
  sed "s/@VERSION@/$(version)/; s/@TARGET@/$1/" "$sdk/musubi.pc.in" >"$to/pkgconfig/musubi.pc"
}

# archive DIRECTORY FILE: DIRECTORY, below the current one, as FILE.tar.gz and FILE.zip.
archive() {
  local time=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 1000000000)}
  tar --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --format=ustar -cf - "$1" | gzip -9n >"$2.tar.gz"
  find "$1" -type f | LC_ALL=C sort >"$2.list"
  rm -f "$2.zip"
  TZ=UTC cmake -E tar cf "$2.zip" --format=zip "--mtime=$(date -u -d "@$time" '+%Y-%m-%d %H:%M:%S UTC')" --files-from="$2.list"
  rm "$2.list"
}

dist_sdk() {
  local name stage target extra=()
  name=musubi-c-sdk-$(version)
  stage=$out/dist/stage/$name
  rm -rf "$out/dist/stage"
  mkdir -p "$stage/include" "$stage/examples" "$stage/lib/cmake/musubi"
  need_zig || fail "dist needs zig"
  if [ -n "${ANDROID_NDK_HOME:-${ANDROID_NDK_ROOT:-}}" ]; then extra+=(android-arm64); else say "android-arm64 is left out: no ANDROID_NDK_HOME"; fi
  if command -v xcrun >/dev/null; then extra+=(ios-arm64); else say "ios-arm64 is left out: no Xcode"; fi
  for target in "${targets_here[@]}" "${extra[@]}"; do
    sdk_library "$target" "$stage/lib/$target"
  done
  cp include/musubi.h bindings/cpp/musubi.hpp "$stage/include"
  cp bindings/c/examples/hello.c "$stage/examples"
  cp LICENSE "$stage"
  notices >"$stage/THIRD-PARTY.txt"
  sed "s/@VERSION@/$(version)/" "$sdk/README.md" >"$stage/README.md"
  cp "$sdk/musubiConfig.cmake" "$stage/lib/cmake/musubi"
  cmake "-DOUT=$stage/lib/cmake/musubi/musubiConfigVersion.cmake" "-DVERSION=$(version)" -P "$sdk/version.cmake"
  chmod 644 $(find "$stage" -type f)
  chmod 755 "$stage"/lib/*/*.so "$stage"/lib/*/*.dylib "$stage"/lib/*/*.dll
  (cd "$out/dist/stage" && archive "$name" "$out/dist/$name")
  (cd "$stage/lib" && for target in *-*; do say "$target  $(du -b "$target"/*musubi.[sd]* | sort -n | tail -n 1 | awk '{print $1 " bytes  " $2}')"; done)
  say "build/dist/$name.tar.gz  $(stat -c %s "$out/dist/$name.tar.gz") bytes"
  say "build/dist/$name.zip  $(stat -c %s "$out/dist/$name.zip") bytes"
}

# dist_again TARGET: a second build of what is in the archive has the same bytes.
dist_again() {
  local again=$out/dist/again
  rm -rf "$again"
  sdk_library "$1" "$again"
  diff -r "$again" "$out/dist/stage/musubi-c-sdk-$(version)/lib/$1" || fail "$1: a second build differs"
  rm -rf "$again"
}
