// Package endpoint is the provider's addresses and pages: it reads requests, asks package oidc, and writes what that
// says as JSON, as a redirect or as a page. It decides nothing.
package endpoint
