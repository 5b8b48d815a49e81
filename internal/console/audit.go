package console

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"doverie/internal/audit"
	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/ui"
)

// queryOf reads what an auditor asked for. Days are whole days of the zone of the rules.
func (c *Console) queryOf(in url.Values) (desk.Query, ui.Errors) {
	var errs ui.Errors
	day := func(name string, add int) time.Time {
		if in.Get(name) == "" {
			return time.Time{}
		}
		at, err := time.ParseInLocation(time.DateOnly, in.Get(name), c.Policy.Location())
		if err != nil {
			errs = append(errs, ui.FieldError{Field: name, Text: ui.K("fault.desk.day")})
			return time.Time{}
		}
		return at.AddDate(0, 0, add)
	}
	q := desk.Query{
		Case: strings.TrimSpace(in.Get("case")), Operator: strings.ToLower(strings.TrimSpace(in.Get("operator"))), Office: in.Get("office"),
		From: day("from", 0), To: day("to", 1),
	}
	if before, err := strconv.ParseInt(in.Get("before"), 10, 64); err == nil && before > 0 {
		q.Before = before
	}
	return q, errs
}

func (c *Console) audit(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	in := r.URL.Query()
	q, errs := c.queryOf(in)
	var found []audit.Event
	if !q.Empty() && len(errs) == 0 {
		var err error
		if found, err = c.Records.Search(r.Context(), c.Kit.Act(r), who, q); err != nil {
			wrong, ok := httpx.FormErrors(err, "operator")
			if !ok {
				return err
			}
			errs = wrong
		}
	}
	offices, err := c.Staff.Offices(r.Context())
	if err != nil {
		return err
	}
	list := ui.Select{Name: "office", Label: ui.K("operator.audit.office"), Chosen: q.Office, Options: []ui.Option{{Label: ui.K("operator.audit.any")}}}
	for _, o := range offices {
		list.Options = append(list.Options, ui.Option{Value: o.Name, Label: ui.Plain(o.Name)})
	}
	page := ui.Desk{Heading: ui.K("operator.nav.audit"), Lead: ui.K("operator.audit.lead"), Errors: errs, Blocks: []ui.DeskBlock{{Form: ui.DeskForm{
		Action: "/operator/audit", Get: true, Button: ui.K("operator.audit.search"), Fields: []ui.DeskField{
			text(ui.TextField{Name: "case", Label: ui.K("operator.audit.case"), Value: in.Get("case"), Autocomplete: "off", Optional: true}, errs),
			text(ui.TextField{Name: "operator", Label: ui.K("operator.audit.operator"), Value: in.Get("operator"), Autocomplete: "off", Optional: true}, errs),
			choice(list, errs),
			text(ui.TextField{Name: "from", Label: ui.K("operator.audit.from"), Value: in.Get("from"), Type: "date", Optional: true, Short: true}, errs),
			text(ui.TextField{Name: "to", Label: ui.K("operator.audit.to"), Value: in.Get("to"), Type: "date", Optional: true, Short: true}, errs),
		},
	}}}}
	if !q.Empty() && len(errs) == 0 {
		page.Blocks = append(page.Blocks, c.found(r, q, found))
	}
	return c.page(w, r, who, "/operator/audit", page)
}

func (c *Console) found(r *http.Request, q desk.Query, events []audit.Event) ui.DeskBlock {
	if len(events) == 0 {
		return ui.DeskBlock{Empty: ui.EmptyState{Icon: "search", Title: ui.K("operator.audit.none"), Text: ui.K("operator.audit.none.text")}}
	}
	words := c.Kit.Printer(r)
	table := ui.Table{Caption: ui.K("operator.audit.found"), Head: []ui.Text{
		ui.K("operator.audit.seq"), ui.K("operator.audit.at"), ui.K("operator.audit.what"), ui.K("operator.audit.who"), ui.K("operator.audit.about"),
	}}
	logins := map[string]string{}
	for _, e := range events {
		object := ui.Cell{Text: ui.Plain(e.Object)}
		if id, ok := strings.CutPrefix(e.Object, "case:"); ok {
			object.Href = "/operator/audit?case=" + url.QueryEscape(id)
		} else if id := e.Facts["case"]; id != "" {
			object.Href = "/operator/audit?case=" + url.QueryEscape(id)
		}
		what := ui.Plain(e.Kind)
		if words.Has("event." + e.Kind) {
			what = ui.K("operator.audit.event", "Words", ui.K("event."+e.Kind), "Kind", e.Kind)
		}
		table.Rows = append(table.Rows, []ui.Cell{
			{Text: ui.Plain(strconv.FormatInt(e.Seq, 10))}, {Text: ui.K("operator.at", "At", e.At)}, {Text: what},
			{Text: ui.Plain(strings.Trim(e.Act.Office+" "+c.login(r, e.Act, logins), " "))}, object,
		})
	}
	asked := r.URL.Query()
	asked.Del("before")
	block := ui.DeskBlock{
		Heading: ui.K("operator.audit.found"), Table: table, Links: []ui.NavLink{{Text: ui.K("operator.audit.export"), Href: "/operator/audit/export?" + asked.Encode()}},
		Pages: ui.Pages{Page: 1},
	}
	if q.Before > 0 {
		block.Pages.Newer = "/operator/audit?" + asked.Encode()
	}
	if last := events[len(events)-1].Seq; last > 1 && len(events) == desk.PageOf {
		asked.Set("before", strconv.FormatInt(last, 10))
		block.Pages.Older = "/operator/audit?" + asked.Encode()
	}
	return block
}

