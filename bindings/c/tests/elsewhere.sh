#!/bin/bash
# Tests the library that was built for another system or processor, with programs of that system that run here.
#   elsewhere.sh windows|arm64 SOURCE TARGET_DIRECTORY WORK MUSUBI MUSUBI_PEER [long]
# windows runs under Wine, arm64 under qemu-user. MUSUBI and MUSUBI_PEER are this machine's server and harness: players of two
# systems meet as well.
set -e
kind=$1 source=$2 target=$3 work=$4 server=$5 native_peer=$6 long=${7:-}
tests=$source/bindings/c/tests
mkdir -p "$work/run"
flags=(-std=gnu11 -O1 -Wall -Wextra -Werror "-I$source/include")

case $kind in
windows)
	library=$target/bin/musubi.dll suffix=.exe
	cc=x86_64-w64-mingw32-gcc-win32 cxx=x86_64-w64-mingw32-g++-win32
	link=("$target/bin/libmusubi.dll.a" -lntdll)
	export WINEPREFIX=$work/prefix WINEDEBUG=-all WINEDLLOVERRIDES='bcryptprimitives=n;mscoree,mshtml='
	runner=/usr/lib/wine/wine64
	system=$WINEPREFIX/drive_c/windows/system32
	# The prefix is made once, by the first program that runs in it; 8 s.
	[ -d "$system" ] || "$runner" hostname >"$work/prefix.log" 2>&1 || { cat "$work/prefix.log"; exit 1; }
	[ -f "$system/bcryptprimitives.dll" ] || "$cc" -shared -O1 -o "$system/bcryptprimitives.dll" "$tests/prng.c" -ladvapi32
	exported() { x86_64-w64-mingw32-objdump -p "$library" | sed -n '/Ordinal\/Name/,/^$/p' | awk '/^\t\[ *[0-9]+\]/ { print $NF }'; }
	;;
arm64)
	library=$target/lib/libmusubi.so suffix=
	cc=aarch64-linux-gnu-gcc cxx=
	link=("$library" -lpthread "-Wl,-rpath,$target/lib")
	runner='qemu-aarch64-static -L /usr/aarch64-linux-gnu'
	exported() { aarch64-linux-gnu-nm -D --defined-only "$library" | awk '{print $3}'; }
	;;
*)
	echo "no system '$kind'" >&2
	exit 2
	;;
esac

# in_guest FILE: a script here that runs a program there.
in_guest() {
	printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$runner" "$1" >"$work/run/$(basename "$1" "$suffix")"
	chmod +x "$work/run/$(basename "$1" "$suffix")"
}

echo "exported symbols are the header's functions"
sed -n 's/^MUSUBI_API .*\(musubi_[a-z_]*\)(.*/\1/p' "$source/include/musubi.h" | sort >"$work/declared"
exported | sort >"$work/exported"
[ -s "$work/declared" ] && diff "$work/declared" "$work/exported"

echo "the header is C99 for $cc"
"$cc" -std=c99 -pedantic-errors -Wall -Wextra -Werror "-I$source/include" -fsyntax-only "$tests/header.c"

echo "coming and going"
programs=("$target/bin/musubi_peer$suffix" "$target/bin/musubi_hello$suffix" "$target/bin/guest_test$suffix")
"$cc" "${flags[@]}" -o "$target/bin/guest_test$suffix" "$tests/guest_test.c" "${link[@]}"
for program in "${programs[@]}"; do in_guest "$program"; done
cycles=60
[ -z "$long" ] || cycles=1000
timeout 300 "$work/run/guest_test" $cycles | while read -r line; do
	echo "  $line"
	[ "${line%$'\r'}" != done ] || date +%s%3N >"$work/done"
done
[ "${PIPESTATUS[0]}" = 0 ]
ended=$(date +%s%3N)
echo "  the process ended $((ended - $(cat "$work/done"))) ms after its last line"

echo "two players of this system, then one of it and one of ours"
short=short
[ -z "$long" ] || short=
"$tests/pair.sh" "$server" "$work/run/musubi_peer" "$work/run/musubi_hello" "$short"
"$tests/pair.sh" "$server" "$work/run/musubi_peer" "$work/run/musubi_hello" short "$native_peer"

if [ -n "$cxx" ]; then
	echo "the C++ header is C++17 for $cxx, and its examples run"
	flags=(-std=c++17 -O1 -Wall -Wextra -Wpedantic -Werror -fno-exceptions -fno-rtti "-I$source/include" "-I$source/bindings/cpp")
	"$cxx" "${flags[@]}" -pedantic-errors -fsyntax-only "$tests/header.cpp"
	for example in ping lobby; do
		"$cxx" "${flags[@]}" -static -o "$target/bin/musubi_$example$suffix" "$source/bindings/cpp/examples/$example.cpp" "${link[@]}"
		in_guest "$target/bin/musubi_$example$suffix"
	done
	"$source/bindings/cpp/tests/examples.sh" "$server" "$work/run/musubi_ping" "$work/run/musubi_lobby"
fi
