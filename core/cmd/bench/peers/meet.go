package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"strings"
)

// end is one of the two ends: the connections, and a TCP connection for what is not measured.
type end struct {
	conns   []conn
	control net.Conn
	lines   *bufio.Reader
}

// meet makes the connections. The code is the control connection's address, then one for each connection.
func meet(o *options, make func() library) (*end, error) {
	if !o.host {
		return meetJoin(o, make)
	}
	l, err := net.Listen("tcp", o.bind)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	codes := []string{l.Addr().String()}
	var libraries []library
	for range o.flows {
		lib := make()
		code, err := lib.listen(o)
		if err != nil {
			return nil, err
		}
		libraries, codes = append(libraries, lib), append(codes, code)
	}
	fmt.Println("code", strings.Join(codes, ","))
	e := &end{}
	if e.control, err = l.Accept(); err != nil {
		return nil, err
	}
	e.lines = bufio.NewReader(e.control)
	for _, lib := range libraries {
		c, err := lib.accept(o)
		if err != nil {
			return nil, err
		}
		e.conns = append(e.conns, c)
	}
	return e, nil
}

func meetJoin(o *options, make func() library) (*end, error) {
	codes := strings.Split(o.join, ",")
	if len(codes) != o.flows+1 {
		return nil, fmt.Errorf("%d flows, and a code for %d", o.flows, len(codes)-1)
	}
	control, err := net.Dial("tcp", codes[0])
	if err != nil {
		return nil, err
	}
	e := &end{control: control, lines: bufio.NewReader(control)}
	for _, code := range codes[1:] {
		c, err := make().dial(o, code)
		if err != nil {
			return nil, err
		}
		e.conns = append(e.conns, c)
	}
	return e, nil
}

func (e *end) close() {
	for _, c := range e.conns {
		c.Close()
	}
	e.control.Close()
}

// give hands the result to the other end; take waits for it.
func (e *end) give(result map[string]any) error {
	b, err := json.Marshal(result)
	if err == nil {
		_, err = e.control.Write(append(b, '\n'))
	}
	if err == nil {
		_, _ = e.lines.ReadByte() // until the other end has closed
	}
	return err
}

func (e *end) take() (result map[string]any, err error) {
	line, err := e.lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &result)
	}
	return result, err
}

// say prints the one line of the measuring end.
func say(o *options, result map[string]any, more map[string]any) error {
	for k, v := range more {
		result[k] = v
	}
	result["bench"], result["lib"] = o.bench, o.lib
	b, err := json.Marshal(result)
	fmt.Println(string(b))
	return err
}
