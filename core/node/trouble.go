//go:build !musubi_test_panic

package node

// Trouble is where the test build panics on demand (trouble_panic.go); here it is nothing.
func Trouble(string) {}
