package node

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/impair"
)

// say makes the engine send one datagram to its own socket.
func (st *stage) say(text string) {
	st.engine.set(st.QueueHost, func() {
		st.engine.packets = append(st.engine.packets, packet{endpoint.Transmit{To: st.engine.locals[0]}, text})
	})
}

// Latency of either direction is added, twice is twice, and what is lost stays away.
func TestSimulation(t *testing.T) {
	const latency = 20 * time.Millisecond
	st := newStage(t, Config{}, nil).play()
	for _, c := range []struct {
		name string
		s    *Simulation
		most int // copies that come
		took time.Duration
	}{
		{"out", &Simulation{Out: impair.Config{Latency: latency}}, 1, latency},
		{"in", &Simulation{In: impair.Config{Latency: latency}}, 1, latency},
		{"both", &Simulation{Out: impair.Config{Latency: latency}, In: impair.Config{Latency: latency}}, 1, 2 * latency},
		{"twice", &Simulation{Out: impair.Config{Duplicate: 1}}, 2, 0},
		{"off", nil, 1, 0},
	} {
		st.do(Command{Kind: CmdSimulate, Simulation: c.s})
		st.do(Command{Kind: CmdPeerPunch, Peer: 7}) // a marker: the command before it is done
		st.want("punch 7")
		start := time.Now()
		st.say(c.name)
		for range c.most {
			st.want("datagram 0 " + c.name)
		}
		if took := time.Since(start); took < c.took {
			t.Errorf("%s came after %v", c.name, took)
		}
		st.quiet()
	}
	st.do(Command{Kind: CmdSimulate, Simulation: &Simulation{Out: impair.Config{Loss: 1}}})
	st.do(Command{Kind: CmdPeerPunch, Peer: 7})
	st.want("punch 7")
	st.say("gone")
	st.do(Command{Kind: CmdPeerPunch, Peer: 7})
	st.want("punch 7")
	st.quiet()
}

// Of direct paths only: what goes to the server, or through its relay, passes.
func TestSimulationOfDirectPaths(t *testing.T) {
	st := newStage(t, Config{}, nil).play()
	lost := impair.Config{Loss: 1}
	for _, s := range []*Simulation{{Out: lost, OutDirect: true}, {In: lost, InDirect: true}} {
		st.do(Command{Kind: CmdSimulate, Simulation: s})
		st.do(Command{Kind: CmdPeerPunch, Peer: 7})
		st.want("punch 7")
		st.say("\x80 a packet to another player")
		st.say("\x44 a relayed packet")
		st.want("datagram 0 \x44 a relayed packet")
		st.quiet()
	}
}

// Switched off, what is under way still comes in its time; then nothing of the simulator is left.
func TestSimulationOff(t *testing.T) {
	st := newStage(t, Config{}, nil).play()
	st.do(Command{Kind: CmdSimulate, Simulation: &Simulation{Out: impair.Config{Latency: 30 * time.Millisecond}}})
	st.do(Command{Kind: CmdPeerPunch, Peer: 7})
	st.want("punch 7")
	st.say("slow")
	st.do(Command{Kind: CmdPeerPunch, Peer: 7})
	st.want("punch 7")
	st.do(Command{Kind: CmdSimulate})
	st.do(Command{Kind: CmdPeerPunch, Peer: 7})
	st.want("punch 7")
	st.say("quick")
	st.want("datagram 0 quick")
	st.want("datagram 0 slow")
	st.Close()
	if st.want("close"); st.owner.sim.out != nil || st.owner.sim.in != nil {
		t.Error("the simulator is still there")
	}
}

// A goodbye gets its time on a slow network: it leaves before the sockets close.
func TestSimulationLetsGoodbyesArrive(t *testing.T) {
	other, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	st := newStage(t, Config{}, nil).play()
	st.do(Command{Kind: CmdSimulate, Simulation: &Simulation{Out: impair.Config{Latency: 50 * time.Millisecond}}})
	st.engine.set(st.QueueHost, func() {
		st.engine.packets = []packet{{endpoint.Transmit{To: other.LocalAddr().(*net.UDPAddr).AddrPort()}, "goodbye"}}
	})
	st.do(Command{Kind: CmdPeerPunch, Peer: 7})
	st.want("punch 7") // the datagram is under way, or goes in the last step
	st.Close()
	_ = other.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 100)
	if n, err := other.Read(b); err != nil || string(b[:n]) != "goodbye" {
		t.Errorf("got %q, %v", b[:n], err)
	}
}

// What can't be simulated is refused with a sentence, and changes nothing.
func TestSimulationRefused(t *testing.T) {
	st := newStage(t, Config{}, nil).play()
	st.do(Command{Kind: CmdSimulate, Simulation: &Simulation{Out: impair.Config{Loss: 2}}})
	if ev := st.event(api.EventLog); ev.Code != logError || !strings.Contains(ev.Text, "loss 2") {
		t.Errorf("got %+v", ev)
	}
	st.say("through")
	st.want("datagram 0 through")
}
