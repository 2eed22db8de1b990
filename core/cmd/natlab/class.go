//go:build linux

package main

import (
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/matrix"
)

func classOf(a, b lab.Kind) matrix.Class { return matrix.ClassOf(string(a), string(b)) }

// demand is what every meeting of a class must come to. A class whose way is found by chance demands delivery alone of each:
// how many of its meetings must be direct is a goal of the class. SR × SR is out of everybody's reach, so that a direct
// path there is an accident of the laboratory's and no success.
func demand(a, b lab.Kind) verdict {
	switch {
	case classOf(a, b) == matrix.C1:
		return direct
	case a == lab.SR && b == lab.SR, classOf(a, b) == matrix.CUDP:
		return relay
	}
	return either
}
