#!/bin/sh
# Two C harnesses meet and talk under valgrind; exit 0: no invalid access in C code.
#   valgrind.sh MUSUBI MUSUBI_PEER DIRECTORY
# DIRECTORY holds a build of the library that is not stripped: Go code moves its stacks, which memcheck takes for accesses below
# the stack's end, so what happened in a .go or .s file is left out; and it can't follow through Go which bytes were written, so
# it does not ask.
server=$1 peer=$2 LD_LIBRARY_PATH=$3
export LD_LIBRARY_PATH
patience=1200 # valgrind is slow
. "$(dirname "$0")/../../server.sh"
start_server "$server" || exit 1

checked() { # checked NAME OPTIONS...: one harness
	name=$1
	shift
	valgrind --quiet --error-limit=no --undef-value-errors=no --fair-sched=yes --log-file="$work/$name.valgrind" \
		"$peer" --server "$address" --timeout 60 --messages 100 --rate 50 --unreliable 50 --size 20000 "$@" >"$work/$name.out"
}
checked host --host &
host_pid=$!
code=$(await "$work/host.out" 's/.* room_joined code=\([A-Z0-9]*\) .*/\1/p')
checked join --join "$code"
joined=$?
wait $host_pid
hosted=$?
# Errors are paragraphs; the first frame says where. A frame without a place is somebody else's library.
for name in host join; do
	sed -E 's/^==[0-9]+== ?//' "$work/$name.valgrind" | awk -v RS= '
		/ at 0x/ { match($0, / at 0x[^\n]*/); at = substr($0, RSTART, RLENGTH); all++; if (at !~ /\.(go|s):[0-9]+\)$/) { print $0 "\n"; bad++ } }
		END { print "'$name': " all + 0 " remarks about Go code, " bad + 0 " about C code"; exit bad > 0 }' || failed=1
done
[ -z "$failed" ] && [ $joined -eq 0 ] && [ $hosted -eq 0 ] && grep -h ' result ' "$work/host.out" "$work/join.out" && exit 0
echo "host ended with $hosted, the other with $joined"
tail -n 20 "$work"/*.out
exit 1
