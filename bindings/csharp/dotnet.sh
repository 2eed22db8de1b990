#!/bin/sh
# The C# binding and its tests under Microsoft's .NET, which is what .NET programs and newer Unity versions are close to.
#   dotnet.sh MUSUBI LIBRARY_DIRECTORY DOTNET_DIRECTORY [wine]
# DOTNET_DIRECTORY holds a runtime of .NET Core 3.1, whose own assemblies mcs compiles against. wine: it is Windows' runtime,
# with the library for Windows, in the Wine prefix of bindings/c/tests/elsewhere.sh.
set -e
native=$2 dotnet=$3 kind=$4
here=$(cd "$(dirname "$0")" && pwd)
core=$here/../../unity/Runtime/Core
. "$here/../server.sh"
start_server "$1"
framework=$(echo "$dotnet"/shared/Microsoft.NETCore.App/*)
references=
for name in System.Private.CoreLib System.Runtime System.Runtime.Extensions System.Runtime.InteropServices System.Runtime.InteropServices.RuntimeInformation System.Memory System.Collections \
	System.Linq System.Threading System.Threading.Thread System.Console System.Diagnostics.Process; do
	references="$references -r:$framework/$name.dll"
done
# shellcheck disable=SC2086
compile() { mcs -langversion:7.2 -nostdlib -noconfig -nowarn:1702 -warnaserror $references "$@"; }
# Not Musubi.dll: on Windows, where case does not count, that would be found in the place of the native musubi.dll.
compile -unsafe -target:library -out:"$work/Musubi.Runtime.dll" "$core"/*.cs
shared="$here/Tests/Players.cs $here/Tests/Check.cs"
# shellcheck disable=SC2086
compile -r:"$work/Musubi.Runtime.dll" -out:"$work/tests.dll" -target:exe $shared "$here"/Tests/Program.cs "$here"/Tests/*Tests.cs
echo '{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"3.1.0"}}}' >"$work/tests.runtimeconfig.json"
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
if [ "$kind" = wine ]; then
	WINEPATH=$(echo "Z:$native" | tr / '\\') timeout 200 "${WINE:-/usr/lib/wine/wine64}" "$dotnet/dotnet.exe" "$work/tests.dll" "$address" </dev/null
else
	chmod +x "$dotnet/dotnet"
	LD_LIBRARY_PATH=$native timeout 100 "$dotnet/dotnet" "$work/tests.dll" "$address"
fi
