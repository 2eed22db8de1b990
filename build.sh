#!/usr/bin/env bash
# Everything that is done with this repository goes through here; ./build.sh help lists it. What it makes is in build/.
set -euo pipefail
cd "$(dirname "$0")"
root=$PWD
out=$root/build
mkdir -p "$out/bin" "$out/log"
export CGO_ENABLED=1 GOFLAGS="${GOFLAGS:--mod=readonly}"

staticcheck_version=v0.8.2
go_needed=1.26

# --- what the machine must have --------------------------------------------------------------------------------------
# tool:package pairs of Debian and Ubuntu.
tools_build=(gcc:gcc cmake:cmake make:make git:git)
tools_test=(g++:g++ curl:curl valgrind:valgrind nft:nftables conntrack:conntrack ip:iproute2 tcpdump:tcpdump stun:stun-client
            turnutils_stunclient:coturn clang:clang miniupnpd:miniupnpd-nftables node:nodejs
            chromium:chromium Xvfb:xvfb mcs:mono-mcs mono:mono-runtime mono-boehm:mono-runtime-boehm)
# To build for other systems and run what was built.
tools_arm64=(aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu /usr/aarch64-linux-gnu/include/stdio.h:libc6-dev-arm64-cross qemu-aarch64-static:qemu-user-static)
tools_windows=(x86_64-w64-mingw32-gcc-win32:gcc-mingw-w64-x86-64-win32 x86_64-w64-mingw32-g++-win32:g++-mingw-w64-x86-64-win32 /usr/lib/wine/wine64:wine64)
tools_dist=(pkg-config:pkg-config npm:npm)
# packages without a program of their own: file:package.
files_test=(/usr/include/gc/gc.h:libgc-dev)
files_play=(/usr/include/SDL2/SDL.h:libsdl2-dev)

say()  { printf '%s\n' "$*"; }
fail() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }
is_root() { [ "$(id -u)" = 0 ]; }

