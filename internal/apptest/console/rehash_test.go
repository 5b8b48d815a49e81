package console

import (
	"strings"
	"testing"

	"doverie/internal/apptest"
	"doverie/internal/desk"
	"doverie/internal/secret"
)

// An operator's hash with other costs is made anew at his sign-in, like anybody's.
func TestForeignCostsOfAnOperatorAreReplaced(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			w := apptest.New(t, engine, apptest.Options{})
			e := w.Hire("anna", desk.Clerk, zarechny)
			foreign, err := secret.NewHasher(secret.HasherOptions{Params: secret.Params{Memory: 16, Time: 2, Threads: 1}}).Hash(t.Context(), apptest.OperatorPassword)
			if err != nil {
				t.Fatal(err)
			}
			w.DB.Exec(t, `UPDATE operators SET password_hash = $1 WHERE id = $2`, foreign, e.ID)
			w.Operator(e)
			after, err := w.Store.Operator(t.Context(), e.ID)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(after.PasswordHash, "$m=8,t=1,p=1$") {
				t.Errorf("the hash is %s", after.PasswordHash)
			}
			w.Operator(e) // and it works
		})
	}
}
