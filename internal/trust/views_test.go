package trust

import (
	"testing"
	"time"
)

var viewNow = time.Date(2026, time.November, 21, 16, 5, 0, 0, time.UTC)

func TestLinkViewsHideAQuietExitFromTheContact(t *testing.T) {
	for _, c := range []struct {
		name  string
		quiet bool
		why   []Reason
		want  LinkState
	}{
		{"quiet exit", true, nil, Active},
		{"quiet exit of a suspended contact", true, []Reason{PhoneNotCurrent}, Suspended},
		{"ordinary removal", false, nil, Leaving},
	} {
		l := Link{
			ID: "1", Principal: "vera", Contact: "alexey", State: Leaving, Label: "typed", Quiet: c.quiet, Why: c.why,
			LeavingSince: viewNow, LeavesAt: viewNow.Add(time.Hour), NameHash: []byte("n"), PhoneHash: []byte("p"),
		}
		his := LinkViews("alexey", []LinkRow{{Link: l, Other: Facts{Given: "Вера", Patronymic: "Петровна", SNILS: "1"}}})[0]
		if his.Side != ContactSide || his.Link.State != c.want || his.Link.Quiet || his.Link.Label != "" || his.Link.NameHash != nil {
			t.Errorf("%s: the contact sees %+v", c.name, his)
		}
		if c.want != Leaving && (!his.Link.LeavesAt.IsZero() || !his.Link.LeavingSince.IsZero()) {
			t.Errorf("%s: the contact sees times of a removal he must not know of", c.name)
		}
		hers := LinkViews("vera", []LinkRow{{Link: l, Other: Facts{Given: "Алексей"}}})[0]
		if hers.Side != PrincipalSide || hers.Link.State != Leaving || hers.Link.Quiet != c.quiet {
			t.Errorf("%s: the principal sees %+v", c.name, hers)
		}
	}
}

func TestLinkViewsKeepAStrangersNameToThemselves(t *testing.T) {
	l := Link{ID: "1", Principal: "vera", State: Invited, Label: "Алексей, +7 ••• •••-45-67"}
	views := LinkViews("vera", []LinkRow{{Link: l, Other: Facts{Given: "Секрет"}}})
	if len(views) != 1 || views[0].Other != (Names{}) {
		t.Errorf("an unanswered invitation shows %+v", views)
	}
	if views := LinkViews("stranger", []LinkRow{{Link: l}}); len(views) != 0 {
		t.Errorf("a stranger sees %+v", views)
	}
}

func TestLinkViewsOrderAndMutual(t *testing.T) {
	rows := []LinkRow{
		{Link: Link{ID: "4", Principal: "vera", Contact: "igor", State: Ended}},
		{Link: Link{ID: "1", Principal: "vera", Contact: "alexey", State: Active}},
		{Link: Link{ID: "2", Principal: "alexey", Contact: "vera", State: Suspended}},
		{Link: Link{ID: "3", Principal: "igor", Contact: "vera", State: Active}},
	}
	got := ""
	for _, v := range LinkViews("vera", rows) {
		got += v.Link.ID
		if want := v.Link.ID == "1" || v.Link.ID == "2"; v.Mutual != want {
			t.Errorf("link %s: mutual %v", v.Link.ID, v.Mutual)
		}
	}
	if got != "3214" {
		t.Errorf("order %s", got)
	}
	if views := LinkViews("vera", rows); !GuardedBy(views, "alexey") || GuardedBy(views, "igor") {
		t.Error("only Alexey guards Vera")
	}
}

func TestInvitationViewsOnlyWhatIsMeant(t *testing.T) {
	me := Newcomer{Facts: Facts{Account: "alexey"}, NameHash: []byte("name"), PhoneHash: []byte("phone")}
	good := Link{ID: "1", Principal: "vera", State: Invited, NameHash: []byte("name"), PhoneHash: []byte("phone"), ExpiresAt: viewNow.Add(time.Hour)}
	change := func(f func(*Link)) Link { l := good; f(&l); return l }
	for _, c := range []struct {
		name    string
		link    Link
		blocked bool
		want    int
	}{
		{"meant", good, false, 1},
		{"blocked sender", good, true, 0},
		{"another name", change(func(l *Link) { l.NameHash = []byte("other") }), false, 0},
		{"another phone", change(func(l *Link) { l.PhoneHash = []byte("other") }), false, 0},
		{"no hashes left", change(func(l *Link) { l.PhoneHash = nil }), false, 0},
		{"lapsed this very moment", change(func(l *Link) { l.ExpiresAt = viewNow }), false, 0},
		{"answered", change(func(l *Link) { l.State = Declined }), false, 0},
	} {
		if got := InvitationViews(viewNow, me, []InvitationRow{{Link: c.link, Principal: Facts{Given: "Вера"}, Blocked: c.blocked}}); len(got) != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestApprovalViews(t *testing.T) {
	row := func(id string, s ApprovalState, asked, expires time.Duration) ApprovalRow {
		return ApprovalRow{Approval: Approval{ID: id, State: s, AskedAt: viewNow.Add(asked), ExpiresAt: viewNow.Add(expires)}, Principal: Facts{Given: "Вера", Phone: "+7"}}
	}
	views := ApprovalViews(viewNow, []ApprovalRow{
		row("1", Approved, -ApprovalHistory-time.Hour, -time.Hour), // too old
		row("2", Rejected, -time.Hour, time.Hour),
		row("3", Asked, -time.Hour, 0), // lapsed this very moment
		row("4", Flagged, -time.Hour, time.Hour),
	})
	got := ""
	for _, v := range views {
		got += v.ID
		if v.Open != (v.ID == "4") {
			t.Errorf("%s: open %v", v.ID, v.Open)
		}
	}
	if got != "432" {
		t.Errorf("order %s", got)
	}
}
