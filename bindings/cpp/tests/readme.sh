#!/bin/sh
# The programs in README.md compile without a warning, and meet: the C one hosts for the C++ one, that hosts for the C# one,
# and that for the C one. musubi.hpp alone compiles under every C++ compiler that is here.
#   readme.sh SOURCE_DIRECTORY BUILD_DIRECTORY
set -e
source=$1 build=$2
. "$(dirname "$0")/../../server.sh"
start_server "$build/bin/musubi"

# snippet LANGUAGE FILE: the first block of a language.
snippet() {
	sed -n '/^```'"$1"'$/,/^```$/p' "$source/README.md" | sed '1d;/^```$/,$d' >"$2"
	[ -s "$2" ] || { echo "README.md has no program in $1" >&2; return 1; }
}
snippet c "$work/hello.c"
snippet cpp "$work/hello.cpp"
snippet csharp "$work/hello.cs"
diff "$work/hello.c" "$source/bindings/c/examples/hello.c" # the README says that it is this file

flags="-Wall -Wextra -Wpedantic -Werror -I$source/include -I$source/bindings/cpp"
link="-L$build/lib -lmusubi -Wl,-rpath,$build/lib"
# shellcheck disable=SC2086
{
	cc -std=c99 $flags -o "$work/c" "$work/hello.c" $link
	for compiler in c++ clang++; do
		command -v $compiler >/dev/null || continue
		$compiler -std=c++17 $flags -fno-exceptions -fno-rtti -o "$work/cpp" "$work/hello.cpp" $link
		echo '#include <musubi.hpp>' | $compiler -std=c++20 $flags -fno-exceptions -fno-rtti -x c++ -fsyntax-only -
	done
}
programs="c cpp"
export LD_LIBRARY_PATH="$build/lib"
if command -v mcs >/dev/null && command -v mono >/dev/null; then
	mcs -langversion:7.2 -warnaserror -unsafe -out:"$work/cs.exe" "$work/hello.cs" "$source"/unity/Runtime/Core/*.cs
	printf '#!/bin/sh\nexec mono "%s" "$@"\n' "$work/cs.exe" >"$work/cs"
	chmod +x "$work/cs"
	programs="c cpp cs"
fi

host=${programs##* }
for guest in $programs; do
	"$work/$host" "$address" >"$work/host" &
	pid=$!
	code=$(await "$work/host" 's/^room \([A-Z0-9]*\),.*/\1/p')
	"$work/$guest" "$address" "$code" >"$work/guest"
	wait $pid
	grep -q 'says: hello' "$work/host" && grep -q 'says: hello' "$work/guest"
	rm "$work/host"
	echo "$host hosted, $guest came, both said hello"
	host=$guest
done
