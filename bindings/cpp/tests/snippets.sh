#!/bin/bash
# Compiles what documents show of C and C++ but for whole programs, which readme.sh and guide.sh run: the reference's declarations and
# pieces of a function. Unreal's are compiled by unreal/checks/documents.sh, C#'s by bindings/unity/test.sh.
#   snippets.sh SOURCE_DIRECTORY
set -euo pipefail
cd "$1"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
count=0
for document in README.md docs/*.md docs/guides/*.md; do
	# Plain blocks of c and cpp; one with a name behind it is a file of a guide.
	awk -v to="$work/block" '
		/^```(c|cpp)$/ { on = 1; n++; file = sprintf("%s.%03d.%s", to, n, substr($0, 4)); printf "" >file; next }
		/^```/ { on = 0 }
		on { print >file }' "$document"
	for block in "$work"/block.*; do
		[ -e "$block" ] || continue
		case $document,$block in
			README.md,*) ;; # readme.sh compiles and runs them
			docs/guides/UNREAL.md,*) ;;
			*.c)
				{
					printf '#include <musubi.h>\nvoid handle(const musubi_event *e);\nvoid update_game(void);\nextern musubi_client client;\nvoid piece(void);\nvoid piece(void)\n{\n'
					cat "$block"
					printf '}\n'
				} >"$work/piece.c"
				cc -std=c99 -Wall -Wextra -Werror -Iinclude -fsyntax-only "$work/piece.c" || { echo "$document: this does not compile:"; cat "$block"; exit 1; }
				count=$((count + 1)) ;;
			*) echo "$document: a piece of C++ that nobody compiles:"; cat "$block"; exit 1 ;;
		esac
	done
	rm -f "$work"/block.*
done
[ $count -ge 45 ] || { echo "only $count pieces found"; exit 1; }
echo "$count pieces of C compile"
