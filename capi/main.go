// Package main is the C library: build with -buildmode=c-shared. The musubi_* functions are C (the .c files here) and work
// on rings in C memory; Go is the other end of those rings. The game's threads never enter Go (signals.c says why): the one
// exported Go function is called once per client, on a thread of the shim's own.
//
//	game ── musubi_send ──▶ command ring ──▶ host ──▶ node.Run ──▶ endpoint, sockets
//	game ◀── musubi_poll ◀── event ring ◀─── host ◀──┘
package main

/*
#cgo CFLAGS: -I${SRCDIR}/../include -O2 -fvisibility=hidden -Wall -Wextra -DMUSUBI_BUILDS_LIBRARY
#cgo linux LDFLAGS: -lpthread
#cgo windows LDFLAGS: -lsynchronization
#cgo musubi_test_no_guard CFLAGS: -DMUSUBI_TEST_NO_SIGNAL_GUARD
#cgo musubi_test_call_go CFLAGS: -DMUSUBI_TEST_CALL_GO
#define MUSUBI_CGO 1
#include <stdlib.h>
#include "layout.h"
*/
import "C"

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/netio"
	"github.com/musubi-p2p/musubi/core/node"
	"github.com/musubi-p2p/musubi/core/secure"
)

// Defaults of musubi_config, for the whole process: the runtime is a guest in a game.
const (
	defaultThreads = 2
	defaultMemory  = 64 // MiB
)

func main() {} // never called in a shared library

//export musubiOwnerStart
func musubiOwnerStart(s *C.struct_musubi_slot, config *C.musubi_config) (code int32) {
	defer func() {
		if recover() != nil { // no panic crosses into C
			code = int32(api.ErrFailed)
		}
	}()
	node.Trouble("start")
	cfg, err := readConfig(config)
	if err != nil {
		var e *api.Error
		if errors.As(err, &e) {
			return int32(e.Code)
		}
		return int32(api.ErrValue)
	}
	bound.set(uint32(config.max_threads), uint32(config.memory_mib))
	loop, err := netio.NewLoopWithWake(int(s.wake_handle) - 1)
	if err != nil {
		return int32(api.ErrMemory)
	}
	if err := giveIdentity((*slot)(unsafe.Pointer(s)), &cfg.Endpoint); err != nil {
		loop.Close()
		return int32(api.ErrFailed)
	}
	h := newHost((*slot)(unsafe.Pointer(s)), func(block unsafe.Pointer) { C.free(block) })
	node.Spawn(func() {
		runOwner(h, cfg, loop)
		loop.Close()
		node.Trouble("end")
		h.end()
	}, h.crashed)
	return int32(api.OK)
}

// giveIdentity makes the client's key pair here, so that musubi_identity can tell the public half from the start.
func giveIdentity(s *slot, cfg *endpoint.Config) error {
	static, err := secure.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	cfg.Static = &static
	public := static.Public()
	for i := range s.identity {
		s.identity[i].Store(binary.LittleEndian.Uint64(public[8*i:]))
	}
	return nil
}

// readConfig copies what the client needs; the C side has checked sizes and ranges, but not contents.
func readConfig(c *C.musubi_config) (cfg node.Config, err error) {
	if c.server != nil {
		server, err := secure.ParseServerAddress(C.GoString(c.server))
		if err != nil {
			return cfg, err
		}
		if !server.HasKey {
			return cfg, api.NewError(api.ErrAddress, "the server address has no key")
		}
		cfg.SetServer(server)
	}
	if c.bind != nil {
		if cfg.Bind, err = netip.ParseAddrPort(C.GoString(c.bind)); err != nil {
			return cfg, api.NewError(api.ErrValue, "bind address: "+err.Error())
		}
	}
	cfg.Endpoint.App = "default"
	if c.app != nil {
		cfg.Endpoint.App = C.GoString(c.app)
	}
	if c.user != nil {
		cfg.Endpoint.User = C.GoString(c.user)
	}
	if c.token_size > 0 {
		cfg.Endpoint.Token = C.GoBytes(unsafe.Pointer(c.token), C.int(c.token_size))
	}
	cfg.Endpoint.Privacy = api.Privacy(c.privacy)
	if c.app_key != nil {
		key := [C.MUSUBI_APP_KEY_SIZE]byte(C.GoBytes(unsafe.Pointer(c.app_key), C.MUSUBI_APP_KEY_SIZE))
		cfg.Endpoint.AppKey = &key
	}
	cfg.Endpoint.ManualAccept = c.flags&C.MUSUBI_CONFIG_MANUAL_ACCEPT != 0
	cfg.Endpoint.ManualConnect = c.flags&C.MUSUBI_CONFIG_MANUAL_CONNECT != 0
	// A port of the router's would be for direct connections, of which a relay-only client has none.
	cfg.NoPortMapping = c.flags&C.MUSUBI_CONFIG_NO_PORT_MAPPING != 0 || c.privacy == C.MUSUBI_PRIVACY_RELAY_ONLY
	cfg.Endpoint.NoInvites = c.flags&C.MUSUBI_CONFIG_NO_INVITES != 0
	switch {
	case c.flags&C.MUSUBI_CONFIG_NO_PQ != 0:
		cfg.Endpoint.PQ = api.PQOff
	case c.flags&C.MUSUBI_CONFIG_REQUIRE_PQ != 0:
		cfg.Endpoint.PQ = api.PQRequired
	}
	cfg.Endpoint.SendBudget = int(c.send_budget)
	cfg.Endpoint.IdleTimeout = time.Duration(c.idle_timeout_ms) * time.Millisecond
	cfg.Endpoint.Punch = api.Aggressiveness(c.punch)
	cfg.Endpoint.PunchRate = int(c.punch_rate)
	return cfg, nil
}

// processBounds are what all clients of the process share: the last value that was set, or the default.
type processBounds struct {
	mu      sync.Mutex
	threads uint32
	memory  uint32 // MiB
}

var bound processBounds

func (b *processBounds) set(threads, memory uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if threads == 0 && b.threads == 0 {
		threads = defaultThreads
	}
	if memory == 0 && b.memory == 0 {
		memory = defaultMemory
	}
	if threads != 0 && threads != b.threads { // stops the world: only when it changes
		b.threads = threads
		runtime.GOMAXPROCS(min(int(threads), runtime.NumCPU()))
	}
	if memory != 0 && memory != b.memory {
		b.memory = memory
		debug.SetMemoryLimit(int64(memory) << 20)
	}
}

// cut shortens a text to at most max bytes of valid UTF-8.
func cut(text string, max int) string {
	if len(text) <= max && !strings.ContainsRune(text, 0) {
		return text
	}
	text = strings.ReplaceAll(text, "\x00", " ")
	return strings.ToValidUTF8(text[:min(len(text), max)], "")
}
