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
package=${PACKAGE:-$here/../../unity} # another copy of it: what was packed
. "$here/../server.sh"
start_server "$musubi"
export LD_LIBRARY_PATH="$native"
passed=0 failed=0

compile() { mcs -langversion:7.2 -warnaserror "$@"; }
library() { local name=$1; shift; compile -target:library "-out:$work/$name.dll" "$@"; }
passes() { passed=$((passed + 1)); echo "ok $*"; }
engine="-r:$work/UnityEngine.dll" core="-r:$work/Musubi.Runtime.dll"

library UnityEngine "$here"/Shims/{Objects,Engine,Gui}.cs
library Core -unsafe "-doc:$work/Core.xml" "-recurse:$package/Runtime/Core/*.cs"
passes "Core compiles without UnityEngine"
library Musubi.Runtime -unsafe "$engine" "-doc:$work/Runtime.xml" "-recurse:$package/Runtime/*.cs"
library iOS -unsafe "$engine" -define:UNITY_IOS "-recurse:$package/Runtime/*.cs"
passes "Runtime compiles, every public member documented"

# transport NAME STACK DEFINES...: stand-in, transport and suite of one version of a stack.
transport() {
	local name=$1 stack=$2 defines=("${@:3}")
	mkdir "$work/$name"
	cp "$work"/{UnityEngine,Musubi.Runtime}.dll "$work/$name"
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

library UnityEditor "$engine" "$here/Shims/Editor.cs"
library nunit.framework "$here/Shims/NUnit.cs"
editor="-r:$work/UnityEditor.dll -r:$work/Musubi.Editor.dll" nunit="-r:$work/nunit.framework.dll"
library Musubi.Editor "$engine" "-r:$work/UnityEditor.dll" "$core" "-doc:$work/Editor.xml" "$package"/Editor/*.cs
passes "Editor compiles, every public member documented"
library Musubi.Tests "$engine" "$core" "$nunit" "-doc:$work/Tests.xml" "$package"/Tests/Runtime/*.cs
# shellcheck disable=SC2086
library Musubi.Editor.Tests "$engine" "$core" "$nunit" $editor "-doc:$work/EditorTests.xml" "$package"/Tests/Editor/*.cs
passes "the package's own tests compile"
for stack in Netcode2.7 Mirror; do
	library "$stack/Sample" "$engine" "$core" "-r:$work/$stack/${stack%2.7}.dll" "-r:$work/$stack/Musubi.${stack%2.7}.dll" "$package/Samples~/${stack%2.7}Quickstart"/*.cs
	passes "the sample ${stack%2.7}Quickstart compiles"
done
# shellcheck disable=SC2086
compile "$engine" "$core" "$nunit" $editor "-r:$work/Musubi.Tests.dll" "-r:$work/Musubi.Editor.Tests.dll" "-out:$work/package.exe" \
	"$here"/Suite/{Package,Components}.cs "$here/../csharp/Tests/Check.cs" "$package"/Samples~/{HelloPeers,LobbyByCode}/*.cs

. "$here/documents.sh"
documents_compile

# misfit NAME PATTERN FLAGS...: without the right library nothing throws, and one sentence says what was expected and found.
misfit() {
	local name=$1 pattern=$2 said; shift 2
	mkdir "$work/$name"
	[ "$name" = missing ] || cc -shared -fPIC "-I$here/../../include" "$@" -o "$work/$name/libmusubi.so" "$here/../csharp/Tests/misfit.c"
	said=$(LD_LIBRARY_PATH="$work/$name" mono "$work/package.exe" misfit 2>&1) || true
	if grep -q "^project: .*$pattern" <<<"$said" && grep -q "^manager: .*$pattern" <<<"$said" && grep -q "^host: .*$pattern" <<<"$said"; then
		passes "misfit $name: $(head -n 1 <<<"$said")"
	else
		failed=$((failed + 1)); echo "not ok misfit $name: $said"
	fi
}
misfit missing 'libmusubi.so of version .* was not found'
misfit abi 'libmusubi.so does not fit .* expected ABI 1 .*found ABI 7, version 9.8.7' -DABI=7
misfit older 'found ABI 1 of version 9.8.7, an older one that lacks functions' -DAPI_SIZE=300
misfit old 'found one without musubi_get_api' -DOLD

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

timeout 300 mono "$work/package.exe" "$address" >"$work/package.log" 2>&1 &
package_pid=$!
if [ "$full" = full ]; then
	for mono in mono-sgen mono-boehm; do
		command -v $mono >/dev/null || { echo "# $mono is not installed"; continue; }
		suites $mono Mirror FishNet Netcode2.7
		suites $mono Netcode1 Netcode2
	done
else
	suites mono Mirror FishNet Netcode2.7
fi
wait $package_pid || true
tally "$work/package.log" "the package's tests"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
