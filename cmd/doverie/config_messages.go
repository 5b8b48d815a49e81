package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"doverie/internal/app"
	"doverie/internal/notify"
	"doverie/internal/notify/httpsms"
	"doverie/internal/notify/smpp"
	"doverie/internal/notify/smtp"
	"doverie/internal/notify/webpush"
)

// messagesConfig says how messages reach people. A carrier is a table of its own under the name that the orders,
// metrics and log lines call it by: [messages.smpp.main].
type messagesConfig struct {
	Development bool                   `toml:"development" env:"DEVELOPMENT" doc:"show every message on the page /demo/phones instead of sending it; only with a loopback base_url"`
	SMS         []string               `toml:"sms" env:"SMS" doc:"names of the carriers of SMS in the order in which they are asked; the next one is, when the one before surely sent nothing"`
	Email       []string               `toml:"email" env:"EMAIL" doc:"names of the carriers of e-mail, likewise"`
	Lease       time.Duration          `toml:"lease" env:"LEASE" doc:"after so long another process takes over what one that died was sending; 2s to 10m"`
	Order       map[string][]string    `toml:"order" key:"KIND" doc:"another order for messages of one kind, such as recovery.code; carriers of the other channel are passed over"`
	SMPP        map[string]*smppConfig `toml:"smpp" env:"SMPP"`
	HTTP        map[string]*httpConfig `toml:"http" env:"HTTP"`
	SMTP        map[string]*smtpConfig `toml:"smtp" env:"SMTP"`
	Push        pushConfig             `toml:"push" envPrefix:"PUSH_"`
}

// pushConfig says how notices reach people's browsers.
type pushConfig struct {
	Contact  string        `toml:"contact" env:"CONTACT" doc:"whom a push service asks when something is wrong: mailto: and an address, or an https page; empty: notices in browsers are not offered"`
	Services []string      `toml:"services" env:"SERVICES" doc:"hosts of push services that may be written to, *. for every name under one; none: those of Chrome, Firefox, Safari and Edge"`
	CAFile   string        `toml:"ca_file" env:"CA_FILE" doc:"file with PEM certificates that are trusted instead of the system's"`
	Timeout  time.Duration `toml:"timeout" env:"TIMEOUT" doc:"for a whole request; 0s: 10s"`
	Window   int           `toml:"window" env:"WINDOW" doc:"requests at the same time; 0: 16"`
}

// The fields of a carrier are called like those of its package, so that an error of the package names our key.

type smppConfig struct {
	Address         string        `toml:"address" env:"ADDRESS" required:"yes" doc:"host:port of the SMS centre"`
	SystemID        string        `toml:"system_id" env:"SYSTEM_ID" required:"yes" doc:"our name at the centre, at most 15 characters"`
	PasswordFile    string        `toml:"password_file" env:"PASSWORD_FILE" secret:"Password" doc:"file with the password, at most 8 characters"`
	Password        string        `toml:"-" env:"PASSWORD" doc:"the password itself, instead of its file"`
	SystemType      string        `toml:"system_type" env:"SYSTEM_TYPE" doc:"as the carrier says, usually empty"`
	TLS             bool          `toml:"tls" env:"TLS" doc:"SMPP inside TLS 1.2 or later; without it the codes cross the line readable"`
	ServerName      string        `toml:"server_name" env:"SERVER_NAME" doc:"name in the centre's certificate, when it is not the host of address"`
	CAFile          string        `toml:"ca_file" env:"CA_FILE" doc:"file with PEM certificates that are trusted instead of the system's"`
	TransmitterOnly bool          `toml:"transmitter_only" env:"TRANSMITTER_ONLY" doc:"bind as transmitter: no delivery receipts on this line"`
	Sender          string        `toml:"sender" env:"SENDER" required:"yes" doc:"the fixed sender: up to 11 Latin letters, digits and spaces, or a number of 3 to 15 digits"`
	NoReceipts      bool          `toml:"no_receipts" env:"NO_RECEIPTS" doc:"do not ask for delivery receipts"`
	ReceiptIDs      string        `toml:"receipt_ids" env:"RECEIPT_IDS" doc:"how receipts write message ids: same, hex, decimal, or empty for any"`
	Validity        string        `toml:"validity" env:"VALIDITY" doc:"how the end of a code's life is told: empty for relative, absolute, or none"`
	UCS2Only        bool          `toml:"ucs2_only" env:"UCS2_ONLY" doc:"never use the default alphabet, for centres whose default is not GSM 03.38"`
	BusyStatuses    []int         `toml:"busy_statuses" env:"BUSY_STATUSES" doc:"further values of command_status that mean: surely not sent, try later"`
	Window          int           `toml:"window" env:"WINDOW" doc:"submits that may be unanswered; 0: 10"`
	Rate            float64       `toml:"rate" env:"RATE" doc:"submits a second; 0: 10"`
	ConnectTimeout  time.Duration `toml:"connect_timeout" env:"CONNECT_TIMEOUT" doc:"for connecting, and for a message to wait for the line; 0s: 10s"`
	ReplyTimeout    time.Duration `toml:"reply_timeout" env:"REPLY_TIMEOUT" doc:"for an answer; 0s: 10s"`
	EnquireEvery    time.Duration `toml:"enquire_every" env:"ENQUIRE_EVERY" doc:"silence after which the line is tested; 0s: 30s"`
	FirstPause      time.Duration `toml:"first_pause" env:"FIRST_PAUSE" doc:"before the second attempt to connect, and when throttled; doubled each time; 0s: 500ms"`
	LongPause       time.Duration `toml:"long_pause" env:"LONG_PAUSE" doc:"the longest of these pauses; 0s: 30s"`
}

