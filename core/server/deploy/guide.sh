#!/bin/bash
# Does what docs/SERVER.md tells an operator to do for a cluster on one machine: the blocks marked "sh guide", in their order, in one
# shell, from the repository's top with build/bin/musubi built. Needs root and curl.
set -euo pipefail
cd "$(dirname "$0")/../../.."
work=$(mktemp -d)
end() {
  code=$?
  set +e # what the guide has removed itself is not there
  for n in 1 2 3; do
    [ -f /tmp/musubi-guide/$n/pid ] && kill -9 "$(cat /tmp/musubi-guide/$n/pid)" 2>/dev/null
    ip netns del msguide$n 2>/dev/null
  done
  ip link del msguide 2>/dev/null
  [ $code = 0 ] || tail -n 5 /tmp/musubi-guide/*/log 2>/dev/null
  rm -rf "$work" /tmp/musubi-guide
  exit $code
}
trap end EXIT
awk '/^```sh guide$/ { on = 1; next } /^```$/ { on = 0 } on' docs/SERVER.md >"$work/guide.sh"
[ "$(wc -l <"$work/guide.sh")" -gt 40 ] || { echo "docs/SERVER.md has no guide"; exit 1; }
timeout 240 bash -euo pipefail "$work/guide.sh"
[ ! -e /tmp/musubi-guide ] && ! ip link show msguide >/dev/null 2>&1 || { echo "the guide leaves something behind"; exit 1; }
echo "the guide's $(wc -l <"$work/guide.sh") lines do what they say"
