#!/bin/bash
# Each source file of each module by itself, as UnrealBuildTool compiles it without unity builds, against the stand-ins; and only with
# the include directories of the modules that its Build.cs depends on, by themselves or through what those make public.
#   syntax.sh ROOT PLUGIN WORK RULES     RULES: what build_cs.exe printed
set -e
root=$1 source=$2/Source work=$3 rules=$4
"$root/unreal/checks/generated.sh" "$source" "$work/generated"

said() { sed -n "s/^Linux Development $1 $2: //p" "$rules"; }

# seen MODULE: the include directories that depending on it gives.
seen() {
	case $1 in
		MusubiLibrary) printf ' -I%q' "$source/ThirdParty/MusubiLibrary/include" ;;
		Musubi*)
			printf ' -I%q' "$source/$1/Public"
			local dependency
			for dependency in $(said "$1" public); do seen "$dependency"; done ;;
	esac
}

flags=(-std=c++20 -fsyntax-only -fno-exceptions -fno-rtti -Wall -Wextra -Wpedantic -Wshadow -Werror -DMUSUBI_WITH_ENGINE=1
	-DMUSUBICORE_API=DLLEXPORT -DMUSUBI_API=DLLEXPORT -DMUSUBINET_API=DLLEXPORT "-I$root/unreal/checks/shims" "-I$work/generated")
for module in MusubiCore Musubi MusubiNet MusubiTests; do
	includes=$(for dependency in "$module" $(said "$module" dependencies); do seen "$dependency"; done)
	for file in $(find "$source/$module" -name '*.cpp' | sort); do
		printf '%q ' g++ "${flags[@]}" "-I$source/$module/Private" "$file"
		printf '%s\n' "$includes"
	done
done >"$work/commands"
xargs -P 2 -d '\n' -n 1 bash -c <"$work/commands" || exit 1
echo "$(wc -l <"$work/commands") files, each by itself"
