#!/bin/sh
# Runs cases of gc_host a number of times, each in a process of its own, and prints how often it survived, crashed or hung
# (a collector that lost a thread may do either).
#   gc_host.sh survive|break GC_HOST LIBRARY TIMES [CASE...]
# Exit 0: "survive" and every run did, or "break" and none did.
want=$1 host=$2 library=$3 times=$4 failed=0
shift 4
limit=8 # seconds; a healthy run takes about one, or twenty on a machine that is full
[ "$want" = survive ] && limit=200
[ $# -gt 0 ] || set -- called inside altstack signals
for case in "$@"; do
	survived=0 crashed=0 hung=0 n=0
	while [ $n -lt "$times" ]; do
		n=$((n + 1))
		said=$(timeout $limit "$host" "$library" "$case" 2>&1 >/dev/null)
		case $? in
		0) survived=$((survived + 1)) ;;
		124) hung=$((hung + 1)) ;;
		*) crashed=$((crashed + 1)); [ "$want" = survive ] && echo "$case: $said" ;;
		esac
	done
	echo "gc_host $case: of $times runs $survived survived, $crashed crashed, $hung hung"
	case $want in
	survive) [ $survived -eq "$times" ] || failed=1 ;;
	break) [ $survived -eq 0 ] || failed=1 ;;
	esac
done
exit $failed
