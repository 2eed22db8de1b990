//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// processorTimes are seconds of processor time that were used until an instant.
type processorTimes struct {
	server, load float64
	all          float64 // the machine's, what its host took away included
}

func (s *relayServer) times() (t processorTimes) {
	if s.cmd != nil {
		t.server = cpuSeconds(s.cmd.Process.Pid)
	}
	t.load, t.all = cpuSeconds(os.Getpid()), machineSeconds()
	return t
}

func (t processorTimes) minus(o processorTimes) processorTimes {
	return processorTimes{t.server - o.server, t.load - o.load, t.all - o.all}
}

// others is what neither the server nor the load used: a run beside much of that says little.
func (t processorTimes) others() float64 { return max(0, t.all-t.server-t.load) }

// waitForCalm returns when hardly anybody used the machine for a moment, or when that does not come.
func waitForCalm(most time.Duration) {
	const moment, little = 100 * time.Millisecond, 0.03 // s; the clock of /proc has 0.01
	for end := time.Now().Add(most); time.Now().Before(end); {
		before := machineSeconds()
		time.Sleep(moment)
		if machineSeconds()-before <= little {
			return
		}
	}
}

// machineSeconds is the processor time of everything that runs here, and what the host gave to others (proc(5), /proc/stat).
func machineSeconds() (sum float64) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	for i, f := range strings.Fields(line) {
		if i == 0 || i == 4 || i == 5 || i > 8 { // the name, idle, waiting for disks, guests, who are in user
			continue
		}
		v, _ := strconv.ParseFloat(f, 64)
		sum += v / 100 // USER_HZ
	}
	return sum
}

// cpuSeconds is the processor time of a process and all its threads, of which some may have ended.
func cpuSeconds(pid int) float64 {
	f := statFields(pid)
	if len(f) < 15 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[13], 64)
	system, _ := strconv.ParseFloat(f[14], 64)
	return (user + system) / 100 // USER_HZ
}

// statFields are those of /proc/pid/stat; the program's name in its brackets must have no space.
func statFields(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(b))
}

func residentBytes(pid int) float64 {
	f := statFields(pid)
	if len(f) < 24 {
		return 0
	}
	pages, _ := strconv.ParseFloat(f[23], 64)
	return pages * float64(os.Getpagesize())
}