type httpConfig struct {
	URL               string            `toml:"url" env:"URL" required:"yes" doc:"https address (http to the loopback only); its query may hold placeholders"`
	Method            string            `toml:"method" env:"METHOD" doc:"GET, POST or PUT; empty: POST"`
	Headers           map[string]string `toml:"headers" key:"HEADER" doc:"a header that is sent as it is"`
	AuthorizationFile string            `toml:"authorization_file" env:"AUTHORIZATION_FILE" secret:"Authorization" doc:"file with the value of the header Authorization, such as Bearer and the token"`
	Authorization     string            `toml:"-" env:"AUTHORIZATION" doc:"the value itself, instead of its file"`
	Body              string            `toml:"body" env:"BODY" doc:"body with placeholders: {to} {digits} {text} {sender} {id} {key} {ttl}"`
	Format            string            `toml:"format" env:"FORMAT" doc:"of the body: json or form; empty: json"`
	KeyHeader         string            `toml:"key_header" env:"KEY_HEADER" doc:"header that carries the key, the same for every attempt, such as Idempotency-Key"`
	Sender            string            `toml:"sender" env:"SENDER" required:"yes" doc:"what {sender} stands for"`
	CAFile            string            `toml:"ca_file" env:"CA_FILE" doc:"file with PEM certificates that are trusted instead of the system's"`
	SuccessPath       string            `toml:"success_path" env:"SUCCESS_PATH" doc:"place in a JSON answer, such as messages.0.status; empty: the whole body"`
	SuccessPattern    string            `toml:"success_pattern" env:"SUCCESS_PATTERN" doc:"regular expression that what is there must match; empty: a 2xx status is enough"`
	TryLater          string            `toml:"try_later" env:"TRY_LATER" doc:"regular expression of what is there when it surely was not sent and may be later"`
	IDPath            string            `toml:"id_path" env:"ID_PATH" doc:"place of the message id in a JSON answer"`
	IDPattern         string            `toml:"id_pattern" env:"ID_PATTERN" doc:"or a regular expression over the body whose first group is the id"`
	Timeout           time.Duration     `toml:"timeout" env:"TIMEOUT" doc:"for a whole request; 0s: 15s"`
	Window            int               `toml:"window" env:"WINDOW" doc:"requests at the same time; 0: 8"`

	ReportSecretFiles []string          `toml:"report_secret_files" env:"REPORT_SECRET_FILES" doc:"files with the secrets that sign delivery reports, 16 octets or more each; two while one is being replaced; none: there are no reports"`
	SignatureHeader   string            `toml:"report_signature_header" env:"REPORT_SIGNATURE_HEADER" doc:"header with the signature; empty: X-Signature"`
	TimestampHeader   string            `toml:"report_timestamp_header" env:"REPORT_TIMESTAMP_HEADER" doc:"header with the time; empty: X-Timestamp"`
	ListPath          string            `toml:"report_list_path" env:"REPORT_LIST_PATH" doc:"place of a list of reports in the body; empty: the body is one report, or a list"`
	ReportIDPath      string            `toml:"report_id_path" env:"REPORT_ID_PATH" doc:"place of the message id in a report"`
	StatePath         string            `toml:"report_state_path" env:"REPORT_STATE_PATH" doc:"place of the state"`
	States            map[string]string `toml:"report_states" key:"WORD" doc:"what the gateway's word means: underway, arrived, timed_out, lost or uncertain"`
	CodePath          string            `toml:"report_code_path" env:"REPORT_CODE_PATH" doc:"place of an error code"`
	PhonePath         string            `toml:"report_phone_path" env:"REPORT_PHONE_PATH" doc:"place of the phone number"`
	ReportWindow      time.Duration     `toml:"report_window" env:"REPORT_WINDOW" doc:"how far the time of a report may be from our clock; 0s: 5m"`
}

