//go:build linux

package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
)

// wirecheck lets tcpdump, a program that we did not write, record the direct path outside A's NAT, and looks for the
// plaintext in its file. Where tcpdump is missing the router's own search stands alone.
type wirecheck struct {
	dir   string // of the recording; empty: nothing was recorded
	why   string // why not
	cmd   *exec.Cmd
	ended chan struct{}
	words string // tcpdump's own summary
}

// startWirecheck starts the recording and returns when tcpdump listens.
func startWirecheck(l *lab.Lab) *wirecheck {
	w := &wirecheck{ended: make(chan struct{})}
	if _, err := exec.LookPath("tcpdump"); err != nil {
		w.why = "tcpdump is not installed"
		return w
	}
	dir, err := os.MkdirTemp("", "natlab-wire-")
	if err != nil {
		w.why = err.Error()
		return w
	}
	// As root tcpdump would change to a user who may not write here.
	w.cmd = l.Command(lab.NATA, "tcpdump", "-i", "wan", "-n", "-U", "-s", "0", "-Z", "root",
		"-w", filepath.Join(dir, "direct.pcap"), "udp", "and", "host", l.PublicB().String())
	said, err := w.cmd.StderrPipe()
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		w.why = err.Error()
		_ = os.RemoveAll(dir)
		return w
	}
	w.dir = dir
	ready := make(chan struct{})
	go w.listen(bufio.NewScanner(said), ready)
	select { // without it the recording only begins later, or has ended at once: report sees that it is too short
	case <-ready:
	case <-w.ended:
	case <-time.After(3 * time.Second):
	}
	return w
}

// listen reads what tcpdump says until it ends.
func (w *wirecheck) listen(said *bufio.Scanner, ready chan<- struct{}) {
	for said.Scan() {
		if strings.Contains(said.Text(), "listening on") && ready != nil {
			close(ready)
			ready = nil
		}
		if strings.Contains(said.Text(), "captured") {
			w.words = said.Text()
		}
	}
	_ = w.cmd.Wait()
	close(w.ended)
}

// stop ends the recording.
func (w *wirecheck) stop() {
	if w == nil || w.dir == "" {
		return
	}
	_ = w.cmd.Process.Signal(os.Interrupt)
	select {
	case <-w.ended:
	case <-time.After(3 * time.Second):
		_ = syscall.Kill(-w.cmd.Process.Pid, syscall.SIGKILL)
		<-w.ended
	}
}

// discard removes the recording.
func (w *wirecheck) discard() {
	if w != nil && w.dir != "" {
		_ = os.RemoveAll(w.dir)
	}
}

// report searches the recording.
func (w *wirecheck) report(s *story) {
	if w == nil {
		return
	}
	if w.dir == "" {
		s.note("no second look by tcpdump: %s", w.why)
		return
	}
	pcap, err := os.ReadFile(filepath.Join(w.dir, "direct.pcap"))
	if err != nil {
		s.check(false, "tcpdump's recording of the direct path: %v", err)
		return
	}
	hits := bytes.Count(pcap, []byte(demoMarker))
	s.check(len(pcap) > 100_000 && hits == 0, "the same in tcpdump's recording (%s, %d bytes): found %d times", w.words, len(pcap), hits)
}
