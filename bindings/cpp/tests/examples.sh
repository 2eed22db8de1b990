#!/bin/sh
# The examples, two and three at a time.   examples.sh MUSUBI PING LOBBY
set -e
ping=$2 lobby=$3
. "$(dirname "$0")/../../server.sh"
start_server "$1"

"$ping" "$address" >"$work/ping1" &
first=$!
code=$(await "$work/ping1" 's/^room //p' | tr -d '\r') # Windows' lines end in two
"$ping" "$address" "$code" | grep '^ping 10: '
wait $first

"$lobby" "$address" Ann 3 >"$work/lobby1" &
first=$!
code=$(await "$work/lobby1" 's/^room //p' | tr -d '\r')
"$lobby" "$address" Bob 3 "$code" >"$work/lobby2" &
second=$!
"$lobby" "$address" Cy 3 "$code" >"$work/lobby3"
wait $first
wait $second
for n in 1 2 3; do grep -q '^the game starts' "$work/lobby$n"; done
echo "the lobby's game started for all three"