type smtpConfig struct {
	Address      string        `toml:"address" env:"ADDRESS" required:"yes" doc:"host:port: 587 is usual with STARTTLS, 465 with TLS from the first octet"`
	Security     string        `toml:"security" env:"SECURITY" doc:"empty for STARTTLS, tls, or none (to the loopback only)"`
	Username     string        `toml:"username" env:"USERNAME" doc:"empty: no authentication"`
	PasswordFile string        `toml:"password_file" env:"PASSWORD_FILE" secret:"Password" doc:"file with the password"`
	Password     string        `toml:"-" env:"PASSWORD" doc:"the password itself, instead of its file"`
	ServerName   string        `toml:"server_name" env:"SERVER_NAME" doc:"name in the server's certificate, when it is not the host of address"`
	CAFile       string        `toml:"ca_file" env:"CA_FILE" doc:"file with PEM certificates that are trusted instead of the system's"`
	Hello        string        `toml:"hello" env:"HELLO" doc:"name we call ourselves; empty: the domain of from"`
	From         string        `toml:"from" env:"FROM" required:"yes" doc:"address of the service; its name is the service's, in the reader's language"`
	Bounces      string        `toml:"bounces" env:"BOUNCES" doc:"where failures are returned to; empty: from"`
	ReplyTo      string        `toml:"reply_to" env:"REPLY_TO" doc:"where people's answers go; empty: not said"`
	Unsubscribe  string        `toml:"unsubscribe" env:"UNSUBSCRIBE" doc:"https page or mailto: where the messages that may be switched off are"`
	Timeout      time.Duration `toml:"timeout" env:"TIMEOUT" doc:"for connecting, and for each pause of the server; 0s: 15s"`
	Window       int           `toml:"window" env:"WINDOW" doc:"letters at the same time; 0: 4"`
}

const (
	defaultLease = time.Minute
	minLease     = 2 * time.Second
	maxLease     = 10 * time.Minute
)

// carrierName is what a carrier may be called: it becomes part of keys, variables, metrics and an address.
var carrierName = regexp.MustCompile(`^[a-z][a-z0-9]{0,31}$`)

// fromEnvironment lays variables over the carriers of the file. A variable of a carrier that the file does not have
// makes one. It returns the variables it has read, without the common prefix.
func (m *messagesConfig) fromEnvironment(variables map[string]string) (read map[string]bool, problems []error) {
	read = map[string]bool{}
	for _, kind := range []struct {
		prefix string
		of     func(name string) any
		fields []string
	}{
		{"MESSAGES_SMPP_", func(name string) any { return ensure(&m.SMPP, name) }, variablesOf(smppConfig{})},
		{"MESSAGES_HTTP_", func(name string) any { return ensure(&m.HTTP, name) }, variablesOf(httpConfig{})},
		{"MESSAGES_SMTP_", func(name string) any { return ensure(&m.SMTP, name) }, variablesOf(smtpConfig{})},
	} {
		named := map[string]bool{}
		for variable := range variables {
			rest, ours := strings.CutPrefix(variable, envPrefix+kind.prefix)
			name, field, _ := strings.Cut(rest, "_")
			if ours && slices.Contains(kind.fields, field) {
				read[kind.prefix+rest] = true
				named[name] = true
			}
		}
		for name := range named {
			options := env.Options{Prefix: envPrefix + kind.prefix + name + "_", Environment: variables}
			if err := env.ParseWithOptions(kind.of(strings.ToLower(name)), options); err != nil {
				problems = append(problems, fmt.Errorf("environment: %w", err))
			}
		}
	}
	return read, problems
}