// login names an operator as his colleagues know him; what was no operator's act has no name.
func (c *Console) login(r *http.Request, act effect.Act, known map[string]string) string {
	if act.Actor != effect.Operator {
		return ""
	}
	if _, asked := known[act.ID]; !asked {
		known[act.ID] = act.ID
		if who, err := c.Staff.Named(r.Context(), act.ID); err == nil {
			known[act.ID] = who.Login
		}
	}
	return known[act.ID]
}

func (c *Console) export(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	q, errs := c.queryOf(r.URL.Query())
	if len(errs) > 0 {
		return fault.New(fault.Invalid, "fault.desk.day", nil)
	}
	events, err := c.Records.Export(r.Context(), c.Kit.Act(r), who, q)
	if err != nil {
		return err
	}
	file, err := CSV(events)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="operators.csv"`)
	_, _ = w.Write(file) //nolint:gosec // a file to be saved, of a type that no browser takes for a page (nosniff)
	return nil
}

// CSV writes events for a spreadsheet (RFC 4180). A cell that a spreadsheet would take for a formula begins with an
// apostrophe, so that what somebody typed stays text.
func CSV(events []audit.Event) ([]byte, error) {
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	rows := [][]string{{"seq", "at", "kind", "object", "actor", "actor_id", "office", "area", "device", "request_id", "rules", "facts", "hash"}}
	for _, e := range events {
		known, err := json.Marshal(e.Facts)
		if err != nil {
			return nil, err
		}
		rows = append(rows, []string{
			strconv.FormatInt(e.Seq, 10), e.At.UTC().Format(time.RFC3339Nano), e.Kind, e.Object, string(e.Act.Actor), e.Act.ID, e.Act.Office, e.Act.Area,
			e.Act.Device, e.Act.RequestID, e.Policy, string(known), hex.EncodeToString(e.Hash[:]),
		})
	}
	for _, row := range rows {
		for i, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				row[i] = "'" + cell
			}
		}
		if err := out.Write(row); err != nil {
			return nil, err
		}
	}
	out.Flush()
	return b.Bytes(), out.Error()
}

func (c *Console) verifyForm(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	return c.verifyPage(w, r, who, nil)
}

func (c *Console) verifyPage(w http.ResponseWriter, r *http.Request, who desk.Operator, report *audit.Report) error {
	page := ui.Desk{Heading: ui.K("operator.nav.verify"), Lead: ui.K("operator.verify.lead"), Blocks: []ui.DeskBlock{
		{Form: ui.DeskForm{Action: "/operator/audit/verify", Button: ui.K("operator.verify.button")}},
	}}
	if report != nil {
		page.News = ui.Notice{Tone: ui.Success, Text: ui.K("operator.verify.whole", "Count", strconv.FormatInt(report.Count, 10))}
		if !report.Intact() {
			page.News = ui.Notice{Tone: ui.Danger, Title: ui.K("operator.verify.broken"), Text: ui.K("operator.verify.first", "Seq", strconv.FormatInt(report.FirstBad, 10), "Fault", ui.K("operator.verify.fault."+string(report.Fault)))}
		}
		page.Blocks = append(page.Blocks, ui.DeskBlock{Facts: ui.Facts{
			facts("operator.verify.count", ui.Plain(strconv.FormatInt(report.Count, 10))),
			facts("operator.verify.head", ui.Plain(strconv.FormatInt(report.Head.Seq, 10)+" "+hex.EncodeToString(report.Head.Hash[:]))),
		}})
	}
	return c.page(w, r, who, "/operator/audit/verify", page)
}

func (c *Console) verify(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	report, err := c.Records.Verify(r.Context(), c.Kit.Act(r), who)
	if err != nil {
		return err
	}
	return c.verifyPage(w, r, who, &report)
}
