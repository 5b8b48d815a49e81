package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"doverie/internal/i18n"
	"doverie/internal/outreach"
	"doverie/internal/policy"
)

type outreachCommand struct {
	Check   outreachCheckCommand   `cmd:"" help:"Compare a published text with the source text; name what is missing, drifted or dangerous."`
	Kit     outreachKitCommand     `cmd:"" help:"Make everything one organisation needs: texts, posters, leaflet, screen, banners."`
	Batch   outreachBatchCommand   `cmd:"" help:"Make kits, and letters if asked, for a register of organisations; goes on where a run was broken off."`
	Letters outreachLettersCommand `cmd:"" help:"Make the covering letters to a register of organisations."`
	Text    outreachTextCommand    `cmd:"" help:"Print the source text."`
}

type outreachCheckCommand struct {
	Text []string `required:"" sep:"none" placeholder:"FILE|-|URL" help:"What was published: a file, - for pasted text, or an address on this machine. May be repeated."`
	Form string   `default:"full" help:"Kind of text, which says what it must contain: full, letter, short or sms."`
	Own  []string `placeholder:"HOST" help:"The publisher's own site, allowed beside the text. May be repeated."`
	Lang string   `enum:"ru,en" default:"ru" help:"Language of the report: ru or en."`
	JSON bool     `help:"Print the reports as JSON, one a line."`
}

// Run checks every text; the exit code tells whether anything was found.
func (cmd outreachCheckCommand) Run(c console) error {
	source, err := outreach.LoadSource()
	if err != nil {
		return err
	}
	catalogue, err := i18n.Load()
	if err != nil {
		return err
	}
	p := catalogue.Printer(cmd.Lang, policy.Default().Location())
	findings := 0
	for _, name := range cmd.Text {
		text, page, host, err := readPublished(c.ctx, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		own := cmd.Own
		if host != "" {
			own = append([]string{host}, own...)
		}
		report, err := source.Check(text, outreach.CheckOptions{Form: cmd.Form, Language: cmd.Lang, HTML: page, Own: own})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		findings += len(report.Findings)
		if cmd.JSON {
			line, err := json.Marshal(struct {
				Text string `json:"text"`
				outreach.Report
			}{name, report})
			if err != nil {
				return err
			}
			c.sayf("%s", line)
			continue
		}
		sayReport(c, p, name, report)
	}
	if findings > 0 {
		return errFindings
	}
	return nil
}

func sayReport(c console, p *i18n.Printer, name string, r outreach.Report) {
	c.sayf("%s", name)
	c.sayf("  %s", p.T("outreach.check.summary", "Version", r.Version, "Present", len(r.Present)))
	if len(r.Findings) == 0 {
		c.sayf("  %s", p.T("outreach.check.clean"))
	}
	for _, f := range r.Findings {
		c.sayf("  %s: %s [%s]", p.T("outreach.check.level."+string(f.Level)), f.Name, f.ID)
		if f.Quote != "" {
			c.sayf("      %s", p.T("outreach.check.quote", "Quote", f.Quote))
		}
		if f.Changes != "" {
			c.sayf("      %s", p.T("outreach.check.changes", "Changes", f.Changes))
		}
		if len(f.Lost) > 0 {
			c.sayf("      %s", p.T("outreach.check.lost", "Lost", strings.Join(f.Lost, "; ")))
		}
	}
}

type outreachTextCommand struct {
	Lang string `enum:"ru,en" default:"ru" help:"Language: ru or en."`
}

// Run prints every statement with its id.
func (cmd outreachTextCommand) Run(c console) error {
	source, err := outreach.LoadSource()
	if err != nil {
		return err
	}
	c.sayf("%s", source.Version)
	for _, s := range source.Statements {
		c.sayf("\n[%s] %s\n%s", s.ID, s.Name[cmd.Lang], s.Text[cmd.Lang])
	}
	return nil
}

// readPublished reads what was published, and says whether it is a page and of which host.
func readPublished(ctx context.Context, name string) (text string, page bool, host string, err error) {
	if strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://") {
		return fetchPublished(ctx, name)
	}
	in := io.Reader(os.Stdin)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", false, "", err
		}
		defer func() { _ = f.Close() }() // only read
		in = f
	}
	read, err := io.ReadAll(io.LimitReader(in, outreach.TextMost+1))
	return string(read), outreach.LooksLikeHTML(string(read)), "", err
}

var errNotHere = errors.New("only addresses on this machine are fetched; save the page and give its file")

// fetchPublished fetches a page of this machine. Every connection is checked after its name was resolved, so that
// neither a name nor a redirect leads the program into somebody's network.
func fetchPublished(ctx context.Context, address string) (text string, page bool, host string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", false, "", err
	}
	dialer := net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !to.Addr().Unmap().IsLoopback() {
			return errNotHere
		}
		return nil
	}}
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: dialer.DialContext}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", false, "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", false, "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", false, "", fmt.Errorf("the server answered %s", response.Status)
	}
	read, err := io.ReadAll(io.LimitReader(response.Body, outreach.TextMost+1))
	text = string(read)
	page = strings.Contains(response.Header.Get("Content-Type"), "html") || outreach.LooksLikeHTML(text)
	return text, page, u.Hostname(), err
}
