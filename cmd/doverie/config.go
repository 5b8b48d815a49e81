package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/caarlos0/env/v11"

	"doverie/internal/app"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/signals/transmit"
)

// envPrefix begins every environment variable of the program: DOVERIE_BASE_URL is base_url.
const envPrefix = "DOVERIE_"

// fileConfig is the configuration as people write it. The tags are the documentation: docs/operations.md
// holds the table made of them, and a test compares the two.
type fileConfig struct {
	Listen         string         `toml:"listen" env:"LISTEN" doc:"address and port to serve on, behind a proxy that speaks https"`
	BaseURL        string         `toml:"base_url" env:"BASE_URL" required:"yes" doc:"address people type, without a path; https, or http for a loopback address only"`
	Database       string         `toml:"database" env:"DATABASE" required:"yes" doc:"path of a SQLite file, or postgres://user@host[,host]/name"`
	DatabaseFile   string         `toml:"database_file" env:"DATABASE_FILE" doc:"file that holds the address of the database instead of database, because it holds a password"`
	DatabaseConns  int            `toml:"database_connections" env:"DATABASE_CONNECTIONS" doc:"connections to the database; 0: 8 readers for SQLite, 20 for PostgreSQL"`
	SecretKeyFile  string         `toml:"secret_key_file" env:"SECRET_KEY_FILE" required:"yes" doc:"file with the master key: 32 random bytes as base64, readable by its owner only; every node has the same one"`
	FormerKeyFiles []string       `toml:"former_key_files" env:"FORMER_KEY_FILES" doc:"files with former master keys, newest first: while one is named here, codes, links and stop codes made with it still work; admin rekey needs it"`
	TrustedProxies []string       `toml:"trusted_proxies" env:"TRUSTED_PROXIES" doc:"networks whose X-Forwarded-For is believed (10.0.0.0/8); commas between them in the environment"`
	ServiceName    string         `toml:"service_name" env:"SERVICE_NAME" doc:"name of the service in a code generator application"`
	KitsFolder     string         `toml:"kits_folder" env:"KITS_FOLDER" doc:"folder where made kits of the campaign wait to be downloaded; it may be emptied at any time; empty: a folder for temporary files that ends with the process"`
	MetricsListen  string         `toml:"metrics_listen" env:"METRICS_LISTEN" doc:"address and port of Prometheus metrics (/metrics); empty: none. Never the public one"`
	LogLevel       string         `toml:"log_level" env:"LOG_LEVEL" doc:"debug, info, warn or error"`
	LogFormat      string         `toml:"log_format" env:"LOG_FORMAT" doc:"text or json, on standard error"`
	Messages       messagesConfig `toml:"messages" envPrefix:"MESSAGES_"`
	Operator       operatorConfig `toml:"operator" envPrefix:"OPERATOR_"`
	Numbers        numbersConfig  `toml:"numbers" envPrefix:"NUMBERS_"`
	Signals        signalsConfig  `toml:"signals" envPrefix:"SIGNALS_"`
	Audit          auditConfig    `toml:"audit" envPrefix:"AUDIT_"`
	Policy         map[string]any `toml:"policy"`
}

// operatorConfig says where operators work.
type operatorConfig struct {
	Listen  string `toml:"listen" env:"LISTEN" doc:"address and port of the operators' console (/operator) alone; empty: it is served with everything else. Never the public one"`
	BaseURL string `toml:"base_url" env:"BASE_URL" doc:"address operators type when the console has a listener of its own; their passkeys belong to its host; empty: base_url"`
}

// auditConfig says how the event log is signed.
type auditConfig struct {
	Folder        string `toml:"folder" env:"FOLDER" doc:"folder for signed checkpoints of the event log, on another disk or machine than the database; it must exist. Empty: they are kept in the database only, and a database set back to an older copy is not noticed"`
	KeyFile       string `toml:"key_file" env:"KEY_FILE" doc:"file with a key of its own for signing checkpoints, made like the master key; empty: kept in the database, sealed under the master key"`
	FormerKeyFile string `toml:"former_key_file" env:"FORMER_KEY_FILE" doc:"with key_file: file with the key that signed checkpoints before it, so that audit rotate can sign the hand-over with it too"`
}

