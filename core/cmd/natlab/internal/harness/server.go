package harness

import (
	"fmt"
	"strings"
)

// ServerReady is the event made of the line by which the server tells its address; its key "url" has it.
const ServerReady = "address"

// ParseServer reads a line of `musubi server`: only "address musubi://…" counts.
func ParseServer(line string) (Event, error) {
	url, ok := strings.CutPrefix(strings.TrimSpace(line), ServerReady+" ")
	if !ok || !strings.HasPrefix(url, "musubi://") {
		return Event{}, fmt.Errorf("server said %q", line)
	}
	return Event{Name: ServerReady, Fields: map[string]string{"url": url}}, nil
}
