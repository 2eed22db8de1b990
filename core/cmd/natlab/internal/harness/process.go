//go:build linux

package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a running harness or server. Its standard output is read line by line until it ends.
type Process struct {
	cmd   *exec.Cmd
	name  string // for messages
	ended chan struct{}
	stdin io.WriteCloser

	mu      sync.Mutex // guards all below
	events  Log
	bad     []error       // lines that are none
	changed chan struct{} // closed and replaced at every event
	exit    int           // valid after ended
}

// Options of a start.
type Options struct {
	Name    string                           // for messages
	Stdout  io.Writer                        // copy of every line, may be nil
	Stderr  io.Writer                        // what the program says beside, may be nil
	Parse   func(line string) (Event, error) // how to read a line
	OnEvent func(Event)                      // called for every event from the reading goroutine, may be nil
}

// Start starts a program. The caller calls Stop or waits for the end.
func Start(cmd *exec.Cmd, o Options) (*Process, error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Name, err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Name, err)
	}
	cmd.Stderr = o.Stderr
	cmd.WaitDelay = time.Second // a grandchild that keeps standard error open does not keep us
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Name, err)
	}
	p := &Process{cmd: cmd, name: o.Name, stdin: stdin, ended: make(chan struct{}), changed: make(chan struct{})}
	go p.read(out, o)
	return p, nil
}

// read collects the events, then the exit code. It must have read everything before Wait, which closes the pipe: last lines
// such as the result would be lost.
func (p *Process) read(out io.Reader, o Options) {
	lines := bufio.NewScanner(out) // lines up to 64 KiB
	for lines.Scan() {
		if o.Stdout != nil {
			fmt.Fprintln(o.Stdout, lines.Text())
		}
		ev, err := o.Parse(lines.Text())
		p.mu.Lock()
		if err != nil {
			p.bad = append(p.bad, err)
		} else {
			p.events = append(p.events, ev)
			close(p.changed)
			p.changed = make(chan struct{})
		}
		p.mu.Unlock()
		if err == nil && o.OnEvent != nil {
			o.OnEvent(ev)
		}
	}
	_, _ = io.Copy(io.Discard, out) // after a line too long for the scanner
	err := p.cmd.Wait()
	p.mu.Lock()
	p.exit = p.cmd.ProcessState.ExitCode()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		p.bad = append(p.bad, err)
	}
	p.mu.Unlock()
	close(p.ended)
}

// Order writes a line to the program's standard input. One that has ended takes no orders, which is no error: what it
// said in the end tells more.
func (p *Process) Order(line string) error {
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("%s: order %q: %w", p.name, line, err)
	}
	return nil
}

// PID is the program's process id; `ip netns exec` becomes the program that it runs and keeps its id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the program has ended and all its lines have been read.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// ExitCode is the program's, −1 if a signal ended it. Valid after Ended.
func (p *Process) ExitCode() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exit
}

// Events copies what has been said so far.
func (p *Process) Events() Log {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(Log(nil), p.events...)
}

// Err tells of lines that could not be read.
func (p *Process) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.bad...)
}

// Await waits until the program has printed (or had printed) an event of that name which satisfies the conditions. It
// fails when the program ends or the context does.
func (p *Process) Await(ctx context.Context, name string, conditions ...func(Event) bool) (Event, error) {
	for {
		p.mu.Lock()
		ev, ok := p.events.First(name, conditions...)
		changed := p.changed
		p.mu.Unlock()
		if ok {
			return ev, nil
		}
		select {
		case <-changed:
		case <-p.ended: // the last lines may have come between the look and the end
			if ev, ok := p.Events().First(name, conditions...); ok {
				return ev, nil
			}
			return Event{}, fmt.Errorf("%s ended with exit code %d before %s: %s", p.name, p.ExitCode(), name, p.lastWords())
		case <-ctx.Done():
			return Event{}, fmt.Errorf("%s: waiting for %s: %w; %s", p.name, name, context.Cause(ctx), p.lastWords())
		}
	}
}

// lastWords describes the last event for messages.
func (p *Process) lastWords() string {
	events := p.Events()
	if len(events) == 0 {
		return "it said nothing"
	}
	last := events[len(events)-1]
	words := []string{"it last said " + last.Name}
	for _, key := range []string{"code", "text"} {
		if v := last.Get(key); v != "" {
			words = append(words, key+" "+v)
		}
	}
	return strings.Join(words, ", ")
}

// Kill ends the program without a warning, as a power cut would.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // the group: Command made one
	<-p.ended
}

// Stop ends the program: SIGINT first, so that it can say goodbye, SIGKILL after the grace. It returns when it has ended.
func (p *Process) Stop(grace time.Duration) {
	_ = p.cmd.Process.Signal(os.Interrupt) // an error means that it has ended already
	select {
	case <-p.ended:
	case <-time.After(grace):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // the group: Command made one
		<-p.ended
	}
}