func defaultConfig() fileConfig {
	return fileConfig{
		Listen: "127.0.0.1:8080", ServiceName: "Доверие", LogLevel: "info", LogFormat: "json",
		Messages: messagesConfig{Lease: defaultLease},
	}
}

// configEntry describes one key for people. Env is empty when only the file can give it, and Key when only the
// environment can.
type configEntry struct{ Key, Env, Type, Default, Doc string }

// configEntries lists every key but those of the policy, in the order of the struct.
func configEntries() []configEntry {
	return entriesOf(reflect.ValueOf(defaultConfig()), "", envPrefix)
}

func entriesOf(v reflect.Value, prefix, variables string) []configEntry {
	var out []configEntry
	for field, value := range v.Fields() {
		key, variable := prefix+field.Tag.Get("toml"), variables+field.Tag.Get("env")
		if field.Tag.Get("env") == "" {
			variable = ""
		}
		switch field.Type.Kind() {
		case reflect.Struct:
			out = append(out, entriesOf(value, key+".", variables+field.Tag.Get("envPrefix"))...)
			continue
		case reflect.Map:
			out = append(out, tableEntries(field, key, variable)...)
			continue
		}
		e := configEntry{Key: key, Env: variable, Type: field.Type.String(), Doc: field.Tag.Get("doc")}
		if field.Tag.Get("toml") == "-" {
			e.Key = ""
		}
		switch {
		case field.Tag.Get("required") != "":
			e.Default = "required"
		case field.Type.Kind() == reflect.Slice:
			e.Default = "none"
		default:
			e.Default = fmt.Sprint(value.Interface())
		}
		if e.Default == "" {
			e.Default = "none"
		}
		e.Type = typeWords.Replace(e.Type)
		out = append(out, e)
	}
	return out
}

var typeWords = strings.NewReplacer("[]string", "list of texts", "[]int", "list of numbers", "time.Duration", "duration",
	"string", "text", "int", "number", "float64", "number", "bool", "true or false")

// tableEntries describes a table whose keys people choose: carriers with their own keys, or texts.
func tableEntries(field reflect.StructField, key, variable string) []configEntry {
	if of := field.Type.Elem(); of.Kind() == reflect.Pointer {
		return entriesOf(reflect.New(of.Elem()).Elem(), key+".NAME.", variable+"_NAME_")
	}
	if field.Tag.Get("doc") == "" {
		return nil // the policy documents its own keys
	}
	return []configEntry{{
		Key: key + "." + field.Tag.Get("key"), Type: typeWords.Replace(field.Type.Elem().String()), Default: "none", Doc: field.Tag.Get("doc"),
	}}
}

// config is the checked configuration.
type config struct {
	listen, metricsListen string
	baseURL               *url.URL
	database              string
	databaseConns         int
	keys                  *secret.Keyring
	trustedProxies        []netip.Prefix
	serviceName           string
	kitsFolder            string
	log                   slog.Level
	logJSON               bool
	development           bool
	carriers              app.Carriers
	lease                 time.Duration
	numbers               app.Numbers
	outward               transmit.Outward
	policy                policy.Policy

	auditFolder string
	auditKeys   *secret.Keyring // nil: keys
	auditFormer *secret.Keyring // nil: not given

	operatorListen string
	operatorURL    *url.URL // nil: the console is served with everything else
}

// errConfig marks errors of the configuration: the program ends with exitUsage.
var errConfig = errors.New("configuration")

// readConfig reads the file (none when path is empty) and the environment over it, and checks
// everything at once. The error names every key that is wrong.
func readConfig(path string, environ []string) (config, error) {
	raw := defaultConfig()
	var problems []error
	if path != "" {
		meta, err := toml.DecodeFile(path, &raw)
		if err != nil {
			return config{}, fmt.Errorf("%w: %s: %w", errConfig, path, err)
		}
		for _, key := range meta.Undecoded() {
			problems = append(problems, fmt.Errorf("%s: no such key", key))
		}
	}
	variables := env.ToMap(environ)
	if err := env.ParseWithOptions(&raw, env.Options{Prefix: envPrefix, Environment: variables}); err != nil {
		problems = append(problems, fmt.Errorf("environment: %w", err))
	}
	carrierVariables, wrong := raw.Messages.fromEnvironment(variables)
	problems = append(problems, wrong...)
	overrides, unknown := policyOf(raw.Policy, variables, carrierVariables)
	problems = append(problems, unknown...)
	c, wrong := raw.check()
	problems = append(problems, wrong...)
	p, wrong := policyWith(overrides)
	c.policy = p
	if problems = append(problems, wrong...); len(problems) > 0 {
		return config{}, fmt.Errorf("%w: %w", errConfig, errors.Join(problems...))
	}
	return c, nil
}

