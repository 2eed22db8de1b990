//go:build !linux || race

package forward

// memory is room for n values without pointers. The race detector watches Go's own memory only.
func memory[T, O any](n int, _ *O) []T { return make([]T, n) }
