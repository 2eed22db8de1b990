package rendezvous

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// What one node does not know alone: public rooms, and users. Each question is answered here first; what other nodes may
// add is asked of all of them at once:
//
//	asking node   NextQuestion -> to every other node         HandleAnswer(id, answer) <- from each
//	asked node    Answer(question), at once
//
// A positive answer about a user ends the wait, as does the last node's answer, or GatherTime.

// QuestionKind tells what a Question asks.
type QuestionKind uint8

const (
	AskRooms  QuestionKind = 1 // App, Prefix, After, Most -> Rooms, More
	AskUser   QuestionKind = 2 // App, User -> Presence
	AskInvite QuestionKind = 3 // App, User, From, Code, Data: deliver an invitation -> Code
)

// GatherTime is how long other nodes' answers count (docs/CLUSTER.md, "Ask, Tell").
const GatherTime = 200 * time.Millisecond

// maxGathering bounds the questions under way; with more, only this node's own answer is given.
const maxGathering = 4096

// Question is for other nodes. Its slices are never written to again.
type Question struct {
	ID     uint64
	Kind   QuestionKind
	App    string
	Prefix []byte // AskRooms: how the metadata begins
	After  []byte // AskRooms: the cursor of the last room that is known
	Most   uint8  // AskRooms
	User   string // AskUser, AskInvite
	From   string // AskInvite: the user who invites
	Code   string // AskInvite: the room's
	Data   []byte // AskInvite: payload
}

// Answer is one node's.
type Answer struct {
	Presence uint8    // AskUser: wire.UserOffline and so on
	Code     api.Code // AskInvite
	Rooms    []Listed // AskRooms, in order
	More     bool     // AskRooms: there are others behind them
}

// scatter holds the questions that wait for other nodes.
type scatter struct {
	nodes   int // others that are asked; 0: this node is alone
	last    uint64
	waiting map[uint64]*gathering
	out     fifo[Question]
}

// gathering is a question that waits, and the best answer so far.
type gathering struct {
	armed
	q       Question
	member  uint64
	request uint32
	left    int // nodes that have not answered
	best    Answer
	until   time.Time // zero: over
}

func (g *gathering) due() time.Time                { return g.until }
func (g *gathering) fire(s *Server, now time.Time) { s.gathered(g) }

// SetNodes tells how many other nodes there are to ask.
func (s *Server) SetNodes(others int) { s.scatter.nodes = others }

// NextQuestion takes the next question for every other node.
func (s *Server) NextQuestion() (Question, bool) { return s.scatter.out.take() }

// Answer answers another node's question from what this node has. It may cause signals: an invitation is delivered.
func (s *Server) Answer(now time.Time, q *Question) Answer {
	now = s.clock(now)
	switch q.Kind {
	case AskRooms:
		rooms, more := s.page(q.App, q.Prefix, q.After, min(int(q.Most), api.MaxListPage))
		return Answer{Rooms: rooms, More: more}
	case AskUser:
		return Answer{Presence: s.where(userKey{q.App, q.User})}
	case AskInvite:
		return Answer{Code: s.invite(now, q)}
	}
	return Answer{}
}

// HandleAnswer takes another node's answer to the question with that id; a late one is nobody's.
func (s *Server) HandleAnswer(now time.Time, id uint64, a *Answer) {
	s.clock(now)
	g := s.scatter.waiting[id]
	if g == nil {
		return
	}
	g.add(a)
	if g.left--; g.left <= 0 || g.enough() {
		s.gathered(g)
	}
}

// gather answers a member's question, by itself or with the other nodes' help.
func (s *Server) gather(now time.Time, m *member, request uint32, q Question) {
	g := &gathering{q: q, member: m.ref.Member, request: request, left: s.scatter.nodes, best: s.Answer(now, &q)}
	if g.left == 0 || g.enough() || len(s.scatter.waiting) >= maxGathering {
		s.gathered(g)
		return
	}
	s.scatter.last++
	g.q.ID, g.until = s.scatter.last, now.Add(GatherTime)
	s.scatter.waiting[g.q.ID] = g
	s.alarms.set(g)
	s.scatter.out.put(g.q)
}

// enough reports whether no other node can add anything.
func (g *gathering) enough() bool {
	switch g.q.Kind {
	case AskUser:
		return g.best.Presence == wire.UserInRoom
	case AskInvite:
		return g.best.Code == api.OK || g.best.Code == api.ErrAlready // in the room here, whatever its home says
	}
	return false
}

// add takes an answer into the best one.
func (g *gathering) add(a *Answer) {
	switch g.q.Kind {
	case AskRooms:
		g.best.merge(a, int(g.q.Most))
	case AskUser:
		g.best.Presence = max(g.best.Presence, min(a.Presence, wire.UserInRoom))
	case AskInvite:
		if g.best.Code == api.ErrUserOffline || a.Code == api.OK {
			g.best.Code = a.Code
		}
	}
}

// gathered tells the member who asked, if it is still there.
func (s *Server) gathered(g *gathering) {
	g.until = time.Time{}
	delete(s.scatter.waiting, g.q.ID)
	m := s.members[g.member]
	if m == nil {
		return
	}
	switch g.q.Kind {
	case AskRooms:
		s.tellRooms(m, g.request, &g.best)
	case AskUser:
		s.send(m, wire.Signal{Type: wire.SigUserIs, Request: g.request, Flags: uint32(g.best.Presence)})
	case AskInvite:
		text := ""
		if g.best.Code != api.OK {
			text = inviteText(g.best.Code)
		}
		s.done(m, g.request, g.best.Code, text)
	}
}
