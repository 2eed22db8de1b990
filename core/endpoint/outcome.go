package endpoint

import "github.com/musubi-p2p/musubi/core/api"

// tellOutcome tells the server whether a connection went direct, or why not: operators want to know who reaches whom. Each
// news once; that a direct connection falls back for a while is none.
func (e *Endpoint) tellOutcome(ev *api.Event) {
	i, ok := e.slots.lookup(ev.Peer)
	if !ok || ev.Kind == api.EventRouteChanged && !ev.Route.Direct() || ev.Kind == api.EventPunch && ev.Code == api.OK {
		return
	}
	s, code := &e.slots.list[i], ev.Code
	if ev.Kind == api.EventRouteChanged {
		code = api.OK
	}
	if s.outcomeTold && (s.outcome == code || s.outcome == api.OK) {
		return
	}
	s.outcome, s.outcomeTold = code, true
	e.link.Rooms().Outcome(s.member, code)
	e.link.Flush(e.clock)
}
