package nat

import (
	"net/netip"
	"testing"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/natsim"
)

const (
	eim, adm, apdm = api.EndpointIndependent, api.AddressDependent, api.AddressAndPortDependent
	adf, apdf      = api.AddressDependent, api.AddressAndPortDependent
)

var secondAddr = netip.MustParseAddr("203.0.113.2")

// T1 with a second address, and T3: what is found of every allocation, with loss as well.
func TestAllocationIsMeasured(t *testing.T) {
	for name, c := range map[string]struct {
		box  natsim.Config
		want api.NATInfo // Mapping, Certain, Allocation, PortStep
	}{
		"symmetric, counting": {natsim.Config{Mapping: apdm, Filtering: apdf, Alloc: natsim.Sequential}, api.NATInfo{Mapping: apdm, Certain: true, Allocation: api.AllocSequential, PortStep: 1}},
		"symmetric, random":   {natsim.Config{Mapping: apdm, Filtering: apdf, Alloc: natsim.Random}, api.NATInfo{Mapping: apdm, Certain: true, Allocation: api.AllocRandom}},
		"address-dependent":   {natsim.Config{Mapping: adm, Filtering: adf, Alloc: natsim.Random}, api.NATInfo{Mapping: adm, Certain: true, Allocation: api.AllocRandom}},
		"random, but a cone":  {natsim.Config{Mapping: eim, Filtering: adf, Alloc: natsim.Random}, api.NATInfo{Mapping: eim, Certain: true, Allocation: api.AllocRandom}},
		"plain":               {natsim.Config{Mapping: eim, Filtering: apdf}, api.NATInfo{Mapping: eim, Certain: true, Allocation: api.AllocPreserved}},
	} {
		for _, loss := range []float64{0, 0.02, 0.1} {
			wrong := 0
			const trials = 50
			for seed := range uint64(trials) {
				o := officeBehind(c.box, seed)
				o.loss = loss
				o.server.Alternate, o.profiler.cfg.Alternate = secondAddr, secondAddr
				info, _ := o.measure(t)
				if o.sent > 40 || o.leaked() != 0 {
					t.Fatalf("%s: %d packets, %d sockets leaked", name, o.sent, o.leaked())
				}
				if info.Mapping != c.want.Mapping || info.Certain != c.want.Certain || info.Allocation != c.want.Allocation ||
					info.PortStep != c.want.PortStep || info.Filtering != c.box.Filtering {
					wrong++
					t.Logf("%s, loss %v, seed %d: %+v", name, loss, seed, info)
				}
			}
			if wrong > int(loss*trials)/2 {
				t.Errorf("%s at loss %v: %d of %d wrong", name, loss, wrong, trials)
			}
		}
	}
}

// A port that nothing reaches, on both addresses: the second address is waited for less long than the first one's ports,
// and its deadline must not stand still meanwhile.
func TestAllocationWithABlockedPort(t *testing.T) {
	o := officeBehind(natsim.Config{Mapping: eim, Filtering: apdf}, 1)
	o.server.Alternate, o.profiler.cfg.Alternate = secondAddr, secondAddr
	o.blocked = 3479
	if info, took := o.measure(t); info.Mapping != eim || info.Certain || took > profileLimit || o.leaked() != 0 {
		t.Fatalf("%+v after %v", info, took)
	}
}

// Without the second address a cone with random ports may be address-dependent, and says so.
func TestOneAddressLeavesADoubt(t *testing.T) {
	o := officeBehind(natsim.Config{Mapping: adm, Filtering: adf, Alloc: natsim.Random}, 1)
	info, _ := o.measure(t)
	if info.Mapping != eim || info.Certain || info.Allocation != api.AllocRandom {
		t.Fatalf("%+v", info)
	}
}

// T4 and T5 on routers that keep what strangers send, and on those that don't.
func TestPoisonAndDepthAreMeasured(t *testing.T) {
	for preset, want := range map[string]api.Answer{"PR": api.AnswerNo, "PRx": api.AnswerYes, "FW": api.AnswerNo, "AR": api.AnswerNo, "SR": api.AnswerUnknown} {
		for _, loss := range []float64{0, 0.1} {
			wrong := 0
			for seed := range uint64(50) {
				o := newOffice(preset, seed)
				o.loss = loss
				info, _ := o.measure(t)
				if info.Poisonable != want {
					wrong++
				}
				if strict := preset != "AR" && preset != "SR"; loss == 0 && strict != (info.OpenerTTL == 2) {
					t.Fatalf("%s: TTL %d opens it", preset, info.OpenerTTL)
				}
			}
			if loss == 0 && wrong > 0 || wrong > 10 {
				t.Errorf("%s at loss %v: %d of 50 wrong", preset, loss, wrong)
			}
		}
	}
}

func TestStepOf(t *testing.T) {
	for _, c := range []struct {
		ports []uint16
		step  int8
		ok    bool
	}{
		{[]uint16{5, 6, 7, 8, 9, 10, 11, 12}, 1, true},
		{[]uint16{5, 6, 7, 9, 10, 13, 14, 15}, 1, true}, // other hosts' flows in between
		{[]uint16{65533, 65534, 65535, 1024, 1025, 1026, 1027, 1028}, 1, true},
		{[]uint16{900, 898, 896, 894, 890, 888, 886, 884}, -2, true},
		{[]uint16{100, 120, 140, 160, 180, 200, 220, 240}, 0, false}, // nobody counts by 20
		{[]uint16{20017, 21999, 20003, 20900, 21500, 20444, 20445, 20446}, 0, false},
		{[]uint16{7, 7, 7, 7}, 0, false},
	} {
		if step, ok := stepOf(c.ports); step != c.step && c.ok || ok != c.ok {
			t.Errorf("%v: step %d %v", c.ports, step, ok)
		}
	}
}

func TestRangeOf(t *testing.T) {
	for _, c := range []struct {
		ports     []uint16
		kind      api.Allocation
		low, high uint16
	}{
		{[]uint16{20010, 22000, 21000}, api.AllocBlock, 22000 - 2047, 20010 + 2047},
		{[]uint16{1100, 2000}, api.AllocBlock, 1024, 1100 + 1023},
		{[]uint16{65000, 65535}, api.AllocBlock, 65535 - 1023, 65535},
		{[]uint16{50100, 65500, 60000}, api.AllocBlock, 65500 - 16383, 65535},
		{[]uint16{2000, 65500, 60000}, api.AllocRandom, 1024, 65535},
	} {
		if kind, low, high := rangeOf(c.ports); kind != c.kind || low != c.low || high != c.high {
			t.Errorf("%v: %v %d-%d", c.ports, kind, low, high)
		}
	}
}
