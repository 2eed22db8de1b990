package node

import "github.com/musubi-p2p/musubi/core/secure"

// passwordKeys computes keys of room passwords, one at a time, in a goroutine: one takes tens of milliseconds and 19 MiB.
type passwordKeys struct {
	result chan passwordKey // nonnil: one is being computed
}

type passwordKey struct {
	room uint64
	key  [32]byte
	err  error
}

// derivePassword starts what the endpoint asks for; while one key is computed the next is not asked for.
func (o *owner) derivePassword() {
	if o.password.result != nil {
		return
	}
	d, ok := o.engine.NextDerivation()
	if !ok {
		return
	}
	result := make(chan passwordKey, 1)
	o.password.result = result
	Spawn(func() {
		defer o.loop.Wake()
		Trouble("password")
		key := secure.RoomKey(d.Password, d.Room)
		clear(d.Password)
		result <- passwordKey{room: d.Room, key: key}
	}, func(text string) {
		result <- passwordKey{err: panicError(text)}
		o.loop.Wake()
	})
}

// takePassword passes a key on that is ready.
func (o *owner) takePassword() {
	select {
	case k := <-o.password.result: // of a nil channel nothing comes
		o.password.result = nil
		carryOn(k.err)
		o.engine.Derived(o.now, k.room, k.key)
	default:
	}
}

// stop waits until a computation under way has ended.
func (p *passwordKeys) stop() {
	if p.result != nil {
		<-p.result
		p.result = nil
	}
}
