//go:build !musubi_library

package cluster

// Built says that this program can be a node among others. The game's library holds a hub for play in the local network, and
// leaves everything out that only nodes do: capi/library.cmake sets the tag.
const Built = true
