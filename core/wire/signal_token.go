package wire

import "encoding/binary"

// Signals about access tokens:
//
//	client -> server                 server -> client
//	20 SetToken  token(len16)        90 TokenSet      code, text, seconds(32) that the token is good for
//	                                 91 TokenEnding   seconds(32) until the link ends, unless a SetToken comes
//
// TokenSet answers SetToken; with a code the link lives on under the token that it had.
const (
	SigSetToken    SignalType = 20
	SigTokenSet    SignalType = 90
	SigTokenEnding SignalType = 91
)

// appendTokenSignal writes a signal of this file; of another type, nothing.
func appendTokenSignal(b []byte, s *Signal) []byte {
	be := binary.BigEndian
	switch s.Type {
	case SigSetToken:
		b = AppendBytes16(b, s.Data)
	case SigTokenSet:
		b = AppendBytes8(be.AppendUint32(b, uint32(s.Code)), []byte(s.Text))
		b = be.AppendUint32(b, s.Request) // Request: seconds, as in TokenEnding
	case SigTokenEnding:
		b = be.AppendUint32(b, s.Request)
	}
	return b
}

// tokenSignal reads the fields of a signal of this file. ok is false if s.Type is none of them.
func (r *Reader) tokenSignal(s *Signal) (ok bool) {
	switch s.Type {
	case SigSetToken:
		s.Data = r.Bytes16()
	case SigTokenSet:
		s.Code, s.Text, s.Request = int32(r.U32()), string(r.Bytes8()), r.U32()
	case SigTokenEnding:
		s.Request = r.U32()
	default:
		return false
	}
	return true
}
