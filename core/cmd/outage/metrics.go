//go:build linux

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"time"
)

// What is read of the nodes' metrics.
const (
	ownedMetric   = "musubi_cluster_rooms_owned"
	leaseMetric   = "musubi_cluster_lease_age_seconds"
	refusedMetric = `musubi_drop_datagrams_total{reason="handshake_capacity"}`
)

// A lease is renewed each second.
const (
	leaseLate = 2                // whole seconds
	leaseCalm = 11 * time.Second // a second more than nodes wait before they take another for dead
)

// metrics asks a node what it counts; nothing if it does not answer.
func (c *cluster) metrics(n int) []byte {
	client := http.Client{Timeout: time.Second}
	answer, err := client.Get(fmt.Sprintf("http://%s:%d/metrics", nodeAddr(n), adminPort))
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return text
}

// count is one of a node's metrics; -1: it does not tell.
func (c *cluster) count(n int, name string) int {
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(c.metrics(n))
	if m == nil {
		return -1
	}
	x, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		return -1
	}
	return int(x)
}

// keepMetrics writes what the nodes count beside their logs.
func (c *cluster) keepMetrics() {
	for n := 1; n <= c.net.nodes; n++ {
		if text := c.metrics(n); len(text) > 0 {
			_ = os.WriteFile(c.log(n, "metrics"), text, 0o600)
		}
	}
}
