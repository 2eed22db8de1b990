#!/bin/sh
# Three bots play Arena over loopback while one of them has its direct paths cut: everybody hears everybody without a gap, and the
# route goes from direct to relayed and back.
#   arena.sh MUSUBI ARENA
set -e
arena=$2
. "$(dirname "$0")/../../server.sh"
start_server "$1"
export SDL_VIDEODRIVER=dummy

"$arena" "$address" --bot 9 --players 3 --name Ann >"$work/ann" &
first=$!
code=$(await "$work/ann" 's/^room //p')
"$arena" "$address" "$code" --bot 9 --players 3 --name Bob --cut 2-4 >"$work/bob" &
second=$!
"$arena" "$address" "$code" --bot 9 --players 3 --name Cy >"$work/cy" || { cat "$work"/ann "$work"/bob "$work"/cy; exit 1; }
wait $first
wait $second
cat "$work/bob"
grep -q '^Bob: .*routes seen: [1-9][0-9]* direct, [1-9][0-9]* relayed; 3 players met$' "$work/bob"

# A wrong code is a sentence.
! "$arena" "$address" E0000000 --bot 3 --name Dot 2>"$work/wrong" >/dev/null
grep '^arena: no room with that code' "$work/wrong"
