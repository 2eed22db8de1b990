// Package core holds no code of its own; this test keeps the walls between its rooms (docs/ARCHITECTURE.md).
package core

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/musubi-p2p/musubi/"

// room says what one package may import of ours, and whether it may touch the outside world.
type room struct {
	may  string // our own packages, below core/
	edge bool   // may import net, os, syscall, start goroutines, read a clock
	why  string
}

// Every package of ours has a line here; a new one needs a line and a reason.
var rooms = map[string]room{
	"core/api":        {"", false, "leaf: numbers shared by all"},
	"core/deadline":   {"", false, "leaf: what a machine says of time to come; any room may use it"},
	"core/wire":       {"api", false, "layouts only"},
	"core/token":      {"wire api", false, "access tokens and identity certificates: strict JWS, no keys of ours"},
	"core/stun":       {"api wire", false, "STUN messages on pion/stun"},
	"core/seq":        {"api wire", false, "serial arithmetic, ranges, replay window"},
	"core/natsim":     {"api", false, "NAT boxes as values"},
	"core/impair":     {"", false, "one direction of a bad network as a value; no protocol"},
	"core/secure":     {"wire stun seq api", false, "keys; knows no transport"},
	"core/rudp":       {"wire stun seq api", false, "transport; knows no keys"},
	"core/nat":        {"wire stun seq api", false, "traversal; sees opened probes only"},
	"core/relay":      {"wire stun seq api", false, "relay; ticket opener injected"},
	"core/rendezvous": {"wire stun seq api", false, "rooms and introductions; signals in, signals out"},
	"core/peer":       {"secure rudp nat relay wire seq api", false, "one connection"},
	"core/link":       {"secure rudp rendezvous token wire seq api", false, "client <-> server session, both ends"},
	"core/endpoint":   {"token peer link nat relay rendezvous secure stun wire api", false, "one client"},
	"core/lan":        {"wire api", false, "finds hosts in the local network; makes them found"},
	"core/cluster":    {"rendezvous secure wire api", false, "which node owns which room, and who is where; no bus, no clock"},
	"core/hub":        {"cluster link relay rendezvous secure stun token wire api", false, "one server node"},
	"core/sim":        {"cluster endpoint hub rudp natsim impair secure wire stun api", false, "virtual internet under a virtual clock"},
	"core/websocket":  {"", false, "RFC 6455 as bytes: datagrams over TCP"},
	"core/netio":      {"api websocket", true, "sockets, and streams where UDP is blocked"},
	"core/portmap":    {"", true, "asks the router for a port: PCP, NAT-PMP, UPnP-IGD"},
	"core/node":       {"endpoint hub lan rendezvous secure wire netio impair portmap api", true, "runs an endpoint"},
	"core/forward":    {"netio relay wire api", true, "relays between bound legs on all processors; the rest goes to the hub"},
	"core/admin":      {"", true, "what an operator sees: health, metrics, the live page"},
	"core/bus":        {"cluster", true, "NATS, embedded or external"},
	"core/server":     {"bus cluster token admin forward hub rendezvous relay wire netio websocket secure api", true, "runs a hub"},
	"core/load":       {"link secure netio wire api", true, "plays many clients at a server and measures it"},
	"core/cmd/musubi": {"load token wire server node netio portmap stun sim natsim secure endpoint api", true, "the program users run"},
	"core/cmd/natlab": {"server node netio sim natsim secure endpoint api cmd/natlab", true, "kernel NAT laboratory"},
	"core/cmd/outage": {"node endpoint secure api load", true, "what happens to players on a cluster of real processes"},
	"core/cmd/bench":  {"impair sim api relay secure wire cmd/bench", true, "benchmarks beside other libraries"},
	"capi":            {"node netio endpoint impair secure api", true, "the C shell around node"},

	"unreal/checks": {"", true, "reads the Unreal plugin's files; tests only"},

	"docs/samples":             {"", true, "a game's backend: signs access tokens"},
	"bindings/c/tests/othergo": {"", true, "somebody else's Go library beside ours, in a test"},
}

// roomOf finds the line for a package directory; a command's inner packages share its line.
func roomOf(dir string) (room, bool) {
	for d := dir; d != "."; d = filepath.Dir(d) {
		if r, ok := rooms[d]; ok && (d == dir || strings.HasPrefix(d, "core/cmd/") || d == "capi") {
			return r, true
		}
	}
	return room{}, false
}

var (
	clockCalls = map[string]bool{"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true,
		"NewTimer": true, "NewTicker": true, "Tick": true}
	outside = map[string]string{
		"net": "sockets belong to netio", "os": "the system belongs to the edge", "syscall": "the system belongs to the edge",
		"sync": "one goroutine owns a machine", "sync/atomic": "one goroutine owns a machine",
		"crypto/rand": "randomness comes in", "math/rand": "use math/rand/v2 with an injected source", "io/ioutil": "the system belongs to the edge",
		"golang.org/x/sys/unix": "the system belongs to the edge", "golang.org/x/sys/cpu": "the edge tells what the CPU can do",
	}
	// unseeded are the package-level functions of math/rand/v2, which draw from the process.
	unseeded = map[string]bool{"Int": true, "IntN": true, "Int32": true, "Int32N": true, "Int64": true, "Int64N": true, "Uint": true, "UintN": true,
		"Uint32": true, "Uint32N": true, "Uint64": true, "Uint64N": true, "Float32": true, "Float64": true, "Perm": true, "Shuffle": true, "N": true,
		"ExpFloat64": true, "NormFloat64": true}
)

