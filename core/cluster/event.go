package cluster

import "github.com/musubi-p2p/musubi/core/rendezvous"

// Event is what the hub is to do or to tell.
type Event struct {
	Kind    EventKind
	Ref     rendezvous.LinkRef // whose it is; a guest's has a Node
	Resumed bool               // GuestUp: the member may be known
	Quiet   bool               // GuestUp: nothing is to be told before its Rejoin
	Profile []byte             // GuestUp: a Profile signal, may be empty
	Signal  []byte             // GuestUp, Guest, Tell: the signal. NotFound, Unavailable, Restore: the one that asked
	Room    uint64
	Code    string
	Epoch   uint32
	Body    []byte // Handover, Asked, Answered
	Node    uint32 // Handover, Asked
	ID      uint64 // Asked, Answered: the question's
	OK      bool
}

// EventKind tells what an Event is.
type EventKind uint8

const (
	GuestUp      EventKind = iota + 1 // a client of another node comes to our rooms: LinkUp, then profile and signal
	GuestSays                         // a signal of such a client
	GuestMoved                        // its address changed
	GuestLost                         // its link is lost: grace runs
	GuestGone                         // it said goodbye
	Tell                              // a signal for our client Ref
	NotFound                          // the room that our client asked for by Signal does not exist, or not with it in it
	Unavailable                       // the same can't be answered now: it may ask again
	RoomHere                          // the room that our client asked for by Signal is here by now
	Restore                           // we own that room from now on, in Epoch: build it from Signal, a Rejoin of our client Ref
	Reserved                          // our new room's key: OK made; Taken: another room has the code; else: not possible now
	Taken                             // see Reserved
	RoomTaken                         // our room has another owner: drop it
	HandoverCame                      // build Body's room, ours in Epoch
	HandoverDone                      // Room: OK taken by the other node, and to be dropped; else nobody took it
	Asked                             // a question of Node's: answer with Answer
	Answered                          // an answer to ours
	HalfCame                          // what Node says of a relayed pair, in Body
	NodeUp                            // Node, by the name Code, is alive
	NodeDown                          // it is not, any more
	Cut                               // without a bus for CutAfter: tell clients to move
)

// NextEvent takes the next event.
func (n *Node) NextEvent() (Event, bool) {
	if len(n.events) == 0 {
		n.events = nil
		return Event{}, false
	}
	e := n.events[0]
	n.events = n.events[1:]
	return e, true
}

func (n *Node) event(e Event) { n.events = append(n.events, e) }
