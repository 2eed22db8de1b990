#!/bin/sh
# Two harnesses, then two examples, meet on this machine through a server.
#   pair.sh MUSUBI MUSUBI_PEER MUSUBI_HELLO [SHORT [OTHER_PEER]]
# SHORT leaves most pairs out; OTHER_PEER is another build of the harness, which joins.
server=$1 peer=$2 hello=$3 short=$4 other=${5:-$2}
work=$(mktemp -d)
"$server" server --listen 127.0.0.1:0 --stun-ports 0,0 --data "$work/data" --limits lab >"$work/address" 2>"$work/log" &
server_pid=$!
trap 'kill -INT $server_pid; wait $server_pid; rm -r "$work"' EXIT

# Waits until a file holds a line that sed makes something of, and prints that.
await() {
	tries=0
	while [ $tries -lt 200 ]; do
		found=$(sed -n "$2" "$1" | head -n 1)
		[ -n "$found" ] && { echo "$found"; return 0; }
		tries=$((tries + 1))
		sleep 0.05
	done
	echo "nothing came in $1" >&2
	return 1
}

fail() {
	echo "$1" >&2
	tail -n 20 "$work"/*.out "$work/log" >&2
	exit 1
}

address=$(await "$work/address" 's/^address //p') || fail "the server did not start"

pair() { # name of the test, then options for both
	name=$1
	shift
	: >"$work/host.out" # or await may read the code of the round before
	"$peer" --server "$address" --host --timeout 30 "$@" >"$work/host.out" &
	host_pid=$!
	code=$(await "$work/host.out" 's/.* room_joined code=\([A-Z0-9]*\) .*/\1/p') || fail "$name: no room"
	"$other" --server "$address" --join "$code" --timeout 30 "$@" >"$work/join.out"
	joined=$?
	wait $host_pid
	hosted=$?
	[ $joined -eq 0 ] && [ $hosted -eq 0 ] || fail "$name: host ended with $hosted, the other with $joined"
	grep -h ' result ' "$work/host.out" "$work/join.out"
}
pair steady --messages 200 --rate 200 --unreliable 100
if [ -n "$short" ]; then
	pair large --messages 20 --rate 0 --size 60000
else
pair flood --messages 20000 --rate 0 --size 1000
pair large --messages 100 --rate 0 --size 60000
pair budget --messages 300 --rate 0 --size 60000 --budget 33554432 --priority low
pair receipts --messages 100 --rate 100 --unreliable 100 --priority urgent --deadline 50 --idle-timeout 60000
for file in host join; do # every message that asked was told: 100 + 100 + LAST less two numbered 0; on a busy machine not all in time
	told=$(tr -d '\r' <"$work/$file.out" | sed -n 's/.* receipts .*delivered=\([0-9]*\) unknown=\([0-9]*\) expired=0$/\1 \2/p') # Windows' programs end lines with \r
	[ $((${told% *} + ${told#* })) -eq 199 ] && [ "${told% *}" -ge 110 ] || fail "receipts: $told"
done
cat "$work/host.out" "$work/join.out" | grep -q ' stats .*mtu=1[2-4]' || fail "receipts: no statistics" # who is last to know may be alone
# A public room with a password and a door, found by its list; and one who knows another password.
"$peer" --server "$address" --host --timeout 30 --messages 20 --list "$work" --ask --password sesame >"$work/host.out" &
host_pid=$!
"$other" --server "$address" --join - --timeout 30 --messages 20 --list "$work" --password sesame >"$work/join.out" || fail "listed: the guest"
wait $host_pid || fail "listed: the host"
: >"$work/host.out"
"$peer" --server "$address" --host --timeout 30 --password sesame >"$work/host.out" &
host_pid=$!
code=$(await "$work/host.out" 's/.* room_joined code=\([A-Z0-9]*\) .*/\1/p') || fail "password: no room"
"$other" --server "$address" --join "$code" --timeout 30 --password sesam >"$work/join.out" && fail "password: the wrong one is good"
wait $host_pid && fail "password: the host met somebody"
grep -q ' peer_closed .*code=-404' "$work/join.out" || fail "password: no reason"
pair simulated --messages 60 --rate 60 --unreliable 30 --simulate bad-wifi
fi

: >"$work/hello1.out" # await may be sooner than the shell behind it
"$hello" "$address" >"$work/hello1.out" 2>&1 &
hello_pid=$!
code=$(await "$work/hello1.out" 's/^room \([A-Z0-9]*\).*/\1/p') || fail "hello: no room"
"$hello" "$address" "$code" >"$work/hello2.out" 2>&1 || fail "hello failed"
wait $hello_pid || fail "the hosting hello failed"
grep -q 'says: hello' "$work/hello1.out" && grep -q 'says: hello' "$work/hello2.out" || fail "hello was not heard"