// readPolicy reads only the rules of a configuration: they can be looked at before the rest is complete.
func readPolicy(path string, environ []string) (p policy.Policy, wrong []error, err error) {
	var raw fileConfig
	if _, err := toml.DecodeFile(path, &raw); err != nil {
		return p, nil, fmt.Errorf("%w: %s: %w", errConfig, path, err)
	}
	variables := env.ToMap(environ)
	carrierVariables, _ := raw.Messages.fromEnvironment(variables) // what is wrong with them is said when all is read
	overrides, wrong := policyOf(raw.Policy, variables, carrierVariables)
	p, more := policyWith(overrides)
	return p, append(wrong, more...), nil
}

// notConfig are variables of the same prefix that belong to tests and tools.
func notConfig(name string) bool {
	return strings.HasPrefix(name, "TEST_") || slices.Contains([]string{"CONFIG", "VULNDB"}, name)
}

// policyOf collects overrides of the policy: the file's, and over them DOVERIE_POLICY_INVITATION_TTL.
// Variables of the prefix that nothing reads are errors, because a misspelt one would be silently ignored.
func policyOf(file map[string]any, variables map[string]string, carriers map[string]bool) (overrides map[string]string, unknown []error) {
	overrides = map[string]string{}
	for key, value := range file {
		switch v := value.(type) {
		case string, int64:
			overrides[key] = fmt.Sprint(v)
		default:
			unknown = append(unknown, fmt.Errorf("policy.%s: give a text or a whole number", key))
		}
	}
	known := map[string]bool{}
	for _, e := range configEntries() {
		known[strings.TrimPrefix(e.Env, envPrefix)] = true
	}
	for name, value := range variables {
		rest, ours := strings.CutPrefix(name, envPrefix)
		if !ours || known[rest] || carriers[rest] || notConfig(rest) {
			continue
		}
		key, isPolicy := strings.CutPrefix(rest, "POLICY_")
		if !isPolicy {
			unknown = append(unknown, fmt.Errorf("%s: no such variable", name))
			continue
		}
		overrides[strings.ToLower(key)] = value
	}
	slices.SortFunc(unknown, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return overrides, unknown
}

func policyWith(overrides map[string]string) (policy.Policy, []error) {
	p := policy.Default()
	var problems []error
	for _, key := range sortedKeys(overrides) {
		if err := p.Set(key, overrides[key]); err != nil {
			problems = append(problems, err)
		}
	}
	return p, append(problems, p.Check()...)
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// check turns what was written into what is used, or says what is wrong with every key.
func (raw fileConfig) check() (c config, problems []error) {
	fail := func(key, format string, args ...any) {
		problems = append(problems, fmt.Errorf(key+": "+format, args...))
	}
	c = config{
		listen: raw.Listen, metricsListen: raw.MetricsListen, databaseConns: raw.DatabaseConns,
		serviceName: strings.TrimSpace(raw.ServiceName), logJSON: raw.LogFormat == "json", development: raw.Messages.Development,
		lease: raw.Messages.Lease, kitsFolder: strings.TrimSpace(raw.KitsFolder),
	}
	c.carriers, problems = raw.Messages.carriers()
	if raw.Numbers.URL != "" {
		provider, wrong := raw.Numbers.provider()
		if problems = append(problems, wrong...); len(wrong) == 0 {
			c.numbers = provider
		}
	}
	for key, address := range map[string]string{"listen": raw.Listen, "metrics_listen": raw.MetricsListen, "operator.listen": raw.Operator.Listen} {
		if _, _, err := net.SplitHostPort(address); err != nil && (address != "" || key == "listen") {
			fail(key, "%q is not an address and a port such as 127.0.0.1:8080", address)
		}
	}
	var err error
	if c.baseURL, err = parseBaseURL(raw.BaseURL); err != nil {
		fail("base_url", "%w", err)
	} else if c.development && !loopback(c.baseURL.Hostname()) {
		fail("messages.development", "only with a loopback base_url, because the page shows everybody's codes")
	}
	outward, wrong := raw.Signals.outward(c.baseURL != nil && loopback(c.baseURL.Hostname()))
	c.outward, problems = outward, append(problems, wrong...)
	if c.operatorListen = raw.Operator.Listen; c.operatorListen != "" {
		if c.operatorURL, err = parseBaseURL(cmp.Or(raw.Operator.BaseURL, raw.BaseURL)); err != nil {
			fail("operator.base_url", "%w", err)
		}
	} else if raw.Operator.BaseURL != "" {
		fail("operator.base_url", "only with operator.listen")
	}
	if c.database, err = oneOf(raw.Database, raw.DatabaseFile); err != nil {
		fail("database", "%w", err)
	}
	if raw.DatabaseConns < 0 {
		fail("database_connections", "%d is less than 0", raw.DatabaseConns)
	}
	if c.keys, err = readKeys(raw.SecretKeyFile); err != nil {
		fail("secret_key_file", "%w", err)
	} else if c.keys, err = withFormer(c.keys, raw.FormerKeyFiles); err != nil {
		fail("former_key_files", "%w", err)
	}
	if c.auditFolder = raw.Audit.Folder; c.auditFolder != "" {
		if info, err := os.Stat(c.auditFolder); err != nil || !info.IsDir() {
			fail("audit.folder", "%q is not a folder that is there", c.auditFolder)
		}
	}
	if raw.Audit.KeyFile != "" {
		if c.auditKeys, err = readKeys(raw.Audit.KeyFile); err != nil {
			fail("audit.key_file", "%w", err)
		}
	}
	if raw.Audit.FormerKeyFile != "" {
		if c.auditFormer, err = readKeys(raw.Audit.FormerKeyFile); err != nil {
			fail("audit.former_key_file", "%w", err)
		}
	}
	for _, network := range raw.TrustedProxies {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(network))
		if err != nil {
			fail("trusted_proxies", "%q is not a network such as 10.0.0.0/8", network)
			continue
		}
		c.trustedProxies = append(c.trustedProxies, prefix)
	}
	if c.serviceName == "" {
		fail("service_name", "must not be empty")
	}
	if err := c.log.UnmarshalText([]byte(raw.LogLevel)); err != nil {
		fail("log_level", "%q is none of debug, info, warn, error", raw.LogLevel)
	}
	if raw.LogFormat != "text" && raw.LogFormat != "json" {
		fail("log_format", "%q is neither text nor json", raw.LogFormat)
	}
	return c, problems
}

// parseBaseURL takes an address without a path: everything is served from its root.
func parseBaseURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, errors.New("is missing")
	}
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	switch {
	case err != nil || u.Hostname() == "" || strings.HasSuffix(u.Host, ":") || u.User != nil:
		return nil, fmt.Errorf("%q is not an address such as https://id.example.org", text)
	case u.Path != "" || strings.ContainsAny(text, "?#"):
		return nil, fmt.Errorf("%q has more than a host: leave the rest out", text)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("%q is not https", text)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// oneOf is the text itself or what the file holds, whichever is given.
func oneOf(text, file string) (string, error) {
	switch {
	case text != "" && file != "":
		return "", errors.New("give database or database_file, not both")
	case file != "":
		content, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		text = strings.TrimSpace(string(content))
	}
	if text == "" {
		return "", errors.New("is missing")
	}
	return text, nil
}

// othersMayRead are the permission bits a master key must not have.
const othersMayRead fs.FileMode = 0o077

// readKeys reads the master key. The errors never repeat what the file holds.
func readKeys(path string) (*secret.Keyring, error) {
	if path == "" {
		return nil, errors.New("is missing")
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&othersMayRead != 0 {
		return nil, fmt.Errorf("%s may be read by others (%s): chmod 600 it", path, info.Mode().Perm())
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	keys, err := secret.ParseMaster(string(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// withFormer adds the former master keys.
func withFormer(keys *secret.Keyring, paths []string) (*secret.Keyring, error) {
	former := make([]*secret.Keyring, 0, len(paths))
	for _, path := range paths {
		one, err := readKeys(strings.TrimSpace(path))
		if err != nil {
			return nil, err
		}
		former = append(former, one)
	}
	return keys.WithFormer(former...)
}
