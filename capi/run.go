//go:build cgo && !musubi_test_echo

package main

import (
	"github.com/musubi-p2p/musubi/core/netio"
	"github.com/musubi-p2p/musubi/core/node"
)

func runOwner(h *host, cfg node.Config, loop *netio.Loop) { node.Run(h, cfg, loop) }
