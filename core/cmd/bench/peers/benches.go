package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// streamHost counts what arrives in bulk and rate. The clock is looked at every 64 messages.
func (e *end) streamHost(o *options) error {
	runtime.LockOSThread()
	var t tally
	for n := 1; ; n++ {
		b, err := e.conns[0].Recv()
		if err != nil {
			return err
		}
		t.message(b)
		if n%64 == 0 && t.done(o) {
			break
		}
	}
	ns := float64(t.end - t.begin)
	return e.give(map[string]any{"MBps": round(float64(t.bytes)*1e3/ns, 2), "msgs_per_s": math.Round(float64(t.messages) * 1e9 / ns),
		"cpu_s_per_GB": round(float64(t.cpu)/float64(max(t.bytes, 1)), 3), "disorder": t.disorder})
}

// streamJoin sends until the other end has seen enough.
func (e *end) streamJoin(o *options) error {
	runtime.LockOSThread()
	var result map[string]any
	var failed error
	var done atomic.Bool
	go func() {
		result, failed = e.take()
		done.Store(true)
	}()
	b, cpu, number := make([]byte, o.size), cpuNs(), uint32(0)
	for !done.Load() {
		putHeader(b, number)
		if err := e.conns[0].Send(b); err != nil && !done.Load() {
			return err
		}
		number++
	}
	if failed != nil {
		return failed
	}
	used := float64(cpuNs()-cpu) / (float64(number) * float64(o.size))
	return say(o, result, map[string]any{"sender_cpu_s_per_GB": round(used, 3), "sent": number, "size": o.size})
}

func (e *end) pingHost(*options) error {
	runtime.LockOSThread()
	c := e.conns[0]
	go func() { // UDP has no end: the control connection's is ours
		_, _ = e.lines.ReadByte()
		os.Exit(0)
	}()
	for {
		b, err := c.Recv()
		if err != nil {
			return nil // the other end is done
		}
		if err = c.Send(b); err == nil {
			err = c.Flush()
		}
		if err != nil {
			return nil
		}
	}
}

func (e *end) pingJoin(o *options) error {
	runtime.LockOSThread()
	c, b := e.conns[0], make([]byte, o.size)
	measured := nowNs() + int64(o.warmup*1e9)
	end, cpu := measured+int64(o.seconds*1e9), int64(0)
	us := make([]float64, 0, 1<<20)
	for number, now := uint32(0), nowNs(); now < end || len(us) == 0; number, now = number+1, nowNs() {
		putHeader(b, number)
		if err := c.Send(b); err != nil {
			return err
		}
		if err := c.Flush(); err != nil {
			return err
		}
		if _, err := c.Recv(); err != nil {
			return err
		}
		if now < measured {
			cpu = cpuNs()
		} else {
			us = append(us, float64(nowNs()-now)/1e3)
		}
	}
	cpu = cpuNs() - cpu
	sorted(us)
	how := "block"
	if o.spin {
		how = "spin"
	}
	return say(o, map[string]any{"wait": how, "us_p50": round(quantile(us, 0.5), 1), "us_p99": round(quantile(us, 0.99), 1),
		"us_max": round(us[len(us)-1], 1), "pings": len(us), "cpu_us_per_ping": round(float64(cpu)/1e3/float64(len(us)), 1)}, nil)
}

// cool is how many messages follow the last one that counts.
const cool = 60

func (o *options) warm() int { return int(o.warmup * o.hz) }

// lanes runs body for each connection, in a thread of its own.
func (e *end) lanes(body func(i int, c conn) error) error {
	var all sync.WaitGroup
	errs := make([]error, len(e.conns))
	for i, c := range e.conns {
		all.Go(func() {
			runtime.LockOSThread()
			errs[i] = body(i, c)
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *end) lossyHost(o *options) error {
	first, last := o.warm(), o.warm()+o.messages
	latencies, disorder := make([][]float64, len(e.conns)), make([]int, len(e.conns))
	err := e.lanes(func(i int, c conn) error {
		for next := 0; next < last+cool; next++ {
			b, err := c.Recv()
			if err != nil {
				return err
			}
			sent, number := readHeader(b)
			if int(number) != next {
				disorder[i]++
			}
			if n := int(number); n >= first && n < last {
				latencies[i] = append(latencies[i], float64((nowNs()-sent)/1000)/1e3)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var ms []float64
	wrong := 0
	for i := range latencies {
		ms = append(ms, latencies[i]...)
		wrong += disorder[i]
	}
	sorted(ms)
	if err := writeLatencies(o.latencies, ms); err != nil {
		return err
	}
	return e.give(map[string]any{"p50": round(quantile(ms, 0.5), 2), "p95": round(quantile(ms, 0.95), 2), "p99": round(quantile(ms, 0.99), 2),
		"max": round(ms[len(ms)-1], 2), "messages": len(ms), "disorder": wrong})
}

func writeLatencies(path string, ms []float64) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for _, v := range ms {
		fmt.Fprintln(w, int(v*1e3+0.5))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func (e *end) lossyJoin(o *options) error {
	start := nowNs() + 500_000_000
	due := func(i, number int) int64 { // spread over a frame: no bursts at the link
		return start + int64(float64(i)*1e9/o.hz/float64(len(e.conns))) + int64(float64(number)*1e9/o.hz)
	}
	err := e.lanes(func(i int, c conn) error {
		b := make([]byte, o.size)
		for number := range o.warm() + o.messages + cool {
			sleepUntil(due(i, number))
			putHeader(b, uint32(number))
			if err := c.Send(b); err != nil {
				return err
			}
			if err := c.Flush(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	result, err := e.take()
	if err != nil {
		return err
	}
	return say(o, result, map[string]any{"flows": o.flows, "begin_ns": due(0, o.warm()), "end_ns": due(0, o.warm()+o.messages)})
}

func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}