func TestRooms(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != ".." || d.Name() == "build" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		rel, _ := filepath.Rel("..", path)
		dir := filepath.ToSlash(filepath.Dir(rel))
		if filepath.Ext(path) != ".go" || dir == "core" {
			return nil
		}
		r, ok := roomOf(dir)
		if !ok {
			t.Errorf("%s: package has no line in core/layers_test.go", dir)
			return nil
		}
		seen[dir] = true
		checkFile(t, path, dir, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 10 {
		t.Fatalf("only %d packages seen: the walk is broken", len(seen))
	}
}

func checkFile(t *testing.T, path, dir string, r room) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	test := strings.HasSuffix(path, "_test.go")
	names := map[string]string{}
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		name := imported[strings.LastIndex(imported, "/")+1:]
		if imported == "math/rand/v2" {
			name = "rand"
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = imported
		if own, ok := strings.CutPrefix(imported, module); ok && !test && !allowed(r, dir, own) {
			t.Errorf("%s imports %s; %s may import: %s", path, own, dir, r.may)
		}
		if why := outside[imported]; why != "" && !r.edge && !test {
			t.Errorf("%s imports %s: %s", path, imported, why)
		}
	}
	if r.edge || test {
		return
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			t.Errorf("%s starts a goroutine; only the edge may", path)
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if !ok || x.Obj != nil {
				return true
			}
			if names[x.Name] == "time" && clockCalls[n.Sel.Name] {
				t.Errorf("%s reads the clock (time.%s); now is a parameter", path, n.Sel.Name)
			}
			if names[x.Name] == "math/rand/v2" && unseeded[n.Sel.Name] {
				t.Errorf("%s draws unseeded randomness (rand.%s)", path, n.Sel.Name)
			}
		}
		return true
	})
}

func allowed(r room, dir, own string) bool {
	if own == dir || own == "core/deadline" || dir != "capi" && strings.HasPrefix(dir, "capi/") && own == "capi/cheader" {
		return true
	}
	for _, may := range strings.Fields(r.may) {
		if own == "core/"+may || strings.HasPrefix(own, "core/"+may+"/") {
			return true
		}
	}
	return false
}

// TestClientLibraryStaysSmall looks at what capi links: no server parts, no HTTP stack, nothing that installs signal handlers.
func TestClientLibraryStaysSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "../capi").Output()
	if err != nil {
		t.Fatalf("go list -deps ../capi: %v", err)
	}
	deps := strings.Fields(string(out))
	for _, d := range deps {
		for _, bad := range []string{"net/http", "os/signal", "github.com/nats-io", "github.com/prometheus", module + "core/server",
			module + "core/bus", module + "core/sim", module + "core/natsim", "testing"} {
			if d == bad || strings.HasPrefix(d, bad+"/") {
				t.Errorf("the client library links %s", d)
			}
		}
	}
	if len(deps) < 20 {
		t.Fatalf("go list printed %d packages only", len(deps))
	}
}

// bareGo are the files in what the client library links that may hold a go statement, and why a panic there can't end the
// game's process.
var bareGo = map[string]string{
	"core/node/spawn.go":                    "recovers; everything of ours starts here",
	"golang.org/x/crypto/argon2":            "arithmetic on arrays of fixed shape, for join codes in the local network",
	"github.com/pion/stun/v2":               "its Client, which is not used: only messages are",
	"github.com/pion/dtls/v2":               "comes with that Client",
	"github.com/pion/transport/v2/connctx":  "ditto",
	"github.com/pion/transport/v2/deadline": "ditto",
	"github.com/pion/transport/v2/udp":      "ditto",
}

// TestOnlySpawnStartsGoroutines reads every file that the client library links, but the standard library: a panic that
// nobody recovers ends the process.
func TestOnlySpawnStartsGoroutines(t *testing.T) {
	const files = `{{if not .Standard}}{{$p := .}}{{range .GoFiles}}{{$p.ImportPath}} {{$p.Dir}}/{{.}}
{{end}}{{range .CgoFiles}}{{$p.ImportPath}} {{$p.Dir}}/{{.}}
{{end}}{{end}}`
	out, err := exec.Command("go", "list", "-tags", "netgo,osusergo,musubi_library", "-deps", "-f", files, "../capi").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		pkg, path, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		at := pkg // ours are named by file
		if own, ok := strings.CutPrefix(pkg, module); ok {
			at = own + "/" + filepath.Base(path)
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				if seen[at] = true; bareGo[at] == "" {
					t.Errorf("%s starts a goroutine without node.Spawn", set.Position(g.Pos()))
				}
			}
			return true
		})
	}
	for at, why := range bareGo {
		if !seen[at] {
			t.Errorf("%s (%s) starts no goroutine any more: take its line out", at, why)
		}
	}
}
