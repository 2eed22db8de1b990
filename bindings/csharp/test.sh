#!/bin/sh
# The C# binding under Mono, against the real library and a server on this machine.
#   test.sh MUSUBI LIBRARY_DIRECTORY [SECONDS]
# Compiles the binding as Unity's oldest compiler would (C# 7.2, every public member documented), the tests and the examples;
# runs the tests, then the collector's storm for SECONDS (5), under each Mono that is installed: SGen, and Boehm, whose
# collector is the family that Unity uses.
set -e
musubi=$1 native=$2 seconds=${3:-5}
here=$(cd "$(dirname "$0")" && pwd)
core=$here/../../unity/Runtime/Core
. "$here/../server.sh"
start_server "$musubi"
export LD_LIBRARY_PATH="$native"

compile() { mcs -langversion:7.2 -warnaserror "$@"; }
compile -unsafe -target:library -doc:"$work/Musubi.xml" -out:"$work/Musubi.dll" "$core"/*.cs
compile -unsafe -target:library -define:UNITY_IOS -out:"$work/iOS.dll" "$core"/*.cs
shared="$here/Tests/Players.cs $here/Tests/Check.cs"
# shellcheck disable=SC2086
{
	compile -r:"$work/Musubi.dll" -out:"$work/tests.exe" $shared "$here"/Tests/Program.cs "$here"/Tests/*Tests.cs
	compile -r:"$work/Musubi.dll" -out:"$work/storm.exe" $shared "$here/Tests/Storm.cs"
}
compile -r:"$work/Musubi.dll" -out:"$work/misfit.exe" "$here/Tests/Misfit.cs"
compile -r:"$work/Musubi.dll" -out:"$work/ping.exe" "$here/Examples/Ping.cs"
compile -r:"$work/Musubi.dll" -out:"$work/lobby.exe" "$here/Examples/Lobby.cs"

# misfit NAME PATTERN FLAGS...: a wrong library is refused, with a sentence that says what was expected and what was found.
misfit() {
	name=$1 pattern=$2
	shift 2
	mkdir "$work/$name"
	[ "$name" = missing ] || cc -shared -fPIC -I"$here/../../include" "$@" -o "$work/$name/libmusubi.so" "$here/Tests/misfit.c"
	said=$(LD_LIBRARY_PATH="$work/$name" mono "$work/misfit.exe") || { echo "misfit $name: $said" >&2; return 1; }
	echo "$said" | grep -q "$pattern" || { echo "misfit $name: $said" >&2; return 1; }
	echo "ok misfit $name: $said"
}
misfit missing 'libmusubi.so of version .* was not found'
misfit abi 'expected ABI 1 .*found ABI 7, version 9.8.7' -DABI=7
misfit struct 'musubi_event has 48 bytes instead of 64' -DEVENT_SIZE=48
misfit older 'found ABI 1 of version 9.8.7, an older one that lacks functions' -DAPI_SIZE=300
misfit old 'found one without musubi_get_api' -DOLD

for mono in mono-sgen mono-boehm; do
	command -v $mono >/dev/null || { echo "# $mono is not installed"; continue; }
	echo "# $mono"
	timeout 120 $mono "$work/tests.exe" "$address"
	timeout $((seconds + 60)) $mono "$work/storm.exe" "$address" "$seconds"
done

mono "$work/ping.exe" "$address" >"$work/ping1" &
first=$!
code=$(await "$work/ping1" 's/^room //p')
mono "$work/ping.exe" "$address" "$code" | grep '^ping 10: '
wait $first
mono "$work/lobby.exe" "$address" Ann 3 >"$work/lobby1" &
first=$!
code=$(await "$work/lobby1" 's/^room //p')
mono "$work/lobby.exe" "$address" Bob 3 "$code" >"$work/lobby2" &
second=$!
mono "$work/lobby.exe" "$address" Cy 3 "$code" >"$work/lobby3"
wait $first
wait $second
for n in 1 2 3; do grep -q '^the game starts' "$work/lobby$n"; done
echo "ok examples"
