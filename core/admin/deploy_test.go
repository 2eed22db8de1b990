package admin

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// Dashboard, alerts and the operators' guide name metrics that exist.
func TestDeployedMetricsExist(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{&source{}})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, f := range families {
		known[f.GetName()] = true
	}
	for _, file := range []string{"../server/deploy/grafana.json", "../server/deploy/alerts.yaml", "../../docs/SERVER.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`\bmusubi_[a-z_0-9]+`).FindAllString(string(text), -1)
		if len(names) < 3 {
			t.Errorf("%s names %d metrics: the test reads it wrong", file, len(names))
		}
		for _, n := range names {
			if !known[n] && !strings.HasPrefix(n, "musubi_bus_") && !strings.HasPrefix(n, "musubi_cluster_") {
				t.Errorf("%s names %s, which does not exist", file, n)
			}
		}
	}
	text, _ := os.ReadFile("../server/deploy/grafana.json")
	var dashboard struct {
		Panels []struct{ Title string }
	}
	if err := json.Unmarshal(text, &dashboard); err != nil || len(dashboard.Panels) < 10 {
		t.Errorf("grafana.json: %d panels, %v", len(dashboard.Panels), err)
	}
}
