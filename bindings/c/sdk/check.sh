#!/bin/bash
# Unpacks the SDK somewhere else and uses it as its README says: the README's program in C, built by CMake and through pkg-config,
# for every system whose programs run here, meets itself through the server.
#   check.sh SOURCE BUILD
set -e
source=$1 build=$2
archive=$(echo "$build"/dist/musubi-c-sdk-*.tar.gz)
work=$(mktemp -d)
server_pid=
trap '[ -z "$server_pid" ] || { kill -INT $server_pid; wait $server_pid; }; rm -r "$work"' EXIT
tar -xzf "$archive" -C "$work"
sdk=$(echo "$work"/musubi-c-sdk-*)

fail() { echo "$*" >&2; exit 1; }

echo "the zip holds the same"
mkdir "$work/zip" && (cd "$work/zip" && cmake -E tar xf "${archive%.tar.gz}.zip") && diff -r "$work/zip/${sdk##*/}" "$sdk"

echo "libraries for Linux need no glibc newer than 2.17"
for library in "$sdk"/lib/linux-*/libmusubi.so; do
	newest=$(readelf -W --dyn-syms "$library" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
	[ "$(printf '%s\nGLIBC_2.17\n' "$newest" | sort -V | tail -n 1)" = GLIBC_2.17 ] || fail "$library needs $newest"
done

echo "licences of all that is linked"
for module in "Go go1" pion/stun flynn/noise x/crypto x/sys; do grep -q "^==== .*$module" "$sdk/THIRD-PARTY.txt" || fail "no notice of $module"; done

# The first program in the repository's README, which is examples/hello.c whole.
mkdir "$work/game"
awk '/^```c$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' "$source/README.md" >"$work/game/hello.c"
diff "$work/game/hello.c" "$sdk/examples/hello.c"
cat >"$work/game/CMakeLists.txt" <<'TEXT'
cmake_minimum_required(VERSION 3.16)
project(game C)
find_package(musubi 0.1 REQUIRED)
add_executable(hello hello.c)
target_link_libraries(hello musubi::musubi)
TEXT

by_cmake() { # by_cmake TARGET OPTIONS...
	local target=$1; shift
	{ cmake -S "$work/game" -B "$work/$target" "-DCMAKE_PREFIX_PATH=$sdk" "$@" && cmake --build "$work/$target"; } >"$work/$target.log" 2>&1 || { cat "$work/$target.log"; fail "$target: CMake"; }
}

by_pkg_config() { # by_pkg_config TARGET COMPILER
	local flags
	mkdir -p "$work/$1"
	flags=$(PKG_CONFIG_PATH=$sdk/lib/$1/pkgconfig PKG_CONFIG_LIBDIR=$sdk/lib/$1/pkgconfig pkg-config --cflags --libs musubi)
	# shellcheck disable=SC2086
	"$2" -o "$work/$1/hello_pc" "$work/game/hello.c" $flags
}

await() { # await FILE SED_SCRIPT: what sed makes of a line that will come
	local found
	for _ in $(seq 200); do
		found=$(sed -n "$2" "$1" | head -n 1)
		[ -z "$found" ] || { echo "$found"; return 0; }
		sleep 0.1
	done
	cat "$1" >&2
	return 1
}

meet() { # meet NAME PROGRAM OTHER_PROGRAM, each with the words before it that make it run
	local code pid
	: >"$work/host.out"
	$2 "$address" >"$work/host.out" 2>&1 &
	pid=$!
	code=$(await "$work/host.out" 's/^room \([A-Z0-9]*\).*/\1/p') || fail "$1: no room"
	$3 "$address" "$code" >"$work/join.out" 2>&1 || { cat "$work/join.out"; fail "$1: the second player failed"; }
	wait $pid || fail "$1: the first player failed"
	grep -q 'says: hello' "$work/host.out" && grep -q 'says: hello' "$work/join.out" || fail "$1: hello was not heard"
	echo "$1: two players met"
}

: >"$work/address"
"$build/bin/musubi" server --listen 127.0.0.1:0 --stun-ports 0,0 --data "$work/data" >"$work/address" 2>"$work/server.log" &
server_pid=$!
address=$(await "$work/address" 's/^address //p')

by_cmake linux-amd64
by_pkg_config linux-amd64 cc
meet "linux-amd64, by CMake and by pkg-config" "$work/linux-amd64/hello" "$work/linux-amd64/hello_pc"

qemu='qemu-aarch64-static -L /usr/aarch64-linux-gnu'
by_cmake linux-arm64 -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc
by_pkg_config linux-arm64 aarch64-linux-gnu-gcc
meet "linux-arm64, by CMake and by pkg-config" "$qemu $work/linux-arm64/hello" "$qemu $work/linux-arm64/hello_pc"

if [ -d "$build/elsewhere/windows/prefix" ]; then
	export WINEPREFIX=$build/elsewhere/windows/prefix WINEDEBUG=-all
	by_cmake windows-amd64 -DCMAKE_SYSTEM_NAME=Windows -DCMAKE_SYSTEM_PROCESSOR=AMD64 -DCMAKE_C_COMPILER=x86_64-w64-mingw32-gcc-win32
	by_pkg_config windows-amd64 x86_64-w64-mingw32-gcc-win32
	cp "$sdk/lib/windows-amd64/musubi.dll" "$work/windows-amd64"
	wine=/usr/lib/wine/wine64
	meet "windows-amd64, by CMake and by pkg-config" "$wine $work/windows-amd64/hello.exe" "$wine $work/windows-amd64/hello_pc.exe"
else
	echo "windows-amd64 was not run: ./build.sh windows-test makes Wine ready"
fi

for target in macos-amd64 macos-arm64; do # linked with, never run
	by_pkg_config $target "$build/tools/cc-$target"
done
echo "macOS: programs link; none was run"
