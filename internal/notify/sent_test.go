package notify

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEverySentMessageIsWritten reads the decisions of the whole domain: each effect.Send that names its kind
// must have a text, and may give only arguments that messages know.
func TestEverySentMessageIsWritten(t *testing.T) {
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "../notify/") {
			continue
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			send, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if name, ok := send.Type.(*ast.SelectorExpr); !ok || name.Sel.Name != "Send" {
				return true
			}
			found++
			for _, complaint := range complaints(send) {
				t.Errorf("%s: %s", fset.Position(send.Pos()), complaint)
			}
			return true
		})
	}
	if found < 10 {
		t.Errorf("only %d messages found: the search is broken", found)
	}
}

func complaints(send *ast.CompositeLit) []string {
	var out []string
	for name, value := range fields(send) {
		switch name {
		case "Kind":
			if kind := literal(value); kind != "" {
				if _, ok := Lookup(Kind(kind)); !ok {
					out = append(out, "no text for "+kind)
				}
			}
		case "Args":
			args, ok := value.(*ast.CompositeLit)
			if !ok {
				continue
			}
			for arg := range fields(args) {
				if !slices.Contains(known, strings.ToLower(arg)) {
					out = append(out, "no message knows the argument "+arg)
				}
			}
		}
	}
	return out
}

// fields are the elements of a struct or map literal by their name.
func fields(lit *ast.CompositeLit) map[string]ast.Expr {
	out := map[string]ast.Expr{}
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		if id, ok := kv.Key.(*ast.Ident); ok {
			out[id.Name] = kv.Value
		} else if name := literal(kv.Key); name != "" {
			out[name] = kv.Value
		}
	}
	return out
}

func literal(e ast.Expr) string {
	if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		if s, err := strconv.Unquote(lit.Value); err == nil {
			return s
		}
	}
	return ""
}
