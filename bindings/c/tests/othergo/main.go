// Package main is somebody else's Go library in the same process: a runtime of its own, that allocates, collects and starts
// goroutines. Test only (two_go_test.c).
package main

import "C"

import (
	"runtime"
	"sync"
)

//export other_work
func other_work(rounds C.int) C.int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	sum := 0
	for i := range int(rounds) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			garbage := make([]int, 1000+i%1000)
			garbage[len(garbage)-1] = i
			mu.Lock()
			defer mu.Unlock()
			sum += garbage[len(garbage)-1]
		}()
	}
	wg.Wait()
	runtime.GC()
	return C.int(sum)
}

//export other_fault
func other_fault() (caught C.int) {
	defer func() {
		if recover() != nil {
			caught = 1
		}
	}()
	var none *int
	*none = 1
	return 0
}

func main() {}
