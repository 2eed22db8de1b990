//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("outage needs Linux: it makes network namespaces")
	os.Exit(3)
}
