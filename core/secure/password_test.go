package secure

import "testing"

// The same password and room give the same key; everything else another. The mixed secret depends on both of its parts.
func TestRoomPassword(t *testing.T) {
	key := RoomKey([]byte("sesame"), 7)
	if key != RoomKey([]byte("sesame"), 7) {
		t.Error("not the same twice")
	}
	for _, other := range [][32]byte{RoomKey([]byte("sesam"), 7), RoomKey([]byte("sesame"), 8), {}} {
		if other == key || MixPassword([32]byte{1}, other) == MixPassword([32]byte{1}, key) {
			t.Errorf("%x twice", other)
		}
	}
	if MixPassword([32]byte{1}, key) == MixPassword([32]byte{2}, key) || MixPassword([32]byte{1}, key) == [32]byte{1} {
		t.Error("the introduction's secret does not count")
	}
}
