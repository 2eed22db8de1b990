//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// logs keeps what the programs of one meeting printed, to be written out only when somebody has to read it.
type logs struct {
	mu    sync.Mutex
	files map[string]*logFile
}

// logFile collects one stream.
type logFile struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// logLimit ends a stream that grows without end; the beginning tells more than the flood behind it.
const logLimit = 4 << 20

func (f *logFile) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.text.Len() < logLimit {
		f.text.Write(b)
	}
	return len(b), nil
}

func (l *logs) file(name string) *logFile {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil {
		l.files = make(map[string]*logFile)
	}
	if l.files[name] == nil {
		l.files[name] = new(logFile)
	}
	return l.files[name]
}

// tail gives the last lines of a stream, for messages.
func (l *logs) tail(name string) string {
	f := l.file(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(f.text.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// save writes all streams into a new directory below dir (the system's temporary one if empty) and returns its path.
func (l *logs) save(dir, name string) (string, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", fmt.Errorf("keep logs: %w", err)
		}
	}
	into, err := os.MkdirTemp(dir, "natlab-"+name+"-")
	if err != nil {
		return "", fmt.Errorf("keep logs: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for file, f := range l.files {
		f.mu.Lock()
		err := os.WriteFile(filepath.Join(into, file), f.text.Bytes(), 0o644)
		f.mu.Unlock()
		if err != nil {
			return into, fmt.Errorf("keep logs: %w", err)
		}
	}
	return into, nil
}
