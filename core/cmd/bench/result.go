//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// result is one line of the output: the keys of identity, then figures. Figures are float64, as JSON has them.
type result map[string]any

// identity are the keys that tell results apart, in the order in which they are written.
var identity = []string{"bench", "lib", "case", "wait", "loss", "jitter", "burst"}

func (r result) text(key string) string { s, _ := r[key].(string); return s }
func (r result) num(key string) float64 { v, _ := r[key].(float64); return v }

// same reports whether two results are of the same thing.
func (r result) same(o result) bool {
	for _, k := range identity {
		if r[k] != o[k] {
			return false
		}
	}
	return true
}

func (r result) line() string {
	var b strings.Builder
	put := func(k string) {
		v, err := json.Marshal(r[k])
		if err != nil {
			panic(err) // a value that is no JSON: our bug
		}
		b.WriteString(map[bool]string{true: "{", false: ","}[b.Len() == 0])
		fmt.Fprintf(&b, "%q:%s", k, v)
	}
	for _, k := range identity {
		if _, ok := r[k]; ok {
			put(k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(r)) {
		if !slices.Contains(identity, k) {
			put(k)
		}
	}
	return b.String() + "}"
}

func parseResult(line string) (r result, err error) {
	err = json.Unmarshal([]byte(line), &r)
	return r, err
}

func readResults(path string) (all []result, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	in := bufio.NewScanner(bytes.NewReader(b))
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		r, err := parseResult(in.Text())
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		all = append(all, r)
	}
	return all, in.Err()
}

// writeResults replaces a file. With keep, results that it has and that are not in all stay.
func writeResults(path string, all []result, keep bool) error {
	if old, err := readResults(path); err == nil && keep {
		for i := len(old) - 1; i >= 0; i-- {
			if !slices.ContainsFunc(all, old[i].same) {
				all = slices.Insert(slices.Clone(all), 0, old[i])
			}
		}
	}
	var b strings.Builder
	for _, r := range all {
		b.WriteString(r.line() + "\n")
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// median of several rounds: of every figure, and how far apart the rounds were in the one that matters.
func median(rounds []result, figure string) result {
	m := maps.Clone(rounds[0])
	for k := range m {
		var values []float64
		for _, r := range rounds {
			if v, ok := r[k].(float64); ok {
				values = append(values, v)
			}
		}
		if len(values) == len(rounds) && !slices.Contains(identity, k) {
			slices.Sort(values)
			m[k] = values[len(values)/2]
			if k == figure {
				m["least"], m["most"] = values[0], values[len(values)-1]
			}
		}
	}
	m["rounds"] = float64(len(rounds))
	return m
}
