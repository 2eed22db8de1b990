//go:build race

package rudp

func init() { raced = true }
