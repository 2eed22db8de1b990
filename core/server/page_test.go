//go:build linux

package server

import (
	"context"
	"encoding/json"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/node"
)

// pictures is where the browser test leaves its screenshots; empty: nowhere.
var pictures = os.Getenv("MUSUBI_TEST_PICTURES")

// The live page in a real browser, on a server with players: figures as they are, on a phone and on a wall.
func TestPageInABrowser(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	s, _ := start(t, Config{Data: t.TempDir(), Limits: "lab", Admin: "127.0.0.1:0", Node: "test-node", Region: "K"})
	if dom := browse(t, browser, "http://"+s.AdminAddr().String()+"/", "young", "1280,800"); !strings.Contains(dom, `data-loaded="yes"`) || !strings.Contains(dom, "Nothing.") {
		t.Errorf("a server on which nothing has failed yet:\n%s", body(dom))
	}
	host := join(t, s.Address())
	host.until(api.EventServerConnected)
	host.Do(node.Command{Kind: node.CmdRoomCreate})
	code := string(host.until(api.EventRoomJoined).Data)
	if !strings.HasPrefix(code, "K") {
		t.Errorf("join code %s in region K", code)
	}
	for range 2 {
		guest := join(t, s.Address())
		guest.Do(node.Command{Kind: node.CmdRoomJoin, Text: code})
		guest.until(api.EventPeerConnected)
	}
	lost := join(t, s.Address())
	lost.Do(node.Command{Kind: node.CmdRoomJoin, Text: "K0000000"})
	for refused := false; !refused; {
		select {
		case ev := <-lost.Events():
			refused = ev.Kind == api.EventRoomLeft
		case <-time.After(patience):
			t.Fatal("a wrong code was not refused")
		}
	}
	url := "http://" + s.AdminAddr().String() + "/"
	for name, size := range map[string]string{"phone": "390,1500", "wall": "1920,1080"} {
		dom := browse(t, browser, url, name, size)
		for what, want := range map[string]string{
			"ready": `id="state" class="state ok">ready<`, "players": `id="links">4<`, "rooms": `id="rooms">1<`, "members": `>4 members<`,
			"node": `test-node · region K`, "failure": `no room with that code`, "loaded": `data-loaded="yes"`,
		} {
			if !strings.Contains(dom, want) {
				t.Errorf("%s: %s: no %q in the page:\n%s", name, what, want, body(dom))
			}
		}
	}
}

// browse opens the page in a fresh browser, gives it time for a few answers and returns what it made of it.
func browse(t *testing.T, browser, url, name, size string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	dir := t.TempDir()
	flags := []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--user-data-dir=" + dir,
		"--window-size=" + size, "--hide-scrollbars", "--virtual-time-budget=2500"}
	shot := filepath.Join(dir, "shot.png")
	if out, err := exec.CommandContext(ctx, browser, append(flags, "--screenshot="+shot, url)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if f, err := os.Open(shot); err != nil {
		t.Error(err)
	} else {
		if picture, err := png.Decode(f); err != nil || picture.Bounds().Dx() < 300 {
			t.Errorf("screenshot: %v", err)
		}
		f.Close()
	}
	if pictures != "" {
		png, _ := os.ReadFile(shot)
		_ = os.WriteFile(filepath.Join(pictures, "admin-"+name+".png"), png, 0o644)
	}
	out, err := exec.CommandContext(ctx, browser, append(flags, "--dump-dom", url)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func body(dom string) string {
	dom = regexp.MustCompile(`(?s)<(script|style).*?</(script|style)>`).ReplaceAllString(dom, "")
	return dom
}

// Health follows the server's life, and what it serves is its own numbers.
func TestAdminOfALivingServer(t *testing.T) {
	s, stop := start(t, Config{Data: t.TempDir(), Limits: "lab", Admin: "127.0.0.1:0"})
	get := func(path string) (int, string) {
		r, err := http.Get("http://" + s.AdminAddr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, _ := io.ReadAll(r.Body)
		return r.StatusCode, string(text)
	}
	p := join(t, s.Address())
	p.until(api.EventServerConnected)
	if code, text := get("/readyz"); code != 200 {
		t.Errorf("readyz: %d %s", code, text)
	}
	var state struct {
		Links      int    `json:"links"`
		Handshakes uint64 `json:"handshakes_count"`
	}
	if _, text := get("/api/state"); json.Unmarshal([]byte(text), &state) != nil || state.Links != 1 || state.Handshakes != 1 {
		t.Errorf("state %+v: %s", state, text)
	}
	stop()
	if err := s.Ready(); err == nil || err.Error() != "the server is stopping" {
		t.Errorf("ready after the end: %v", err)
	}
}

// An admin address that is taken is no reason not to serve players, unless the operator named it.
func TestAdminAddressTaken(t *testing.T) {
	first, _ := start(t, Config{Data: t.TempDir(), Admin: "127.0.0.1:0"})
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Log: quiet(), Admin: first.AdminAddr().String()}
	if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), "in use by another program") || !strings.Contains(err.Error(), "--admin") {
		t.Errorf("%v", err)
	}
}
