package apptest

import (
	"net/http"
	"reflect"
	"slices"
)

// Routes reads every pattern out of the mux itself, in order: a page added tomorrow is among them tomorrow.
func Routes(mux *http.ServeMux) []string {
	seen := map[string]bool{}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if v.IsNil() {
				return
			}
			if v.Type().String() == "*http.pattern" {
				seen[v.Elem().FieldByName("str").String()] = true
				return
			}
			walk(v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				if name := v.Type().Field(i).Name; name != "handler" && name != "mu" && name != "mux121" {
					walk(v.Field(i))
				}
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Map:
			for it := v.MapRange(); it.Next(); {
				walk(it.Value())
			}
		default:
		}
	}
	walk(reflect.ValueOf(mux).Elem())
	var all []string
	for pattern := range seen {
		all = append(all, pattern)
	}
	slices.Sort(all)
	return all
}
