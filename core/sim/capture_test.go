package sim

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/musubi-p2p/musubi/core/natsim"
	"github.com/musubi-p2p/musubi/core/websocket"
)

// capture writes what worlds say, and the secrets that it takes to read it, as lines of JSON for core/wire/decoder. Test
// code only: secrets are what the worlds' sources gave, so that the product has no way to tell them.
type capture struct {
	t            *testing.T
	out          *bufio.Writer
	story        string
	worlds, most int // of the story so far, and how many are taken
}

// worldDatagrams bounds what is taken of one world. What was said up to any moment can be read without the rest.
const worldDatagrams = 4000

func (c *capture) line(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }

// listen is born's.
func (c *capture) listen(w *World) {
	if c.worlds++; c.worlds > c.most {
		return
	}
	c.line(`{"world":"%s %d"}`, c.story, c.worlds)
	left := worldDatagrams
	open := map[uint32]bool{}
	w.ears = &ears{
		secret: func(b []byte) {
			if len(b) == 32 && left > 0 {
				c.line(`{"secret":"%x"}`, b)
			}
		},
		master:  func(b [32]byte) { c.line(`{"master":"%x"}`, b) },
		roomKey: func(room uint64, key [32]byte) { c.line(`{"room":"%d","key":"%x"}`, room, key) },
		datagram: func(p natsim.Packet) {
			if left--; left >= 0 {
				c.line(`{"from":"%v","to":"%v","data":"%x"}`, p.Src, p.Dst, p.Data)
			}
		},
		stream: func(number uint32, end int, b []byte) {
			if left--; left < 0 {
				return
			}
			if !open[number] {
				open[number] = true
				c.upgrade(number)
			}
			c.line(`{"stream":%d,"end":%d,"data":"%x"}`, number, end, framed(end, b))
		},
	}
}

// framed is what core/netio would write to the connection for a datagram.
func framed(end int, b []byte) []byte {
	if end > 0 {
		return websocket.AppendFrame(nil, websocket.Binary, b, nil)
	}
	return websocket.AppendFrame(nil, websocket.Binary, b, &[4]byte{1, 2, 3, byte(len(b))})
}

// upgrade is what both ends write first.
func (c *capture) upgrade(number uint32) {
	request := websocket.AppendRequest(nil, "192.0.2.1", [16]byte{byte(number)})
	c.line(`{"stream":%d,"end":0,"data":"%x"}`, number, request)
	r, _, err := websocket.ParseRequest(request)
	if err != nil {
		c.t.Error(err)
	}
	c.line(`{"stream":%d,"end":1,"data":"%x"}`, number, websocket.AppendResponse(nil, &r))
}

// others is what no world of the simulator sends: discovery in a local network, and the end of a WebSocket.
func (c *capture) others() {
	c.line(`{"world":"local network"}`)
	var said [][]byte
	key := tellLAN(c.t, func(b []byte) { said = append(said, b) })
	c.line(`{"lan":"%x"}`, key)
	for _, b := range said {
		c.line(`{"data":"%x"}`, b)
	}
	c.upgrade(1)
	for end, key := range []*[4]byte{{1, 2, 3, 4}, nil} {
		c.line(`{"stream":1,"end":%d,"data":"%x"}`, end, websocket.AppendClose(nil, websocket.StatusGoingAway, key))
	}
}

// leastNode is the version of Node that the decoder's JavaScript needs.
const leastNode = 18

func nodeProgram(t *testing.T) string {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node (nodejs) is not installed: the decoder of docs/PROTOCOL.md can't run")
	}
	version, err := exec.Command(node, "--version").Output()
	major := 0
	if _, scan := fmt.Sscanf(string(version), "v%d.", &major); err != nil || scan != nil || major < leastNode {
		t.Skipf("node is %q, the decoder of docs/PROTOCOL.md needs version %d (%v)", version, leastNode, err)
	}
	return node
}

// A decoder that was written from docs/PROTOCOL.md alone explains every byte that worlds of every kind exchange.
func TestCaptureIsWhatTheDocumentSays(t *testing.T) {
	node := nodeProgram(t)
	path := filepath.Join(t.TempDir(), "capture.jsonl")
	if keep := os.Getenv("CAPTURE"); keep != "" {
		path = keep
	}
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	c := &capture{t: t, out: bufio.NewWriter(file)}
	born = c.listen
	defer func() { born = nil }()
	for _, s := range []struct {
		name   string
		worlds int
		play   func(*testing.T)
	}{
		{"password", 1, TestRoomPassword}, {"owners", 1, TestOwnersWorkOverABadLink}, {"kick", 1, TestKickCutsConnections},
		{"lobby", 1, TestLobby}, {"two nodes", 1, TestPlayersOfTwoNodesMeet}, {"room's node dies", 1, TestRoomsNodeDies},
		{"drain", 1, TestNodeDrains}, {"relay's node dies", 1, TestRelaysNodeDies}, {"refusals", 2, TestRefusals},
		{"IPv6", 1, TestIPv6BesideHopelessIPv4}, {"privacy", 2, TestRelayOnlyPlayersAddressesStayHidden}, {"consent", 1, TestConsentNeedsBothGames},
		{"identity", 1, TestHonestPlayersWithCertificates}, {"outcomes", 1, TestServerLearnsOutcomes}, {"blocked", 1, TestUDPBlocked},
		{"messages", 1, tellMessages}, {"numbers", 1, tellNumbers}, {"owners", 1, tellOwners}, {"ports", 5, tellPorts}, {"strangers", 1, tellStrangers},
		{"credit", 1, tellCredit}, {"post-quantum", 5, TestPostQuantumKeysRequired}, {"turns", 1, TestCampaignsTakeTurns}, {"poison", 1, TestFreshSocketsHealPoison}, {"reboot", 1, TestHuntIsRepeated},
	} {
		c.story, c.worlds, c.most = s.name, 0, s.worlds
		s.play(t)
	}
	born = nil
	c.others()
	if err := c.out.Flush(); err != nil {
		t.Fatal(err)
	}
	file.Close()
	out, err := exec.Command(node, "../wire/decoder/main.mjs", "../../docs/PROTOCOL.md", "../../docs/protocol-vectors.json", path).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Log(strings.TrimSpace(string(out)))
}