var fieldOfError = regexp.MustCompile(`^(?:smpp|httpsms|smtp|webpush|numbers): ([A-Za-z0-9]+): (.*)$`)

// renamed are fields that are called otherwise here, or are made of a secret.
var renamed = map[string]string{
	"Password": "password_file", "Secrets": "report_secret_files", "Method": "method",
}

// blame turns an error of a package into one that names our key.
func (f *filler) blame(key string, table any, reports bool, err error) {
	found := fieldOfError.FindStringSubmatch(err.Error())
	if found == nil {
		f.failf(key, "%w", err)
		return
	}
	name := renamed[found[1]]
	switch {
	case name != "":
	case reports && found[1] == "IDPath":
		name = "report_id_path"
	case reports && found[1] == "Window":
		name = "report_window"
	default:
		if field, ok := reflect.TypeOf(table).Elem().FieldByName(found[1]); ok {
			name = field.Tag.Get("toml")
		}
	}
	if name == "" {
		f.failf(key, "%w", err)
		return
	}
	f.failf(key+"."+name, "%s", found[2])
}

// noClock stands for the clock while a configuration is only checked.
func noClock() time.Time { return time.Time{} }

// carriers checks everything about messages and gives what the server is built from.
func (m *messagesConfig) carriers() (app.Carriers, []error) {
	f := &filler{}
	out := app.Carriers{SMS: m.SMS, Email: m.Email}
	via := map[string]string{}
	name := func(kind, name string) string {
		key := "messages." + kind + "." + name
		switch {
		case !carrierName.MatchString(name):
			f.failf(key, "a name is made of up to 32 small Latin letters and digits, a letter first")
		case via[name] != "":
			f.failf(key, "another carrier has that name")
		}
		via[name] = map[string]string{"smtp": "email"}[kind]
		via[name] = cmp.Or(via[name], "sms")
		return key
	}
	limit := m.Lease * 3 / 4
	inTime := func(key string, d, otherwise time.Duration) {
		if took := cmp.Or(d, otherwise); took >= limit {
			f.failf(key, "%s is not shorter than three quarters of messages.lease (%s)", took, limit)
		}
	}
	for _, n := range sortedKeys(m.SMPP) {
		table, conf, key := m.SMPP[n], smpp.Config{Name: n, Now: noClock}, name("smpp", n)
		before := len(f.problems)
		f.fill(key, table, &conf)
		for _, status := range table.BusyStatuses {
			conf.BusyStatuses = append(conf.BusyStatuses, uint32(max(status, 0))) //nolint:gosec // a status of the protocol has 32 bits
		}
		inTime(key+".reply_timeout", table.ReplyTimeout, 10*time.Second)
		inTime(key+".connect_timeout", table.ConnectTimeout, 10*time.Second)
		if _, err := smpp.New(conf); err != nil && len(f.problems) == before {
			f.blame(key, table, false, err)
		}
		out.SMPP = append(out.SMPP, conf)
	}
	for _, n := range sortedKeys(m.HTTP) {
		key := name("http", n)
		inTime(key+".timeout", m.HTTP[n].Timeout, 15*time.Second)
		out.HTTP = append(out.HTTP, f.gateway(key, n, m.HTTP[n]))
	}
	for _, n := range sortedKeys(m.SMTP) {
		table, conf, key := m.SMTP[n], smtp.Config{Name: n, Now: noClock}, name("smtp", n)
		before := len(f.problems)
		f.fill(key, table, &conf)
		inTime(key+".timeout", table.Timeout, 15*time.Second)
		if _, err := smtp.New(conf); err != nil && len(f.problems) == before {
			f.blame(key, table, false, err)
		}
		out.SMTP = append(out.SMTP, conf)
	}
	out.Push = f.push(&m.Push, inTime)
	out.Kinds = m.orders(f, via)
	if m.Lease < minLease || m.Lease > maxLease {
		f.failf("messages.lease", "%s is outside %s–%s", m.Lease, minLease, maxLease)
	}
	if m.Development && len(via) > 0 {
		f.failf("messages.development", "is for a trial without carriers: take them out, or this")
	}
	return out, f.problems
}

