#!/bin/sh
# Checks two promises about symbols.
#   symbols.sh HEADER LIBRARY UNSTRIPPED
# 1. LIBRARY exports exactly the functions of HEADER.
# 2. No exported function calls into Go: in UNSTRIPPED, another build of the same C sources, every call and jump is followed
#    from the exported functions on. Calls through a pointer are refused, since they can't be followed. (The thread that
#    enters Go is started by pthread_create, which only takes its address.)
set -e
header=$1 library=$2 unstripped=$3
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
sed -n 's/^MUSUBI_API .*\(musubi_[a-z_]*\)(.*/\1/p' "$header" | sort >"$work/declared"
nm -D --defined-only "$library" | awk '{print $3}' | sort >"$work/exported"
[ -s "$work/declared" ]
if ! diff "$work/declared" "$work/exported"; then
	echo "declared (<) and exported (>) differ" >&2
	exit 1
fi

objdump -d --no-show-raw-insn "$unstripped" | awk -v roots="$(tr '\n' ' ' <"$work/declared")" '
	# "0000000000123450 <name>:" begins a function; "call 1234 <name>" or "<name+0x12>" is a way out of it or within it.
	/^[0-9a-f]+ <.*>:$/ { at = $2; gsub(/[<>:]/, "", at); next }
	$2 ~ /^(call|jmp|j[a-z]+|notrack)/ {
		if ($0 ~ /\*/) { pointer[at] = $0; next }
		to = $0
		if (to !~ /</) next
		sub(/.*</, "", to); sub(/[+>].*/, "", to)
		if (to != at) calls[at] = calls[at] " " to
	}
	END {
		n = split(roots, queue, " ")
		for (i = 1; i <= n; i++) reached[queue[i]] = "the header"
		for (i = 1; i <= n; i++) {
			f = queue[i]
			if (f ~ /@plt/) continue
			name = f
			sub(/\.(part|cold|constprop|isra|localalias).*/, "", name)
			if (name ~ /[.]|^_cgo|^crosscall|^x_cgo|^musubi[A-Z]/) { print "reached Go: " f " from " reached[f]; bad = 1; continue }
			if (f in pointer) { print "call through a pointer in " f ": " pointer[f]; bad = 1 }
			m = split(calls[f], next_ones, " ")
			for (k = 1; k <= m; k++) if (!(next_ones[k] in reached)) { reached[next_ones[k]] = f; queue[++n] = next_ones[k] }
		}
		print n " functions reachable from the header" (bad ? "" : ", none of them Go")
		exit bad
	}'
