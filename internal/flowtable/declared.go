package flowtable

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Receivers lists the types in the folder that declare the method: every event type of a machine.
func Receivers(t *testing.T, dir, method string) []string {
	t.Helper()
	var out []string
	for _, d := range declarations(t, dir) {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv == nil || f.Name.Name != method {
			continue
		}
		if name, ok := f.Recv.List[0].Type.(*ast.Ident); ok {
			out = append(out, name.Name)
		} else {
			t.Errorf("%s has a receiver that is not a plain type", method)
		}
	}
	if len(out) == 0 {
		t.Errorf("no type in %s has a method %s", dir, method)
	}
	return out
}

// Constants lists the values of the string constants of the type: every state of a machine.
func Constants(t *testing.T, dir, typeName string) []string {
	t.Helper()
	var out []string
	for _, d := range declarations(t, dir) {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, spec := range g.Specs {
			v, isValue := spec.(*ast.ValueSpec)
			if !isValue {
				continue
			}
			if name, ok := v.Type.(*ast.Ident); !ok || name.Name != typeName {
				continue
			}
			for _, value := range v.Values {
				lit, ok := value.(*ast.BasicLit)
				if !ok {
					t.Errorf("a constant of %s is not a plain string", typeName)
					continue
				}
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, text)
			}
		}
	}
	if len(out) == 0 {
		t.Errorf("no constants of type %s in %s", typeName, dir)
	}
	return out
}

func declarations(t *testing.T, dir string) []ast.Decl {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []ast.Decl
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f.Decls...)
	}
	return out
}
