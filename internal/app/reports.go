package app

import (
	"net/http"
)

// reportsPattern is where gateways post delivery reports. Machines call it: what counts is their signature, and there
// is no cookie, so the check of a browser's origin does not stand before it.
const reportsPattern = "POST /messages/reports/{carrier}"

// mountReports adds the page of delivery reports. A carrier without reports is not there.
func (a *App) mountReports(mux *http.ServeMux) {
	mux.HandleFunc(reportsPattern, func(w http.ResponseWriter, r *http.Request) {
		handler, ok := a.carriers.reports[r.PathValue("carrier")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		handler.ServeHTTP(w, r)
	})
}
