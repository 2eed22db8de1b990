//go:build linux

package main

import (
	"fmt"
	"strings"
)

// clusterArgs make a server a node: with the NATS inside, or with the one beside each node.
func (c *cluster) clusterArgs(n int) []string {
	if c.nats != "" {
		return []string{"--nats", strings.Join(c.all("nats://%s:%d", natsPort, 0), ",")}
	}
	return []string{"--nats-listen", fmt.Sprintf("%s:%d", nodeAddr(n), clusterPort), "--nats-routes", strings.Join(c.all("%s:%d", clusterPort, n), ",")}
}

// all are the nodes' addresses in a form, but for one node's.
func (c *cluster) all(form string, port, but int) (list []string) {
	for n := 1; n <= c.net.nodes; n++ {
		if n != but {
			list = append(list, fmt.Sprintf(form, nodeAddr(n), port))
		}
	}
	return list
}

// startBus starts the NATS beside a node, if that is a program of its own.
func (c *cluster) startBus(n int) (err error) {
	if c.nats == "" || c.buses[n] != nil {
		return nil
	}
	addr := nodeAddr(n)
	c.buses[n], err = c.launch(n, "nats", c.nats, []string{"--addr", addr.String(), "--port", fmt.Sprint(natsPort), "--server_name", fmt.Sprintf("node-%d", n),
		"--jetstream", "--store_dir", c.data(n) + "/nats", "--cluster_name", "outage", "--cluster", fmt.Sprintf("nats://%s:%d", addr, clusterPort),
		"--routes", strings.Join(c.all("nats://%s:%d", clusterPort, n), ",")})
	return err
}
