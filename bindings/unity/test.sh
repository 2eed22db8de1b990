#!/bin/bash
# The Unity package under Mono, against the real library and a server on this machine. No editor: UnityEngine, UnityEditor, NUnit and the
# three netcode stacks are stand-ins of ours (Shims, StandIns) with the documented members.
#   test.sh MUSUBI LIBRARY_DIRECTORY [full]
# Compiles everything that the package ships, as C# 7.2, every public member documented; then runs
#   the contract suite for each transport, the package's own tests, and the components, editor windows and samples in a pretended player loop.
# full: also Netcode 1 and 2.0 beside 2.7, 100 reconnects instead of 10, and each Mono that is installed. Ends with the counts.
set -e
musubi=$1 native=$2 full=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
package=$here/../../unity
. "$here/../server.sh"
start_server "$musubi"
export LD_LIBRARY_PATH="$native"
passed=0 failed=0

compile() { mcs -langversion:7.2 -warnaserror "$@"; }
library() { local name=$1; shift; compile -target:library "-out:$work/$name.dll" "$@"; }
passes() { passed=$((passed + 1)); echo "ok $*"; }
engine="-r:$work/UnityEngine.dll" core="-r:$work/Musubi.dll"

library UnityEngine "$here"/Shims/{Objects,Engine,Gui}.cs
library Core -unsafe "-doc:$work/Core.xml" "-recurse:$package/Runtime/Core/*.cs"
passes "Core compiles without UnityEngine"
library Musubi -unsafe "$engine" "-doc:$work/Musubi.xml" "-recurse:$package/Runtime/*.cs"
library iOS -unsafe "$engine" -define:UNITY_IOS "-recurse:$package/Runtime/*.cs"
passes "Runtime compiles, every public member documented"

# transport NAME STACK DEFINES...: stand-in, transport and suite of one version of a stack.
transport() {
	local name=$1 stack=$2 defines=("${@:3}")
	mkdir "$work/$name"
	cp "$work"/{UnityEngine,Musubi}.dll "$work/$name"
	library "$name/$stack" -nowarn:0067 "${defines[@]}" "$engine" "$here/StandIns/$stack.cs"
	library "$name/Musubi.$stack" "${defines[@]}" "$engine" "$core" "-r:$work/$name/$stack.dll" "-doc:$work/$name.xml" "$package/Runtime.$stack"/*.cs
	compile "${defines[@]}" "-define:${stack^^}" "$engine" "$core" "-r:$work/$name/$stack.dll" "-r:$work/$name/Musubi.$stack.dll" "-out:$work/$name/suite.exe" \
		"$here"/Suite/{Program,End,Contract*,"${stack}"Stack}.cs "$here/../csharp/Tests/Check.cs"
	passes "the transport for $name compiles"
}
transport Mirror Mirror
transport FishNet FishNet
transport Netcode1 Netcode
transport Netcode2 Netcode -define:MUSUBI_NETCODE_2
transport Netcode2.7 Netcode -define:MUSUBI_NETCODE_2 -define:MUSUBI_NETCODE_2_7

# suites MONO NAME...: beside each other, since they wait most of the time; their output one after the other.
suites() {
	local mono=$1 name pids=(); shift
	for name; do
		# shellcheck disable=SC2086
		timeout 600 "$mono" "$work/$name/suite.exe" "$address" $full >"$work/$name.$mono.log" 2>&1 &
		pids+=($!)
	done
	for name; do
		wait "${pids[0]}" || true
		pids=("${pids[@]:1}")
		tally "$work/$name.$mono.log" "$name under $mono"
	done
}

# tally LOG NAME: adds up a log of tests; without its plan, "1..N", the program has not come to its end.
tally() {
	local bad
	grep -v '^Waiting on threads' "$1" || true
	passed=$((passed + $(grep -c '^ok ' "$1" || true)))
	bad=$(grep -c '^not ok ' "$1" || true)
	if ! grep -q '^1\.\.' "$1"; then bad=$((bad + 1)); echo "not ok: $2 did not come to its end"; fi
	failed=$((failed + bad))
}

if [ "$full" = full ]; then
	for mono in mono-sgen mono-boehm; do
		command -v $mono >/dev/null || { echo "# $mono is not installed"; continue; }
		suites $mono Mirror FishNet Netcode2.7
		suites $mono Netcode1 Netcode2
	done
else
	suites mono Mirror FishNet Netcode2.7
fi
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
