package app

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"doverie/internal/jobs"
	"doverie/internal/store"
)

// metrics are the numbers an operator watches. No label ever holds anything about a person.
type metrics struct {
	messageMetrics

	requests  *prometheus.HistogramVec
	incidents *prometheus.CounterVec
	signals   *prometheus.CounterVec
	waits     *prometheus.GaugeVec
	overdue   *prometheus.GaugeVec
}

func newMetrics(to prometheus.Registerer, db *store.Store, now func() time.Time) (*metrics, error) {
	m := &metrics{
		messageMetrics: newMessageMetrics(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "doverie_request_seconds", Help: "Time to answer a request, by pattern and status class.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"pattern", "status"}),
		incidents: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "doverie_job_incidents_total", Help: "Messages and timers that did not go through at the first attempt, by what failed and of which kind.",
		}, []string{"what", "kind", "outcome"}),
		signals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "doverie_signals_total", Help: "Attempts to tell other systems, by kind of token and outcome.",
		}, []string{"kind", "outcome"}),
		waits: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "doverie_checkpoint_waits_seconds", Help: "How long the oldest event waits for a checkpoint (signed), and for one outside the database (outside).",
		}, []string{"what"}),
		overdue: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "doverie_checkpoint_overdue", Help: "1 while that is longer than policy.checkpoint_alarm: the event log cannot be signed, or not be kept outside.",
		}, []string{"what"}),
	}
	if to == nil {
		return m, nil
	}
	counter := func(name, help string, value func() int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value()) })
	}
	stats := db.Stats()
	var wrong []error
	m.register = to
	for _, c := range append(m.collectors(),
		m.requests, m.incidents, m.signals, m.waits, m.overdue, newLanes(db, now),
		counter("doverie_sql_statements_total", "SQL statements sent.", stats.Statements),
		counter("doverie_sql_commits_total", "Transactions committed.", stats.Commits),
		counter("doverie_sql_retries_total", "Transactions and reads run again after a conflict or a lost connection.", stats.Retries),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	) {
		wrong = append(wrong, to.Register(c))
	}
	return m, errors.Join(wrong...)
}

// observe counts an answer. A live page's stream is open as long as somebody looks at it, and a poll waits for
// something to come: their time says nothing.
func (m *metrics) observe(pattern string, status int, took time.Duration) {
	if strings.HasSuffix(pattern, "/stream") || strings.HasSuffix(pattern, "/events") && !strings.HasPrefix(pattern, "GET /settings/") ||
		strings.HasPrefix(pattern, "POST /ssf/poll/") {
		return
	}
	if pattern == "" {
		pattern = "none"
	}
	m.requests.WithLabelValues(pattern, strconv.Itoa(status/100)+"xx").Observe(took.Seconds())
}

func (m *metrics) incident(i jobs.Incident) {
	m.incidents.WithLabelValues(i.What, i.Kind, string(i.Outcome)).Inc()
}

func (m *metrics) logWaits(what string, waits time.Duration, over bool) {
	m.waits.WithLabelValues(what).Set(waits.Seconds())
	value := 0.0
	if over {
		value = 1
	}
	m.overdue.WithLabelValues(what).Set(value)
}
