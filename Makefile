# One screen: what there is to do here. Everything real lives in scripts/ and in the program itself.
.DEFAULT_GOAL := help
.PHONY: help run build test lint bench fuzz cover vuln dead

help: ## this screen
	@echo "Doverie: an identity server with recovery by a trusted contact"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

run: ## the demonstration on http://127.0.0.1:8080 (data in ./data)
	@go run ./cmd/doverie demo -listen 127.0.0.1:8080 -data ./data

build: ## the program, static, in bin/doverie
	CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o bin/doverie ./cmd/doverie

test: ## every test (race detector but in the longest suites), on SQLite, PostgreSQL and in a browser (installs what is missing)
	@scripts/test

lint: ## format, vet, every linter, module versions
	@scripts/lint

bench: ## what steps, crowds and whole recoveries cost, on both engines, into docs/performance.md
	@go test ./internal/apptest/bench -run . -count=1 -v -timeout 20m -args -table

fuzz: ## every fuzz target for FUZZTIME (default 20s) each
	@scripts/fuzz

cover: ## coverage of all packages by all tests, in cover/
	@scripts/cover

vuln: ## known vulnerabilities (DOVERIE_VULNDB: folder of a local database)
	@scripts/vuln

dead: ## functions that nothing reaches
	@go tool -modfile=tools/go.mod deadcode -test ./...
