#!/bin/sh
# Three bots play Arena over loopback while one of them cuts its direct paths: everybody hears everybody to the last word without
# a gap, and the route goes from direct to relayed and back. What goes wrong is a sentence that says what to do.
#   arena.sh MUSUBI ARENA
set -e
arena=$2
. "$(dirname "$0")/../../server.sh"
patience=1200 # a minute: for what hangs
start_server "$1"
export SDL_VIDEODRIVER=dummy

"$arena" "$address" --bot 3 --players 3 --name Ann >"$work/ann" &
first=$!
code=$(await "$work/ann" 's/^room //p')
"$arena" "$address" "$code" --bot 3 --players 3 --name Bob --cut 1 >"$work/bob" &
second=$!
bad=0
"$arena" "$address" "$code" --bot 3 --players 3 --name Cy >"$work/cy" || bad=1
wait $first || bad=2
wait $second || bad=3
tail -n 99 "$work"/ann "$work"/bob "$work"/cy
[ $bad = 0 ]
# At least: a machine that stands still may lose a direct path of its own.
grep -q '^Bob said [1-9][0-9]* lines, met 2; all routes were direct [2-9] times, relayed [1-9] times$' "$work/bob"

# refused WHAT ADDRESS [CODE]: the game ends with a sentence about that.
refused() {
	what=$1
	shift
	! "$arena" "$@" --bot 3 --name Dot 2>"$work/refused" >/dev/null
	cat "$work/refused"
	grep -q "^arena: $what" "$work/refused"
}
refused "no room with that code. Type the code that another player's window shows" "$address" E0000000
refused "malformed server address: it looks like musubi://host:port/#key. Give the line that the server prints" musubi://nowhere
refused "the server's address is missing"
