#!/bin/bash
# Does what a guide says, in a fresh home directory, from its first line to its last:
#   guide.sh BUILD GUIDE
# A block of code whose first line names a file is that file, in ~/game. "sh terminal N" is typed into terminal N; with "stays" what is
# typed there goes on running. A block of text is what appears then, … standing for anything. ADDRESS and CODE are what the server and the
# host have printed. Blocks of plain sh are left to the gate, which runs them (core/cmd/musubi/docs_commands_test.go knows each).
set -euo pipefail
build=$1 guide=$2
work=$(mktemp -d)
pids=()
end() {
	for pid in "${pids[@]}"; do
		kill -INT -- "-$pid" 2>/dev/null || true # may have ended
		wait "$pid" 2>/dev/null || true          # by a signal
	done
	rm -rf "$work"
}
trap end EXIT
fail() { echo "$guide: $*" >&2; exit 1; }

export HOME=$work/home
# Nothing of the machine's: no port that somebody else may have, no proxy, no settings.
export MUSUBI_LISTEN=127.0.0.1:0 MUSUBI_STUN_PORTS=0,0 MUSUBI_TLS_LISTEN=off MUSUBI_ADMIN=off MUSUBI_DATA=$work/data
mkdir -p "$HOME/game" "$work/musubi" "$work/steps"
ln -s "$build" "$work/musubi/build"
awk -v to="$work/steps" '
	/^```/ && !on { on = 1; step = sprintf("%s/%02d", to, ++n); print substr($0, 4) >(step ".is"); printf "" >(step ".body"); next }
	/^```$/ { on = 0; next }
	on { print >(step ".body") }' "$guide"

# printed WORD TERMINAL: what stands behind a word in what a terminal shows, if it does.
printed() { sed -n "s/^$1 //p" "$work/terminal$2.out" 2>/dev/null | head -n 1 || true; }
address='' code=''
output=$work/none
# seen FILE: whether the output has the lines that the guide shows. In any order: what the network brings has none.
seen() {
	awk -v shown="$1" '
		BEGIN { while ((getline line <shown) > 0) { gsub(/[][().*+?^$|\\{}]/, "\\\\&", line); gsub(/…/, ".*", line); want["^" line "$"] } }
		{ for (w in want) if ($0 ~ w) delete want[w] }
		END { for (w in want) exit 1 }' "$output"
}
typed=0 shown=0
for is in "$work"/steps/*.is; do
	body=${is%.is}.body
	read -r language words <"$is" || true
	case $language,$words in
		sh,terminal*)
			read -r _ terminal stays <<<"$words"
			place=$work/terminal$terminal output=$work/terminal$terminal.out
			[ -e "$place" ] || echo "$work/musubi" >"$place"
			address=${address:-$(printed address 1)} code=${code:-$(printed room 2)}
			sed "s|'ADDRESS'|'$address'|; s|'CODE'|'$code'|" "$body" >"$body.sh"
			typed=$((typed + 1))
			if [ "$stays" = stays ]; then
				: >"$output"
				setsid bash -ec 'cd "$(cat "$1")"; . "$2"' - "$place" "$body.sh" >"$output" 2>"$output.err" &
				pids+=($!)
			else
				timeout 60 bash -ec 'cd "$(cat "$1")"; . "$2"; pwd >"$1"' - "$place" "$body.sh" >"$output" 2>&1 ||
					{ cat "$output"; fail "failed: $(cat "$body")"; }
			fi ;;
		sh,) ;;
		text,)
			shown=$((shown + 1))
			for try in $(seq 100); do
				seen "$body" && break
				[ "$try" = 100 ] && { cat "$output" "$output.err" 2>/dev/null || true; fail "this was not seen: $(cat "$body")"; }
				sleep 0.1
			done ;;
		*,*.*) cp "$body" "$HOME/game/$words" ;;
		*) fail "a block of \"$language $words\", of which this script knows nothing" ;;
	esac
done
[ "$typed" -ge 5 ] && [ "$shown" -ge 3 ] || fail "only $typed blocks were typed and $shown compared"
echo "$guide: $typed blocks typed, $shown outputs as shown"
