# For test scripts, to be sourced: runs `musubi server` beside a test.
#   start_server MUSUBI   sets work (a directory) and address, and ends both with the script
#   await FILE SED        waits until a file holds a line that sed makes something of, and prints that; for $patience
#                         twentieths of a second, 10 s unless the script says more

await() {
	tries=0
	while [ $tries -lt "${patience:-200}" ]; do
		found=$(sed -n "$2" "$1" 2>/dev/null | head -n 1)
		[ -n "$found" ] && { echo "$found"; return 0; }
		tries=$((tries + 1))
		sleep 0.05
	done
	echo "nothing came in $1:" >&2
	cat "$1" >&2
	return 1
}

start_server() {
	work=$(mktemp -d)
	"$1" server --listen 127.0.0.1:0 --stun-ports 0,0 --data "$work/data" --limits lab >"$work/address" 2>"$work/log" &
	server_pid=$!
	trap 'kill -INT $server_pid; wait $server_pid || true; rm -r "$work"' EXIT
	address=$(await "$work/address" 's/^address //p')
}
