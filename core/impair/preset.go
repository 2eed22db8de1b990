package impair

import "time"

// Link is one player's way into the internet, seen from the player. A connection between two players passes one's Out and
// the other's In.
type Link struct {
	Name    string
	Out, In Config
	About   string // a sentence for people
}

// Presets are round figures for what games meet, nobody's certificate. Where a figure is someone's, it is said.
func Presets() []Link {
	const mbit = 1_000_000
	both := func(name string, c Config, about string) Link { return Link{name, c, c, about} }
	access := func(name string, c Config, out, in int64, about string) Link {
		l := both(name, c, about)
		l.Out.Rate, l.In.Rate = out, in
		return l
	}
	return []Link{
		both("wifi", Config{Latency: 2 * ms, Jitter: 3 * ms, KeepOrder: true, Loss: 0.001},
			"good Wi-Fi: 2-5 ms, 0.1 % lost"),
		access("bad-wifi", Config{Latency: 5 * ms, Jitter: 30 * ms, KeepOrder: true, Loss: 0.03, Burst: 3, QueueTime: 200 * ms}, 8*mbit, 8*mbit,
			"crowded Wi-Fi: 5-35 ms, 3 % lost in runs of 3, 8 Mbit/s"),
		access("dsl", Config{Latency: 10 * ms, Jitter: ms, KeepOrder: true, QueueTime: 250 * ms}, 1*mbit, 10*mbit,
			"DSL: 10 ms, 1 Mbit/s up and 10 down behind a buffer of 250 ms"),
		access("4g", Config{Latency: 25 * ms, Jitter: 15 * ms, KeepOrder: true, Loss: 0.005, Burst: 2, QueueTime: 300 * ms}, 8*mbit, 20*mbit,
			"4G: 25-40 ms, 0.5 % lost in runs of 2, 8 Mbit/s up and 20 down"),
		// Rates and round trip are those of WebPageTest's "3G Fast".
		access("3g", Config{Latency: 75 * ms, Jitter: 40 * ms, KeepOrder: true, Loss: 0.01, Burst: 2, QueueTime: time.Second}, 768_000, 1_600_000,
			"3G: 75-115 ms, 1 % lost in runs of 2, 768 kbit/s up and 1.6 Mbit/s down behind a buffer of 1 s"),
		both("lossy", Config{Latency: 25 * ms, Loss: 0.05},
			"25 ms, 5 % lost, each datagram on its own: the benchmark's first link"),
		both("rough", Config{Latency: 25 * ms, Jitter: 10 * ms, Loss: 0.10},
			"25-35 ms with reordering, 10 % lost, each on its own: the benchmark's second link"),
		both("transatlantic", Config{Latency: 38 * ms, Jitter: 2 * ms, KeepOrder: true, Loss: 0.001},
			"London to New York: 38-40 ms, 0.1 % lost"),
		// 35,786 km up and down are 239 ms of light; the rest is coding and ground stations.
		access("satellite", Config{Latency: 280 * ms, Jitter: 20 * ms, KeepOrder: true, Loss: 0.005, Burst: 2, QueueTime: 500 * ms}, 3*mbit, 20*mbit,
			"geostationary satellite: 280-300 ms, 0.5 % lost in runs of 2, 3 Mbit/s up and 20 down"),
	}
}

// Preset finds a link by its name.
func Preset(name string) (l Link, ok bool) {
	for _, l := range Presets() {
		if l.Name == name {
			return l, true
		}
	}
	return Link{}, false
}

const ms = time.Millisecond
