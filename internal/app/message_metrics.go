package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"doverie/internal/effect"
	"doverie/internal/notify"
	"doverie/internal/policy"
	"doverie/internal/store"
)

// messageMetrics are the numbers of messages. Counters are this process's own; gauges that are read from the database
// are the same in every process.
type messageMetrics struct {
	attempts        *prometheus.CounterVec // each attempt, by its outcome
	handedOver      *prometheus.HistogramVec
	carrierOutcomes *prometheus.CounterVec
	carrierEvents   *prometheus.CounterVec
	receipts        *prometheus.CounterVec
	repeats         *prometheus.CounterVec
	overBudget      *prometheus.CounterVec
	numbers         *prometheus.CounterVec

	waiting, claimed, late             *prometheus.GaugeVec
	codesSent, codesEntered, converted prometheus.Gauge
	conversionAlarm, delayed           prometheus.Gauge

	register prometheus.Registerer // nil: nothing is measured
}

func newMessageMetrics() messageMetrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	return messageMetrics{
		attempts: counter("doverie_message_attempts_total", "Attempts to hand a message over, by how they ended.", "channel", "kind", "outcome"),
		handedOver: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "doverie_message_seconds", Help: "Time from asking for a message to handing it over.",
			Buckets: []float64{.1, .25, .5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600, 14400},
		}, []string{"channel", "code"}),
		carrierOutcomes: counter("doverie_carrier_outcomes_total", "What a carrier answered.", "carrier", "outcome"),
		carrierEvents:   counter("doverie_carrier_events_total", "What an operator should see of a carrier.", "carrier", "what"),
		receipts:        counter("doverie_message_receipts_total", "Delivery reports, by what they say.", "carrier", "state"),
		repeats:         counter("doverie_message_repeats_total", "Messages sent again though an earlier attempt may have gone out.", "channel"),
		overBudget:      counter("doverie_messages_over_budget_total", "SMS that a budget held back.", "budget"),
		numbers:         counter("doverie_number_questions_total", "Questions about numbers to the provider, by its answer.", "answer"),

		waiting:         gauges("doverie_messages_waiting", "Messages of all processes that are not handed over yet.", "channel"),
		claimed:         gauges("doverie_messages_claimed", "Messages in the hands of some process just now.", "channel"),
		late:            gauges("doverie_messages_late_seconds", "How long the message that is due longest has been due.", "channel"),
		codesSent:       gauge("doverie_codes_sent_hour", "Codes by SMS whose life ended within the last hour."),
		codesEntered:    gauge("doverie_codes_entered_hour", "Of these, codes that were entered."),
		converted:       gauge("doverie_code_conversion", "Share of codes that were entered; 1 when none was sent."),
		conversionAlarm: gauge("doverie_code_conversion_alarm", "1: so few codes are entered that somebody may be pumping SMS, or they do not arrive."),
		delayed:         gauge("doverie_messages_delayed", "1: pages say that SMS are late just now."),
	}
}

func (m *messageMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.attempts, m.handedOver, m.carrierOutcomes, m.carrierEvents, m.receipts, m.repeats, m.overBudget, m.numbers,
		m.waiting, m.claimed, m.late, m.codesSent, m.codesEntered, m.converted, m.conversionAlarm, m.delayed,
	}
}

// watchUp measures whether a carrier's line is up.
func (m *messageMetrics) watchUp(carrier string, up func() bool) {
	if m.register == nil {
		return
	}
	m.register.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "doverie_carrier_up", Help: "1: the line to the carrier is up.", ConstLabels: prometheus.Labels{"carrier": carrier},
	}, func() float64 { return oneIf(up()) }))
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// Of the codes of the last minutes, so many (and at least half) must be late before pages say so to everybody.
const manyLate = 3

// show puts the shared numbers where they are read. It returns whether pages should say that SMS are late.
func (m *messageMetrics) show(f store.MessageFigures, p policy.Policy) (delayed bool) {
	for _, via := range effect.All() {
		m.waiting.WithLabelValues(string(via)).Set(0)
		m.claimed.WithLabelValues(string(via)).Set(0)
		m.late.WithLabelValues(string(via)).Set(0)
	}
	for _, q := range f.Queues {
		m.waiting.WithLabelValues(string(q.Channel)).Set(float64(q.Waiting))
		m.claimed.WithLabelValues(string(q.Channel)).Set(float64(q.Claimed))
		m.late.WithLabelValues(string(q.Channel)).Set(q.Late.Seconds())
	}
	share := 1.0
	if f.CodesSent > 0 {
		share = float64(f.CodesEntered) / float64(f.CodesSent)
	}
	m.codesSent.Set(float64(f.CodesSent))
	m.codesEntered.Set(float64(f.CodesEntered))
	m.converted.Set(share)
	m.conversionAlarm.Set(oneIf(f.CodesSent >= p.ConversionMin && share*100 < float64(p.ConversionPercent)))
	delayed = f.RecentLate >= manyLate && f.RecentLate >= f.RecentSent
	m.delayed.Set(oneIf(delayed))
	return delayed
}

// figuresEvery is how often the shared numbers are read.
const figuresEvery = 15 * time.Second

// LookAtMessages reads the shared numbers of messages once; Run does it again and again.
func (a *App) LookAtMessages(ctx context.Context) error {
	f, err := a.Store.MessageFigures(ctx, a.now(), a.Policy.CodeTTL)
	if err == nil {
		a.smsDelayed.Store(a.metrics.show(f, a.Policy))
	}
	return err
}

func (a *App) watchMessages(ctx context.Context) {
	tick := time.NewTicker(figuresEvery)
	defer tick.Stop()
	for {
		if err := a.LookAtMessages(ctx); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "messages", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// SMSDelayed tells whether SMS are late just now, for everybody alike: what pages may say to strangers.
func (a *App) SMSDelayed() bool { return a.smsDelayed.Load() }

// measured counts the outcomes of one carrier.
type measured struct {
	carrier  string
	channel  notify.Channel
	outcomes *prometheus.CounterVec
}

// Deliver implements notify.Channel.
func (m measured) Deliver(ctx context.Context, l notify.Letter) (notify.Outcome, error) {
	outcome, err := m.channel.Deliver(ctx, l)
	m.outcomes.WithLabelValues(m.carrier, outcome.String()).Inc()
	return outcome, err
}
