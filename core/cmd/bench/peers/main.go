// Command peers runs the benchmarks of musubi_bench on what Musubi is compared with: raw UDP with AES-256-GCM, with and
// without segmentation offload (the physical limit), TCP, and quic-go. It has a module of its own, so that nothing of
// Musubi ever links them. (ENet's program is in C, beside it.)
//
//	peers LIB BENCH --host [--bind ADDR:0] [options]     prints "code …", is the far end
//	peers LIB BENCH --join CODE [options]                is the measuring end, prints one line of JSON
//
// LIB is raw, raw-gso, tcp or quic-go; BENCH is bulk, rate, ping or lossy; options are those of musubi_bench.
package main

import (
	"fmt"
	"os"
)

// conn carries whole messages of the size that was agreed. One goroutine uses it.
type conn interface {
	// Send hands a message over; it may wait while the other end is slower, and may keep the message until Flush.
	Send(b []byte) error
	Flush() error
	// Recv waits for the next message; b is valid until the next call.
	Recv() (b []byte, err error)
	Close()
}

// library makes connections. The far end listens first; what it listens on is the part of the code that dial gets.
type library interface {
	listen(o *options) (code string, err error)
	accept(o *options) (conn, error)
	dial(o *options, code string) (conn, error)
}

func main() {
	o, err := readOptions(os.Args[1:])
	if err == nil {
		err = run(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(o *options) error {
	var make func() library
	switch o.lib {
	case "raw", "raw-gso":
		make = func() library { return &raw{gso: o.lib == "raw-gso"} }
	case "tcp":
		make = func() library { return &tcp{} }
	case "quic-go":
		make = func() library { return &quicGo{} }
	default:
		return fmt.Errorf("unknown library %q", o.lib)
	}
	end, err := meet(o, make)
	if err != nil {
		return err
	}
	defer end.close()
	switch {
	case o.bench == "ping" && o.host:
		return end.pingHost(o)
	case o.bench == "ping":
		return end.pingJoin(o)
	case o.bench == "lossy" && o.host:
		return end.lossyHost(o)
	case o.bench == "lossy":
		return end.lossyJoin(o)
	case o.host:
		return end.streamHost(o)
	}
	return end.streamJoin(o)
}
