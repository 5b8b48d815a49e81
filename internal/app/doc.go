// Package app is the composition root: it opens the store, builds every service, connects the packages
// that must not know each other, and mounts every page. wire.go lists all of it in the order of building.
//
//	configuration ──▶ store ──▶ services ──▶ edge (httpx) ──▶ pages
//	                    ▲           │
//	                    └── jobs ◀──┘   timers and messages come back as calls of the services
//
// The program (cmd/doverie) and the tests (internal/apptest) build the same App: a test gives it another
// clock, cheap password hashing and the development phone, and nothing else differs.
package app
