//go:build linux

package main

import (
	"sync"
	"time"
)

// watchStalls notes how late this process is woken, until its result is called: so long the players could not have acted either.
func watchStalls() (most func() time.Duration) {
	const each = 10 * time.Millisecond
	var longest time.Duration
	var done sync.WaitGroup
	stop := make(chan struct{})
	done.Go(func() {
		for at := time.Now(); ; {
			select {
			case <-stop:
				return
			case <-time.After(each):
			}
			now := time.Now()
			longest = max(longest, now.Sub(at)-each)
			at = now
		}
	})
	return func() time.Duration {
		close(stop)
		done.Wait()
		return longest
	}
}
