package apptest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Program builds the program itself, once for the tests of a package, and returns its path.
func Program(t testing.TB) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// RemoveProgram removes what Program built: the last thing a TestMain does.
func RemoveProgram() {
	if built {
		path, _ := program()
		_ = os.RemoveAll(filepath.Dir(path)) // a leftover in the temporary folder is no failure of a test
	}
}

var built bool

var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "doverie-program")
	if err != nil {
		return "", err
	}
	built = true
	path := filepath.Join(dir, "doverie")
	out, err := exec.Command("go", "build", "-o", path, "doverie/cmd/doverie").CombinedOutput()
	if err != nil {
		return path, fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})
