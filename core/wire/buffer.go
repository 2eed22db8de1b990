package wire

import (
	"encoding/binary"
	"net/netip"
)

// Reader consumes a received layout front to back. A short or malformed field makes every later read return zero and
// Err report true, so a parser checks once, at its end. It never allocates and never panics.
type Reader struct {
	b   []byte
	bad bool
}

// NewReader reads b, which it borrows; slices it returns alias b.
func NewReader(b []byte) Reader { return Reader{b: b} }

// Err reports whether any read so far found too few bytes or a bad value.
func (r *Reader) Err() bool { return r.bad }

// Fail marks the layout as malformed.
func (r *Reader) Fail() { r.bad, r.b = true, nil }

// Len is the number of bytes not read yet.
func (r *Reader) Len() int { return len(r.b) }

// Rest takes everything that is left.
func (r *Reader) Rest() []byte { return r.Take(len(r.b)) }

// Take takes n bytes.
func (r *Reader) Take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.Fail()
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

// Copy fills dst; on a short buffer dst keeps its old bytes.
func (r *Reader) Copy(dst []byte) { copy(dst, r.Take(len(dst))) }

func (r *Reader) U8() uint8 {
	if p := r.Take(1); p != nil {
		return p[0]
	}
	return 0
}

func (r *Reader) U16() uint16 {
	if p := r.Take(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (r *Reader) U32() uint32 {
	if p := r.Take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (r *Reader) U64() uint64 {
	if p := r.Take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// Varint reads an unsigned LEB128 number as encoding/binary writes it. A non-minimal or overlong form is malformed, so
// that one number has one encoding.
func (r *Reader) Varint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || (n > 1 && r.b[n-1] == 0) {
		r.Fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// Bytes8 reads a length byte and that many bytes.
func (r *Reader) Bytes8() []byte { return r.Take(int(r.U8())) }

// Bytes16 reads a 16-bit length and that many bytes.
func (r *Reader) Bytes16() []byte { return r.Take(int(r.U16())) }

// Addr reads an address and port: family (4 or 6, 0 for none), address bytes, port.
func (r *Reader) Addr() netip.AddrPort {
	switch r.U8() {
	case 0:
		return netip.AddrPort{}
	case 4:
		var a [4]byte
		r.Copy(a[:])
		return netip.AddrPortFrom(netip.AddrFrom4(a), r.U16())
	case 6:
		var a [16]byte
		r.Copy(a[:])
		ip := netip.AddrFrom16(a)
		if ip.Is4In6() {
			r.Fail()
		}
		return netip.AddrPortFrom(ip, r.U16())
	}
	r.Fail()
	return netip.AddrPort{}
}

// AppendAddr writes what Reader.Addr reads. An invalid address is written as "none"; zones are dropped.
func AppendAddr(b []byte, a netip.AddrPort) []byte {
	ip := a.Addr().Unmap()
	switch {
	case ip.Is4():
		v := ip.As4()
		b = append(append(b, 4), v[:]...)
	case ip.Is6():
		v := ip.As16()
		b = append(append(b, 6), v[:]...)
	default:
		return append(b, 0)
	}
	return binary.BigEndian.AppendUint16(b, a.Port())
}

// AppendBytes8 writes a length byte and p, which must be at most 255 bytes.
func AppendBytes8(b, p []byte) []byte { return append(append(b, uint8(len(p))), p...) }

// AppendBytes16 writes a 16-bit length and p, which must be at most 65535 bytes.
func AppendBytes16(b, p []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(p))), p...)
}
