#!/bin/bash
# Compiles the C++ that documents show for Unreal against the stand-ins: files of docs/guides/UNREAL.md by their names, and the piece in the
# plugin's README as a part of an actor's function.
#   documents.sh ROOT PLUGIN WORK     after syntax.sh, whose generated headers it needs
set -euo pipefail
root=$1 source=$2/Source work=$3/documents
rm -rf "$work" && mkdir -p "$work/guide" "$work/generated"
awk -v to="$work/guide" '/^```cpp / { on = 1; file = to "/" $2; printf "" >file; next } /^```/ { on = 0 } on { print >file }' "$root/docs/guides/UNREAL.md"
{
	printf '%s\n' '#include "Duo.h"' '#include "Engine/GameInstance.h"' '#include "MusubiSubsystem.h"' \
		'class AMyActor : public AActor { public: void ShowCode(const FString& Code, const FMusubiError& Error); void Piece(); };' 'void AMyActor::Piece()' '{'
	awk '/^```cpp$/ { on = 1; next } /^```/ { on = 0 } on' "$root/unreal/Musubi/README.md"
	printf '}\n'
} >"$work/guide/Piece.cpp"
grep -q HostRoom "$work/guide/Piece.cpp"
"$root/unreal/checks/generated.sh" "$work/guide" "$work/generated"
for file in "$work"/guide/*.cpp; do
	g++ -std=c++20 -fsyntax-only -fno-exceptions -fno-rtti -Wall -Wextra -Wpedantic -Wshadow -Werror -DMUSUBI_WITH_ENGINE=1 -DMUSUBICORE_API=DLLEXPORT \
		-DMUSUBI_API=DLLEXPORT "-I$root/unreal/checks/shims" "-I$work/generated" "-I$3/generated" "-I$work/guide" "-I$source/Musubi/Public" \
		"-I$source/MusubiCore/Public" "-I$source/ThirdParty/MusubiLibrary/include" "$file"
	echo "the documents' $(basename "$file") compiles"
done
