#!/bin/bash
# What UnrealHeaderTool would make, as far as a compiler needs it: for each header with GENERATED_BODY() an X.generated.h that defines
# the macro of that line.   generated.sh SOURCE OUT
set -e
mkdir -p "$2"
find "$1" -name '*.h' | while read -r header; do
	name=$(basename "$header" .h)
	grep -q 'GENERATED_BODY()' "$header" || continue
	awk -v name="$name" '
		BEGIN { print "#undef CURRENT_FILE_ID"; print "#define CURRENT_FILE_ID FID_" name }
		/^(UCLASS|USTRUCT)\(/ { kind = substr($0, 1, 7); next }
		/^(class|struct) .*[^;]$/ && kind != "" {
			line = $0; sub(/^(class|struct) /, "", line); sub(/^[A-Z]+_API /, "", line)
			split(line, word, /[ :]+/); type = word[1]; super = ""
			if (match(line, /: public [A-Za-z]+/)) super = substr(line, RSTART + 9, RLENGTH - 9)
		}
		/GENERATED_BODY\(\)/ {
			printf "#define FID_%s_%d_GENERATED_BODY ", name, NR
			if (kind ~ /USTRUCT/) print "public:"
			else printf "public: using Super = %s; using ThisClass = %s; static const void* ShimTag() { static const char Tag = 0; return &Tag; } bool ShimIsA(const void* T) const override { return T == ShimTag() || Super::ShimIsA(T); } static UClass* StaticClass() { static UClass C; return &C; } private:\n", super, type
			kind = ""
		}' "$header" >"$2/$name.generated.h"
done
