package main

import (
	"fmt"
	"strconv"
)

// options are those of bindings/c/bench/options.c.
type options struct {
	lib, bench      string
	host            bool
	join, bind      string
	spin            bool
	seconds, warmup float64
	hz              float64
	size            int
	flows, messages int
	latencies       string
}

func readOptions(args []string) (*options, error) {
	if len(args) < 2 {
		return nil, fmt.Errorf("usage: peers raw|raw-gso|tcp|quic-go bulk|rate|ping|lossy --host|--join CODE [options]")
	}
	o := &options{lib: args[0], bench: args[1], seconds: 5, warmup: 1, hz: 60, size: 64, flows: 1, messages: 1500, bind: "127.0.0.1:0"}
	switch o.bench {
	case "bulk":
		o.size = 1024
	case "rate", "ping":
	case "lossy":
		o.size, o.flows, o.warmup = 100, 24, 2
	default:
		return nil, fmt.Errorf("unknown benchmark %q", o.bench)
	}
	for args = args[2:]; len(args) > 0; {
		if args[0] == "--host" {
			o.host, args = true, args[1:]
			continue
		}
		if len(args) == 1 {
			return nil, fmt.Errorf("no value for %s", args[0])
		}
		if err := o.set(args[0], args[1]); err != nil {
			return nil, err
		}
		args = args[2:]
	}
	if o.host == (o.join != "") {
		return nil, fmt.Errorf("one of --host and --join")
	}
	return o, nil
}

func (o *options) set(name, value string) error {
	number, err := strconv.ParseFloat(value, 64)
	switch name {
	case "--join":
		o.join, err = value, nil
	case "--bind":
		o.bind, err = value, nil
	case "--latencies":
		o.latencies, err = value, nil
	case "--wait":
		o.spin, err = value == "spin", nil
	case "--seconds":
		o.seconds = number
	case "--warmup":
		o.warmup = number
	case "--hz":
		o.hz = number
	case "--size":
		o.size = int(number)
	case "--flows":
		o.flows = int(number)
	case "--messages":
		o.messages = int(number)
	default:
		return fmt.Errorf("unknown option %s", name)
	}
	return err
}
