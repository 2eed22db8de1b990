#!/bin/sh
# Runs cases of gc_host a number of times, each in a process of its own, and prints how often it survived and crashed.
#   gc_host.sh survive|crash GC_HOST LIBRARY TIMES [CASE...]
# Exit 0: "survive" and every run did, or "crash" and every run ended by SIGSEGV, SIGBUS or SIGABRT.
want=$1 host=$2 library=$3 times=$4 failed=0
shift 4
[ $# -gt 0 ] || set -- called inside altstack signals
for case in "$@"; do
	survived=0
	crashed=0
	n=0
	while [ $n -lt "$times" ]; do
		n=$((n + 1))
		timeout 60 "$host" "$library" "$case" >/dev/null 2>&1
		case $? in
		0) survived=$((survived + 1)) ;;
		134 | 135 | 139) crashed=$((crashed + 1)) ;;
		esac
	done
	echo "gc_host $case: of $times runs $survived survived, $crashed crashed"
	case $want in
	survive) [ $survived -eq "$times" ] || failed=1 ;;
	crash) [ $crashed -eq "$times" ] || failed=1 ;;
	esac
done
exit $failed