// push is nil when notices in browsers are not wanted.
func (f *filler) push(table *pushConfig, inTime func(key string, d, otherwise time.Duration)) *webpush.Config {
	if table.Contact == "" {
		return nil
	}
	const key = "messages.push"
	conf := &webpush.Config{Services: table.Services}
	before := len(f.problems)
	f.fill(key, table, conf)
	inTime(key+".timeout", table.Timeout, 10*time.Second)
	if err := conf.Check(); err != nil && len(f.problems) == before {
		f.blame(key, table, false, err)
	}
	return conf
}

func (f *filler) gateway(key, name string, table *httpConfig) app.Gateway {
	g := app.Gateway{Config: httpsms.Config{Name: name, Now: noClock}}
	before := len(f.problems)
	f.fill(key, table, &g.Config)
	if table.Authorization != "" {
		headers := map[string]string{"Authorization": table.Authorization}
		maps.Copy(headers, table.Headers)
		g.Headers = headers
	}
	if _, err := httpsms.New(g.Config); err != nil && len(f.problems) == before {
		f.blame(key, table, false, err)
	}
	if len(table.ReportSecretFiles) == 0 {
		return g
	}
	reports := httpsms.ReportConfig{Carrier: name, Now: noClock, Ledger: noLedger{}, Window: table.ReportWindow, States: map[string]notify.State{}}
	before = len(f.problems)
	for _, path := range table.ReportSecretFiles {
		text, err := readSecret(strings.TrimSpace(path))
		if err != nil {
			f.failf(key+".report_secret_files", "%w", err)
		}
		reports.Secrets = append(reports.Secrets, []byte(text))
	}
	reports.SignatureHeader, reports.TimestampHeader = table.SignatureHeader, table.TimestampHeader
	reports.ListPath, reports.IDPath, reports.StatePath = table.ListPath, table.ReportIDPath, table.StatePath
	reports.CodePath, reports.PhonePath = table.CodePath, table.PhonePath
	for word, state := range table.States {
		reports.States[word] = notify.State(state)
	}
	if _, err := httpsms.NewReports(reports); err != nil && len(f.problems) == before {
		f.blame(key, table, true, err)
	}
	g.Reports = &reports
	return g
}

// orders checks that every order names carriers that are there, and every carrier stands in an order.
func (m *messagesConfig) orders(f *filler, via map[string]string) map[notify.Kind][]string {
	used := map[string]bool{}
	look := func(key string, names []string, channel string) {
		for i, n := range names {
			used[n] = true
			switch {
			case via[n] == "" || channel != "" && via[n] != channel:
				f.failf(key, "%q is no carrier of %s", n, cmp.Or(channel, "anything"))
			case slices.Contains(names[:i], n):
				f.failf(key, "%q stands there twice", n)
			}
		}
	}
	look("messages.sms", m.SMS, "sms")
	look("messages.email", m.Email, "email")
	kinds := map[notify.Kind][]string{}
	for _, kind := range sortedKeys(m.Order) {
		if _, known := notify.Lookup(notify.Kind(kind)); !known {
			f.failf("messages.order."+kind, "there is no such kind of message")
			continue
		}
		look("messages.order."+kind, m.Order[kind], "")
		kinds[notify.Kind(kind)] = m.Order[kind]
	}
	for _, n := range sortedKeys(via) {
		if !used[n] {
			f.failf("messages", "the carrier %q stands in no order: put it into messages.%s", n, via[n])
		}
	}
	return kinds
}

// noLedger takes nothing: while a configuration is only checked.
type noLedger struct{ notify.Ledger }

var errNoSMS = errors.New("no way to send messages is configured, and without codes nobody can sign in. " +
	"Name a carrier of SMS in messages.sms and describe it in [messages.smpp.NAME] or [messages.http.NAME]; " +
	"messages.development = true shows messages on the page /demo/phones instead, for trying it on a loopback address")
