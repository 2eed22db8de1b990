//go:build linux

package load

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/pion/stun/v2"
)

// TURN, RFC 8656, as far as a client without credentials needs it: an allocation, and a channel to the other player.
const (
	channel            = 0x4000
	methodAllocate     = stun.Method(0x003)
	methodChannelBind  = stun.Method(0x009)
	attrChannelNumber  = stun.AttrType(0x000C)
	attrXORPeerAddress = stun.AttrType(0x0012)
	attrXORRelayed     = stun.AttrType(0x0016)
	attrRequestedTrans = stun.AttrType(0x0019)
	attrLifetime       = stun.AttrType(0x000D)
	transportUDP       = 17
	channelHead        = 4 // number(16) length(16)
	lifetimeSeconds    = 3600
)

// TURN is a pair of which one player has an allocation at the server and the other sends to it plainly: a packet passes the
// server once each way, as with Musubi.
func TURN(at netip.AddrPort) (p Pair, err error) {
	for i := range p {
		if p[i], err = newEnd(); err != nil {
			return p, err
		}
	}
	if err = p[0].connect(at); err != nil {
		return p, err
	}
	relayed, err := allocate(p[0])
	if err != nil {
		return p, fmt.Errorf("allocate at %v: %w", at, err)
	}
	if err = p[1].connect(relayed); err != nil {
		return p, err
	}
	if err = bindChannel(p[0], p[1].local); err != nil {
		return p, fmt.Errorf("bind a channel at %v: %w", at, err)
	}
	p[0].head = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, channel), Payload)
	p[0].skip = channelHead
	return p, nil
}

func allocate(e *End) (relayed netip.AddrPort, err error) {
	lifetime := binary.BigEndian.AppendUint32(nil, lifetimeSeconds)
	answer, err := transact(e, methodAllocate, stun.RawAttribute{Type: attrRequestedTrans, Value: []byte{transportUDP, 0, 0, 0}},
		stun.RawAttribute{Type: attrLifetime, Value: lifetime})
	if err != nil {
		return relayed, err
	}
	var a stun.XORMappedAddress
	if err := a.GetFromAs(answer, attrXORRelayed); err != nil {
		return relayed, err
	}
	ip, _ := netip.AddrFromSlice(a.IP)
	return netip.AddrPortFrom(ip.Unmap(), uint16(a.Port)), nil
}

func bindChannel(e *End, to netip.AddrPort) error {
	m, err := stun.Build(stun.TransactionID, stun.NewType(methodChannelBind, stun.ClassRequest),
		stun.RawAttribute{Type: attrChannelNumber, Value: []byte{channel >> 8, 0, 0, 0}})
	if err != nil {
		return err
	}
	peer := stun.XORMappedAddress{IP: to.Addr().AsSlice(), Port: int(to.Port())}
	if err := peer.AddToAs(m, attrXORPeerAddress); err != nil {
		return err
	}
	_, err = exchange(e, m)
	return err
}

func transact(e *End, method stun.Method, attrs ...stun.Setter) (*stun.Message, error) {
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, attrs...)...)
	if err != nil {
		return nil, err
	}
	return exchange(e, m)
}

func exchange(e *End, m *stun.Message) (*stun.Message, error) {
	var answer *stun.Message
	err := e.ask(m.Raw, func(b []byte) bool {
		got := &stun.Message{Raw: append([]byte(nil), b...)}
		if got.Decode() != nil || got.TransactionID != m.TransactionID {
			return false
		}
		answer = got
		return true
	})
	if err == nil && answer.Type.Class != stun.ClassSuccessResponse {
		err = fmt.Errorf("refused: %v", answer)
	}
	return answer, err
}
