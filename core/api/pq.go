package api

// PQ says whether a connection between players renews its keys with ML-KEM-768 beside X25519, so that who records its packets
// can't open them with a quantum computer later.
type PQ uint8

const (
	PQOn       PQ = 0 // if the other player does as well
	PQOff      PQ = 1 // with X25519 alone
	PQRequired PQ = 2 // players who don't are refused
)
