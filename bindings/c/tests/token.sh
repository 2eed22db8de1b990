#!/bin/sh
# Two harnesses with access tokens meet through a server that wants them; whoever has a bad one is told why.
#   token.sh MUSUBI MUSUBI_PEER
server=$1 peer=$2
. "$(dirname "$0")/../../server.sh"
work=$(mktemp -d)
"$server" token keygen --kid studio >"$work/key" || exit 1
"$server" server --listen 127.0.0.1:0 --stun-ports 0,0 --admin off --data "$work/data" --auth-key "$(sed -n 's/^server //p' "$work/key")" \
	>"$work/address" 2>"$work/log" &
server_pid=$!
trap 'kill -INT $server_pid; wait $server_pid; rm -r "$work"' EXIT

fail() {
	echo "$1" >&2
	tail -n 20 "$work"/*.out "$work/log" >&2
	exit 1
}

address=$(await "$work/address" 's/^address //p') || fail "the server did not start"
token() { "$server" token mint --key "$work/key" --app musubi_peer "$@"; }

pair() { # name, privacy of the host's token, route that both end on
	: >"$work/host.out"
	"$peer" --server "$address" --host --timeout 30 --stay 1.5 --messages 50 --token "$(token --sub alice --priv "$2")" >"$work/host.out" &
	host_pid=$!
	code=$(await "$work/host.out" 's/.* room_joined code=\([A-Z0-9]*\) .*/\1/p') || fail "$1: no room"
	"$peer" --server "$address" --join "$code" --timeout 30 --stay 1.5 --messages 50 --token "$(token --sub bob --room "$code")" >"$work/join.out"
	joined=$?
	wait $host_pid
	hosted=$?
	[ $joined -eq 0 ] && [ $hosted -eq 0 ] || fail "$1: host ended with $hosted, the other with $joined"
	grep -q 'alice' "$work/host.out" && grep -q 'bob' "$work/join.out" || fail "$1: the users are not the tokens'"
	went=$(grep -c 'route=\(lan\|direct\)' "$work/host.out" "$work/join.out" | sed 's/.*://' | tr '\n' ' ')
	case "$3 $went" in
	relay\ 0\ 0\ ) ;;
	direct\ 0\ * | direct\ *\ 0\ | relay\ *) fail "$1: direct routes seen: $went" ;;
	esac
	echo "ok $1"
}
pair direct direct-ok direct
pair relay-only relay-only relay

refused() { # name, sentence, harness's options
	name=$1 want=$2
	shift 2
	"$peer" --server "$address" --host --timeout 20 "$@" >"$work/bad.out" 2>&1
	[ $? -eq 3 ] || fail "$name: not refused"
	grep -q "$want" "$work/bad.out" || fail "$name: the client was not told: $want"
	grep -q "$want" "$work/log" || fail "$name: the log does not say: $want"
	echo "ok $name"
}
refused none 'none came'
refused nonsense 'not a JWS' --token nonsense
refused 'another app' 'for another app' --token "$("$server" token mint --key "$work/key" --app chess --sub eve)"
refused 'another name' 'not the user id asked for' --name carol --token "$(token --sub eve)"
"$server" token keygen --kid studio >"$work/other"
refused forged 'signature does not match' --token "$("$server" token mint --key "$work/other" --app musubi_peer --sub eve)"
! grep '127\.0\.0\.1' "$work/log" | grep -q 'link' || fail "an address in the log"