need_go() {
  command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin # where its archive goes; sudo forgets it
  command -v go >/dev/null || fail "go is not installed; Go $go_needed or newer is needed (https://go.dev/dl)"
  local have; have=$(go env GOVERSION); have=${have#go}
  [ "$(printf '%s\n%s\n' "$go_needed" "$have" | sort -V | head -n1)" = "$go_needed" ] || fail "Go $have is installed; Go $go_needed or newer is needed (https://go.dev/dl)"
}

# need LIST...: installs the packages of what is missing, or says which.
need() {
  local missing=() pair
  for pair in "$@"; do
    local what=${pair%%:*} package=${pair#*:}
    case $what in
      /*) [ -e "$what" ] || missing+=("$package") ;;
      *)  command -v "$what" >/dev/null 2>&1 || [ -x "/usr/sbin/$what" ] || missing+=("$package") ;;
    esac
  done
  [ ${#missing[@]} = 0 ] && return 0
  if is_root && command -v apt-get >/dev/null; then
    say "installing: ${missing[*]}"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$out/log/apt.log" 2>&1 ||
      { tail -n 5 "$out/log/apt.log" >&2; fail "could not install: ${missing[*]} (whole output in build/log/apt.log)"; }
  else
    return 1
  fi
}

. capi/targets.sh
. bindings/c/sdk/sdk.sh
. unreal/pack.sh
. bindings/unity/pack.sh

setup_build() {
  need_go
  need "${tools_build[@]}" || fail "tools are missing; install them as root: apt-get install gcc cmake make git"
}

cmd_setup() {
  setup_build
  need "${tools_test[@]}" "${files_test[@]}" "${files_play[@]}" || say "not root: some tests will be skipped. For all of them: apt-get install g++ curl valgrind nftables conntrack iproute2 tcpdump stun-client coturn clang miniupnpd-nftables nodejs chromium xvfb mono-mcs mono-runtime mono-runtime-boehm libgc-dev libsdl2-dev"
  say "ready"
}

# --- building --------------------------------------------------------------------------------------------------------
cmd_lib() { # the library, the harness, the examples, the programs; lib ON builds the C tests too
  local tests=${1:-OFF}
  setup_build
  if [ "$tests" = --target ]; then
    lib_target "${2:-}"
    return
  fi
  cmake -S . -B "$out" -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING="$tests" >"$out/log/cmake.log" 2>&1 || { cat "$out/log/cmake.log" >&2; fail "cmake failed"; }
  cmake --build "$out" -j 2 >"$out/log/build.log" 2>&1 || { grep -E 'error|warning|Error|undefined|\.go:[0-9]+' "$out/log/build.log" | head -n 40 >&2; fail "the build failed (build/log/build.log)"; }
  programs
  say "library   build/lib/libmusubi.so"
  say "header    include/musubi.h"
  say "harness   build/bin/musubi_peer"
  say "example   build/bin/musubi_hello"
  say "server    build/bin/musubi server"
}

programs() {
  go build -trimpath -ldflags='-s -w' -o "$out/bin/musubi" ./core/cmd/musubi
  go build -trimpath -o "$out/bin/natlab" ./core/cmd/natlab
}

# --- the main job ----------------------------------------------------------------------------------------------------
cmd_demo() {
  cmd_lib >/dev/null
  if is_root && need nft:nftables ip:iproute2 && "$out/bin/natlab" check; then
    exec "$out/bin/natlab" demo --bin-dir "$out/bin" "$@"
  fi
  say "No kernel laboratory here (it needs root, nftables and /dev/net/tun): the same story with simulated NATs and a virtual clock."
  exec "$out/bin/musubi" demo "$@"
}

# The example game in two windows. What it can't do here it says, and what to type instead.
cmd_play() {
  [ "$(uname)" = Linux ] || fail "play works on Linux. Here: ./build.sh lib, build/bin/musubi server, and build/bin/musubi_arena with the address that it prints, once for each player"
  case " $* " in
    *" --pictures "* | *" --xvfb "*) need "${tools_build[@]}" "${files_play[@]}" Xvfb:xvfb || fail "tools are missing; install them as root: apt-get install gcc cmake make git libsdl2-dev xvfb" ;;
    *" --bots "*) ;; # they need no window
    *) need "${tools_build[@]}" "${files_play[@]}" || fail "the game's windows need SDL 2, and only root can install it: apt-get install gcc cmake make git libsdl2-dev (or: ./build.sh play --bots)" ;;
  esac
  [ -x "$out/bin/musubi_arena" ] || say "building the library, the server and the game: some minutes the first time"
  cmd_lib >/dev/null
  case " $* " in *" --here "*) exec "$out/bin/natlab" play --bin-dir "$out/bin" "$@" ;; esac
  local why="They are root's."
  if is_root && need nft:nftables ip:iproute2 && why=$("$out/bin/natlab" check); then
    exec "$out/bin/natlab" play --bin-dir "$out/bin" "$@"
  fi
  say "No network namespaces here. $why"
  say "So both players are on this computer's own network."
  exec "$out/bin/natlab" play --here --bin-dir "$out/bin" "$@"
}

cmd_sim() {
  need_go
  go build -trimpath -o "$out/bin/natlab" ./core/cmd/natlab
  exec "$out/bin/natlab" sim "$@"
}

cmd_natlab() {
  cmd_lib >/dev/null
  is_root || fail "natlab needs root: it makes network namespaces, TUN devices and nft rules"
  need nft:nftables ip:iproute2 || fail "natlab needs nftables and iproute2"
  local what=matrix
  case ${1:-} in regress|discovery) what=$1; shift ;; esac
  exec "$out/bin/natlab" "$what" --bin-dir "$out/bin" "$@"
}

build_cluster() {
  mkdir -p "$out/bin"
  go build -trimpath -ldflags='-s -w' -o "$out/bin/musubi" ./core/cmd/musubi
  go build -trimpath -o "$out/bin/outage" ./core/cmd/outage
}

# What players notice when nodes of a cluster die, stop, are cut off and drained: real processes in namespaces.
cmd_cluster() {
  need_go
  is_root || fail "cluster needs root: it makes network namespaces"
  need nft:nftables ip:iproute2 || fail "cluster needs nftables and iproute2"
  build_cluster
  if [ "${1:-}" = guide ]; then
    need curl:curl || fail "cluster guide needs curl"
    exec core/server/deploy/guide.sh
  fi
  if [ "${1:-}" = external ]; then
    shift
    need nats-server:nats-server || fail "cluster external needs nats-server"
    exec "$out/bin/outage" --bin-dir "$out/bin" --nats "$(command -v nats-server)" --json "$out/cluster-external.json" "$@"
  fi
  exec "$out/bin/outage" --bin-dir "$out/bin" --json "$out/cluster.json" "$@"
}

# --- benchmarks ------------------------------------------------------------------------------------------------------
# The libraries that we compare with are built here and nowhere else.
cmd_bench() {
  need_go
  go build -trimpath -o "$out/bin/bench" ./core/cmd/bench
  case ${1:-} in
    plot|table) exec "$out/bin/bench" "$@" ;;
    server) shift; go build -trimpath -o "$out/bin/musubi" ./core/cmd/musubi; exec "$out/bin/musubi" bench-server "$@" ;;
  esac
  cmd_lib >/dev/null
  (cd core/cmd/bench/peers && go build -trimpath -o "$out/bin/bench_peers" .) 2>"$out/log/bench-peers.log" ||
    say "raw UDP, TCP and quic-go are left out: their program did not build (build/log/bench-peers.log)"
  if need ip:iproute2 /usr/include/enet/enet.h:libenet-dev; then
    gcc -O2 -Wall -Wextra -Werror -std=gnu99 -Ibindings/c/bench -o "$out/bin/bench_enet" core/cmd/bench/peers/enet/main.c \
      bindings/c/bench/measure.c bindings/c/bench/options.c -lenet -lpthread || fail "ENet's program did not build"
  else
    say "ENet is left out, or the bad links: not root. For them: apt-get install libenet-dev iproute2"
  fi
  need turnserver:coturn || say "coturn is left out: not root. For it: apt-get install coturn"
  exec "$out/bin/bench" run --bin-dir "$out/bin" "$@"
}

# --- tests -----------------------------------------------------------------------------------------------------------
passed=0 failed=0 skipped=0
count() { passed=$((passed + $1)); failed=$((failed + $2)); skipped=$((skipped + $3)); }
clock() { date +%s; }

# check NAME COMMAND...: one test that is a command; its output is shown when it fails.
check() {
  local name=$1 start log; shift
  start=$(clock); log=$out/log/$(printf %s "$name" | tr -c 'A-Za-z0-9' _).log
  local rc=0
  set +e # in a condition -e would not end the command at its first failure
  (set -e; "$@") >"$log" 2>&1; rc=$?
  set -e
  if [ $rc = 0 ]; then
    count 1 0 0; printf 'ok    %-46s %4ds\n' "$name" $(($(clock) - start))
  else
    count 0 1 0; printf 'FAIL  %-46s %4ds\n' "$name" $(($(clock) - start)); sed 's/^/      | /' "$log" | tail -n 60
  fi
}
skip() { count 0 0 1; printf 'skip  %-46s %s\n' "$1" "$2"; }

gofmt_clean() { local bad; bad=$(gofmt -l capi core); [ -z "$bad" ] || { say "not gofmt'ed: $bad"; return 1; }; }

vet_everywhere() {
  go vet ./...
  local protocol="./core/api ./core/wire ./core/stun ./core/seq ./core/secure ./core/rudp ./core/nat ./core/relay ./core/rendezvous ./core/peer ./core/link ./core/endpoint ./core/hub ./core/netio ./core/node ./core/cmd/natlab/... ./core/forward ./core/server ./core/cmd/musubi"
  local os
  for os in windows darwin android; do
    say "GOOS=$os"
    # shellcheck disable=SC2086
    CGO_ENABLED=0 GOOS=$os GOARCH=arm64 go vet $protocol
  done
  say "capi, with the C compilers that are here (not for Android and iOS: theirs are never here)"
  vet_library
}

staticcheck_clean() { GOFLAGS=-mod=mod go run honnef.co/go/tools/cmd/staticcheck@$staticcheck_version -checks 'all,-ST1000,-ST1003,-ST1016,-ST1020,-ST1021,-ST1022' ./...; }

go_tests() {
  local log=$out/log/go-test.json start p f s
  start=$(clock)
  # Where core/layers_test.go forbids goroutines and memory that two could share, the race detector finds nothing and takes five
  # minutes: the two rooms with the longest tests do without.
  local alone=(./core/sim ./core/rudp) rest
  rest=$(go list ./... | grep -vE '/core/(sim|rudp)$')
  { go test -timeout 10m -json "${alone[@]}"; go test -json -run '^TestAnIdleLinkInARoomIsSmall$' ./core/hub; go test -race -timeout 10m -json $rest; } >"$log" 2>"$out/log/go-test.err" || true
  p=$(grep -c '"Action":"pass".*"Test":' "$log" || true)
  f=$(grep -c '"Action":"fail".*"Test":' "$log" || true)
  s=$(grep -c '"Action":"skip".*"Test":' "$log" || true)
  local packages; packages=$(grep '"Action":"\(fail\|build-fail\)"' "$log" | grep -vc '"Test":' || true)
  [ "$f" = 0 ] && [ "$packages" != 0 ] && f=$packages
  [ "$p" = 0 ] && [ "$f" = 0 ] && f=1
  count "$p" "$f" "$s"
  printf '%s  %-46s %4ds  %d passed, %d failed, %d skipped\n' "$([ "$f" = 0 ] && echo 'ok  ' || echo FAIL)" "go test -race (sim and rudp: without)" $(($(clock) - start)) "$p" "$f" "$s"
  [ "$f" = 0 ] || { cat "$out/log/go-test.err"; go_failures "$log"; } | head -n 120 | sed 's/^/      | /'
  grep -h '"Action":"output"' "$log" | sed -nE 's/.*"Test":"([^"]*)".*"Output":" *[a-z_]+_test.go:[0-9]+: (.*)\\n"\}$/\1: \2/p' | grep -iE 'skip|root' | sort -u | sed 's/^/      | skipped /' | head -n 10 || true
}

# go_failures LOG: what the tests and packages that failed printed.
go_failures() {
  local line package test
  grep -E '"Action":"(fail|build-fail)"' "$1" | while read -r line; do
    package=$(sed -nE 's/.*"(Package|ImportPath)":"([^" ]*).*/\2/p' <<<"$line")
    test=$(sed -nE 's/.*"Test":"([^"]*)".*/\1/p' <<<"$line")
    if [ -n "$test" ]; then
      grep -F "\"Package\":\"$package\",\"Test\":\"$test\"" "$1"
    else
      grep -E '"Action":"(output|build-output)"' "$1" | grep -F "\"$package" | grep -v '"Test":'
    fi | grep -E '"Action":"(output|build-output)"' | sed -E 's/.*"Output":"(.*)"\}$/\1/; s/\\n$//; s/\\t/  /g; s/\\"/"/g; s/\\u003c/</g; s/\\u003e/>/g' | grep -vE '^=== |^ok ' | tail -n 25
  done
}

c_tests() {
  local log=$out/log/ctest.log start p f s
  start=$(clock)
  (cd "$out" && ctest --output-on-failure --timeout 300) >"$log" 2>&1 || true
  p=$(grep -cE '^ *[0-9]+/[0-9]+ Test .* Passed ' "$log" || true)
  s=$(grep -cE '^ *[0-9]+/[0-9]+ Test .*\*\*\*Skipped' "$log" || true)
  f=$(grep -E '^ *[0-9]+/[0-9]+ Test ' "$log" | grep -vcE ' Passed |\*\*\*Skipped' || true)
  [ "$p" = 0 ] && [ "$f" = 0 ] && f=1
  count "$p" "$f" "$s"
  printf '%s  %-46s %4ds  %d passed, %d failed, %d skipped\n' "$([ "$f" = 0 ] && echo 'ok  ' || echo FAIL)" "ctest (C API, rings, hosts, example)" $(($(clock) - start)) "$p" "$f" "$s"
  grep -E '\*\*\*Skipped' "$log" | sed 's/^/      | /' || true
  [ "$f" = 0 ] || tail -n 80 "$log" | sed 's/^/      | /'
}

# unity_tests [full]: the package's tests, counted one by one.
unity_tests() {
  local log=$out/log/unity-test.log start p f
  start=$(clock)
  bindings/unity/test.sh "$out/bin/musubi" "$out/lib" "$@" >"$log" 2>&1 || true
  p=$(sed -nE '$s/^([0-9]+) passed, ([0-9]+) failed.*/\1/p' "$log"); f=$(sed -nE '$s/^([0-9]+) passed, ([0-9]+) failed.*/\2/p' "$log")
  [ -n "$f" ] || { p=0 f=1; }
  count "$p" "$f" 0
  printf '%s  %-46s %4ds  %d passed, %d failed\n' "$([ "$f" = 0 ] && echo 'ok  ' || echo FAIL)" "Unity package under Mono" $(($(clock) - start)) "$p" "$f"
  [ "$f" = 0 ] || { grep -A 12 '^not ok' "$log"; tail -n 20 "$log"; } | head -n 80 | sed 's/^/      | /'
}

# Programs that we did not write must understand our STUN server.
stun_interop() {
  local pid port=39478 rc=0 ready=
  "$out/bin/musubi" server --listen 127.0.0.1:$port --stun-ports $((port + 1)),$((port + 2)) --stun-addr2 127.0.0.2 --data "$out/interop-data" >"$out/log/interop-server.out" 2>"$out/log/interop-server.err" &
  pid=$!
  for _ in $(seq 50); do grep -q '^address' "$out/log/interop-server.out" && { ready=1; break; }; sleep 0.1; done
  [ -n "$ready" ] || { say "the server did not start"; cat "$out/log/interop-server.err"; rc=1; }
  # It goes on to ask for answers from elsewhere, which strangers don't get, and waits for them.
  timeout 5 turnutils_stunclient -p $port 127.0.0.1 >"$out/log/turnutils.log" 2>&1 || true
  grep -q 'reflexive addr: 127.0.0.1' "$out/log/turnutils.log" || { say "turnutils_stunclient:"; cat "$out/log/turnutils.log"; rc=1; }
  timeout 10 turnutils_natdiscovery -m -f -p $port -L 127.0.0.1 127.0.0.1 >"$out/log/natdiscovery.log" 2>&1 || true
  [ "$(grep -c 'No NAT!' "$out/log/natdiscovery.log")" = 2 ] || { say "turnutils_natdiscovery:"; cat "$out/log/natdiscovery.log"; rc=1; }
  timeout 20 stun 127.0.0.1:$port -v 1 -p 39490 >"$out/log/stun.log" 2>&1 || true # its exit code is the NAT type
  grep -q 'MappedAddress = 127.0.0.1:39490' "$out/log/stun.log" || { say "stun:"; cat "$out/log/stun.log"; rc=1; }
  kill -INT $pid 2>/dev/null; wait $pid || { say "the server did not end cleanly after Ctrl-C"; rc=1; }
  return $rc
}

cmd_test() {
  local start; start=$(clock)
  setup_build
  need "${tools_test[@]}" "${files_test[@]}" "${files_play[@]}" || say "not root: what needs packages that are missing is skipped below"
  say "Musubi: all tests (logs in build/log)"
  check "build library, harness, programs, C tests" cmd_lib ON
  check "gofmt" gofmt_clean
  check "go vet, also for windows, darwin, android" vet_everywhere
  check "staticcheck" staticcheck_clean
  go_tests
  c_tests
  if command -v mcs >/dev/null && command -v mono >/dev/null; then
    check "C# binding under Mono" bindings/csharp/test.sh "$out/bin/musubi" "$out/lib"
    if need_dotnet linux >/dev/null; then
      check "C# binding under .NET" bindings/csharp/dotnet.sh "$out/bin/musubi" "$out/lib" "$out/tools/dotnet-linux-$dotnet_version"
    else
      skip "C# binding under .NET" "its runtime could not be fetched by npm"
    fi
    unity_tests
  else
    skip "C# binding" "mono-mcs and mono-runtime are not installed"
    skip "Unity package" "mono-mcs and mono-runtime are not installed"
  fi
  if command -v mcs >/dev/null && command -v mono >/dev/null; then
    check "Unreal plugin: rules run, each file compiled" unreal_static
  else
    skip "Unreal plugin: rules and syntax" "mono-mcs and mono-runtime are not installed"
  fi
  if command -v stun >/dev/null && command -v turnutils_stunclient >/dev/null; then
    check "STUN for Debian's stun and coturn's client" stun_interop
  else
    skip "STUN interoperability" "stun-client and coturn are not installed"
  fi
  if need "${tools_arm64[@]}"; then
    check "linux-arm64: built, run by qemu" on_arm64
  else
    skip "linux-arm64" "gcc-aarch64-linux-gnu, libc6-dev-arm64-cross or qemu-user-static is not installed"
  fi
  if need "${tools_windows[@]}"; then
    check "windows-amd64: built, run by Wine" on_windows
    if command -v mcs >/dev/null && need_dotnet win >/dev/null; then
      check "C# binding under .NET for Windows, Wine" csharp_on_windows
    else
      skip "C# binding under .NET for Windows" "mono-mcs is not installed, or the runtime could not be fetched by npm"
    fi
  else
    skip "windows-amd64" "gcc-mingw-w64-x86-64-win32, g++-mingw-w64-x86-64-win32 or wine64 is not installed"
  fi
  check "adversity, 300 worlds" adversity 300
  check "NAT matrix, simulated, 10 trials a pair" "$out/bin/natlab" sim --trials 10
  if is_root && "$out/bin/natlab" check >/dev/null 2>&1; then
    check "NAT laboratory, kernel NAT, every class, 2 trials" "$out/bin/natlab" matrix --bin-dir "$out/bin" --short --trials 2 --parallel 6
    check "what networks do to games, kernel NAT" "$out/bin/natlab" regress --bin-dir "$out/bin" --loose --parallel 8
    if command -v turnutils_natdiscovery >/dev/null; then
      check "coturn's NAT discovery behind kernel NATs" "$out/bin/natlab" discovery --bin-dir "$out/bin"
    else
      skip "coturn's NAT discovery" "coturn is not installed"
    fi
    if command -v Xvfb >/dev/null && [ -e /usr/include/SDL2/SDL.h ]; then
      check "the game: two windows behind two NATs, a cut" "$out/bin/natlab" play --bots --xvfb --bin-dir "$out/bin"
    else
      skip "the game: two windows behind two NATs, a cut" "xvfb or libsdl2-dev is not installed"
    fi
    check "demo" "$out/bin/natlab" demo --bin-dir "$out/bin"
  else
    skip "NAT laboratory" "$("$out/bin/natlab" check 2>&1 | head -n 1)"
    check "demo, simulated NATs" "$out/bin/musubi" demo
  fi
  check "build the programs for a cluster" build_cluster
  if is_root && "$out/bin/outage" --check >/dev/null 2>&1; then
    check "players on a cluster, one node killed" "$out/bin/outage" --bin-dir "$out/bin" --players 24 --each 100ms --small
  else
    skip "players on a cluster, one node killed" "$("$out/bin/outage" --check 2>&1 | head -n 1)"
  fi
  if is_root && "$out/bin/outage" --check >/dev/null 2>&1 && command -v curl >/dev/null; then
    check "an operator's guide to a cluster" core/server/deploy/guide.sh
  else
    skip "an operator's guide to a cluster" "it needs root, network namespaces and curl"
  fi
  say "all of it took $(($(clock) - start)) s"
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  [ "$failed" = 0 ]
}

adversity() { go test ./core/sim -count=1 -timeout 24h -run '^TestAdversity$' -args -worlds "$1"; }

cmd_adversity() { # adversity [worlds]
  setup_build
  adversity "${1:-10000}"
}

cmd_csharp() { # csharp [seconds]
  cmd_lib >/dev/null
  need mcs:mono-mcs mono:mono-runtime mono-boehm:mono-runtime-boehm || fail "tools are missing; install them as root: apt-get install mono-mcs mono-runtime mono-runtime-boehm"
  bindings/csharp/test.sh "$out/bin/musubi" "$out/lib" "${1:-120}"
}

cmd_unity_test() { # the long form of what the gate does
  cmd_lib >/dev/null
  need mcs:mono-mcs mono:mono-runtime mono-boehm:mono-runtime-boehm || fail "tools are missing; install them as root: apt-get install mono-mcs mono-runtime mono-runtime-boehm"
  go test -count=1 ./capi/genmeta ./capi/gencs
  bindings/unity/test.sh "$out/bin/musubi" "$out/lib" full
}

cmd_unreal_check() { # what is proven of the Unreal plugin here; ./build.sh test runs the same parts
  need g++:g++ mcs:mono-mcs mono:mono-runtime || fail "tools are missing; install them as root: apt-get install g++ mono-mcs mono-runtime"
  say "Unreal plugin: all checks (logs in build/log); docs/ENGINES.md says what they prove"
  check "build library, server, tests" unreal_build
  check "files as Epic's tools read them" unreal_lint
  check "rules run, each file compiled" unreal_static
  check "core and engine modules with the real library" unreal_ctest
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  [ "$failed" = 0 ]
}

cmd_fuzz() { # fuzz [time per target]; most of it would go into making interesting inputs smaller, a minute for each
  local each=${1:-20s} package target
  setup_build
  for package in $(go list ./core/... ./capi/...); do
    for target in $(go test -list '^Fuzz' "$package" 2>/dev/null | grep '^Fuzz' || true); do
      say "$package $target $each"
      go test -run=NONE -fuzz="^$target\$" -fuzztime="$each" -fuzzminimizetime=20x "$package" | tail -n 2
    done
  done
  local seconds=${each%s}
  [ "$seconds" = "${each%m}" ] || [ "${each%m}" = "$each" ] || seconds=$((${each%m} * 60))
  cmd_lib ON >/dev/null
  say "C API, $seconds seconds"
  "$out/bin/fuzz_asan" "$out/bin/musubi" "$seconds" 2>&1 | grep -v level=
}

cmd_soak() { # soak [name]: the long forms of the C tests
  cmd_lib ON >/dev/null
  (cd "$out" && exec ctest -C soak -L soak -V --timeout 7200 ${1:+-R "^soak_$1"}) | grep -vE 'level=|^UpdateC|^[0-9]+: (Test (command|timeout)|Working)' || fail "a long test failed"
}

cmd_docs() { # what is made from the header (docs/API.md, docs/ERRORS.md, C#'s idea of it) and from the server's flags
  need_go
  go run ./capi/gendoc include/musubi.h docs/API.md docs/ERRORS.md
  go generate ./capi/gencs ./capi/genmeta
  go test -count=1 -run '^TestTheSettingsDocumentIsFresh$' ./core/cmd/musubi -args -write >/dev/null
  say "reference docs/API.md, docs/ERRORS.md, the tables of docs/SETTINGS.md"
  say "C#        unity/Runtime/Core/NativeMethods.g.cs"
  say "Unity     the .meta files below unity/"
}

cmd_dist() { # the archives that users download, into build/dist
  cmd_lib >/dev/null
  need "${tools_arm64[@]}" "${tools_windows[@]}" "${tools_dist[@]}" || fail "tools are missing; install them as root: apt-get install ${tools_arm64[*]#*:} ${tools_windows[*]#*:} ${tools_dist[*]#*:}"
  dist_sdk
  dist_again linux-amd64
  dist_again windows-amd64
  bindings/c/sdk/check.sh "$root" "$out"
  dist_unreal
  dist_unity "$out/dist/stage/musubi-c-sdk-$(version)/lib"
  if command -v mcs >/dev/null && command -v mono >/dev/null; then check_unity; else say "the Unity package is not tested: no Mono"; fi
}

cmd_windows_test() { # the long form of what the gate does
  cmd_lib >/dev/null
  need "${tools_windows[@]}" || fail "tools are missing; install them as root: apt-get install gcc-mingw-w64-x86-64-win32 g++-mingw-w64-x86-64-win32 wine64"
  on_windows long
}

cmd_help() {
  cat <<'TEXT'
./build.sh COMMAND
  demo              two players behind two NATs meet, talk directly, fall back to the relay, come back;
                    on a terminal as a live picture (NO_COLOR is respected; plain lines with TERM=dumb or into a file)
  play [options]    the example game in two windows, each behind its own NAT (as root; else both on this computer's network)
                    --bots (play by themselves, needs no display)  --here (no namespaces)  --pictures DIR (a picture and a film of it)
  test              every test; ends with N passed, N failed, N skipped
  setup             install what building and testing need (as root, by apt)
  lib               the library, the C harness and the programs into build/
                    lib --target linux-amd64|linux-arm64|windows-amd64|macos-amd64|macos-arm64|android-arm64|ios-arm64
                    into build/targets/
  cluster [external|guide] [options]
                    200 players on a cluster whose nodes die, stop, are cut off and drained, and a verdict; needs root, takes 6 min;
                    external: Debian's nats-server; guide: the commands of docs/SERVER.md
  natlab [options]  the NAT matrix with the built library behind the kernel's NAT; needs root
                    --trials N  --pairs PR:SR,FC:AR  --parallel N  --json FILE  --short  --model
                    --docs docs (renews the figures of docs/NAT.md; about 25 minutes)  --journal FILE (goes on from there)
                    natlab regress [NAME]: reboots, moves, timeouts, loss; natlab discovery: coturn asks our server
                    --delay D  --jitter D  --loss SHARE  --reorder SHARE
  sim [options]     the NAT matrix in the simulator: 55 pairs, 200 meetings each; about a minute
                    --trials N  --pairs PR:SR,FC:AR  --json FILE  --docs docs (renews the figures of docs/NAT.md)
  bench [options] [bulk rate ping lossy mixed api mesh relay]
                    Musubi beside raw UDP, TCP, quic-go, ENet and coturn; all of it takes about 17 minutes on an idle machine
                    --json FILE  --keep (the file's other results)  --quick  --rounds N  --libs musubi,enet
                    bench table --json FILE [--markdown]; bench plot --json FILE: two SVGs in docs
                    bench server: many clients at a server: links, handshakes, resumes, floods, a restart; --list tells what
  dist              the C SDK archive for Linux, Windows and macOS into build/dist, checked by building and running against it,
                    the Unity package and the Unreal plugin
  windows-test      the Windows library with two players, a thousand clients and its network code under Wine: a minute
  adversity [N]     N simulated worlds (10000) with loss, corruption, holes, jumps of the clock, sleeps: every message once
  csharp [seconds]  the C# binding's tests under Mono, with collections and null references under traffic for so long (120)
  unity-test        the Unity package under Mono: the contract of each transport (Netcode 1, 2.0 and 2.7, Mirror, FishNet) with the real
                    library and server, components, editor code and samples against stand-ins, lint; the long form, some minutes
  unreal-check      the Unreal plugin without an engine: its core and its modules on stand-ins with the real library, rules, lint
  fuzz [time]       every fuzz target, 20s each unless said, and random calls of the C API under AddressSanitizer
  soak [name]       long forms of the C tests, half an hour in all: rings (10^8 messages; rings_asan, rings_tsan), fuzz, destroy,
                    gc_host (each case 20 times)
  docs              after a change of the header, a flag or a metric: writes docs/API.md, ERRORS.md, SETTINGS.md and the native methods of C#
  help              this text
TEXT
}

command=${1:-help}
[ $# -gt 0 ] && shift
case $command in
  setup|lib|demo|play|test|natlab|cluster|sim|bench|adversity|csharp|unity-test|fuzz|soak|docs|dist|windows-test|unreal-check|help) "cmd_${command//-/_}" "$@" ;;
  -h|--help) cmd_help ;;
  *) cmd_help >&2; fail "no command '$command'" ;;
esac
