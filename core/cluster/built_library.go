//go:build musubi_library

package cluster

// Built says that this program is the game's library, whose hub is alone for ever: what only nodes do is not linked.
const Built = false
