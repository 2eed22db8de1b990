package sim

import (
	"fmt"
	"github.com/musubi-p2p/musubi/core/natsim"
	"github.com/musubi-p2p/musubi/core/rudp"
	"net/netip"
	"os"
	"time"
)

func dbg(w *World, a, b *Player) {
	if os.Getenv("SHOW") != "3" {
		return
	}
	w.tap = func(p natsim.Packet) {
		d := w.now.Sub(Start)
		rudp.Debug = d > 16*time.Second && d < 25*time.Second
		if false {
			fmt.Println(d, p.Src, p.Dst, len(p.Data), p.Data[0], w.cuts[[2]netip.Addr{p.Src.Addr(), p.Dst.Addr()}])
		}
	}
}
