package app_test

import (
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"doverie/internal/app"
	"doverie/internal/apptest"
)

// The alarm is raised when nothing is signed, when nothing can be kept outside, and when the folder cannot even be read; it ends by itself.
func TestOverdueCheckpointsRaiseTheAlarm(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			folder, registry := t.TempDir(), prometheus.NewRegistry()
			w := apptest.New(t, engine, apptest.Options{Metrics: registry, Notary: app.Notary{Folder: folder}})
			alarms := func(when string, signed, outside float64) {
				t.Helper()
				w.WatchLog(t.Context())
				all, err := registry.Gather()
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]float64{}
				for _, family := range all {
					if family.GetName() == "doverie_checkpoint_overdue" {
						for _, m := range family.GetMetric() {
							got[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
						}
					}
				}
				if len(got) != 2 || got["signed"] != signed || got["outside"] != outside {
					t.Errorf("%s: %v", when, got)
				}
			}
			alarms("at the beginning", 0, 0)
			w.Hire("anna", "operator", "Заречный") // events
			alarms("an event just now", 0, 0)
			w.Clock.Advance(w.Policy.CheckpointAlarm + 1)
			alarms("nobody signs", 1, 1)
			if !strings.Contains(w.Logs.String(), "checkpoints overdue") {
				t.Error("no line in the log")
			}
			if _, err := w.Notary.Seal(t.Context()); err != nil {
				t.Fatal(err)
			}
			alarms("signed and outside", 0, 0)

			aside := folder + "-aside" // the share is not there
			if err := os.Rename(folder, aside); err != nil {
				t.Fatal(err)
			}
			alarms("the folder has just gone", 0, 0)
			w.Clock.Advance(w.Policy.CheckpointAlarm + 1)
			alarms("the folder is gone", 0, 1)
			if err := os.Rename(aside, folder); err != nil {
				t.Fatal(err)
			}
			alarms("it is back", 0, 0)
		})
	}
}
