package wire

import (
	"bytes"
	"testing"
)

func TestGoldenControl(t *testing.T) {
	c := Control{Kind: ControlOpened, Attempt: 2, Flags: ControlRandom, Low: 1024, High: 65535, Count: 512, LeadMillis: 410, Step: -1}
	want := unhex(t, "08"+"03"+"02"+"01"+"0400"+"ffff"+"0200"+"019a"+"ff")
	got := AppendProbe(nil, &Probe{HasControl: true, Control: c})
	if !bytes.Equal(got, want) {
		t.Fatalf("got %x, want %x", got, want)
	}
	if back, ok := ParseProbe(got); !ok || !back.HasControl || back.Control != c {
		t.Fatalf("parsed %+v %v", back, ok)
	}
	for n := range got {
		if _, ok := ParseProbe(got[:n]); ok {
			t.Errorf("%d of %d bytes accepted", n, len(got))
		}
	}
	for _, kind := range []byte{0, byte(controlCount)} {
		got[1] = kind
		if _, ok := ParseProbe(got); ok {
			t.Errorf("kind %d accepted", kind)
		}
	}
	if _, ok := ParseProbe(append(append([]byte{}, want...), want...)); ok {
		t.Error("two controls accepted")
	}
}
