// Package cheader reads include/musubi.h, the one source of truth of the C API, for the programs that generate from it
// (capi/gencs, capi/gendoc) and the tests that lint it. It knows the small part of C that the header keeps to: fixed-width
// integers, enums with explicit values, plain structs, functions; no callbacks, no macros with arguments. Anything else is
// an error with its line.
package cheader

// Header is what the file declares, in its order.
type Header struct {
	Intro   string            // the comment at the top, without its stars
	Defines map[string]string // #define NAME VALUE, as written, quotes included
	Decls   []any             // *Handle, *Enum, *Struct, *Func
}

// Handle is a typedef of an integer.
type Handle struct {
	Name, Type string
	Doc        string
	Line       int
}

// Enum is an enumeration without a name. Its values are constants of type int32.
type Enum struct {
	Doc    string
	Line   int
	Values []Value
}

// Value is one constant.
type Value struct {
	Name   string
	Number int64
	Doc    string // the comment behind it, empty if none
	Group  string // the comment on a line of its own that opened its part of the enumeration
	Line   int
}

// Struct is typedef struct NAME { ... } NAME.
type Struct struct {
	Name, Doc string
	Line      int
	Fields    []Field
}

// Field is one member.
type Field struct {
	Name   string
	Type   Type
	Array  int    // elements, 0: no array
	Func   *Func  // of a pointer to a function: its parameters; Type is empty then
	Only32 bool   // only where pointers have 32 bits: padding
	Doc    string // the comment behind it
	Line   int
}

// Func is one exported function.
type Func struct {
	Name, Doc string
	Line      int
	Return    Type
	Params    []Param // empty for (void)
}

// Param is one parameter.
type Param struct {
	Name string
	Type Type
}

// Type is a C type: at most one const, which is of what the pointer points to, and stars.
type Type struct {
	Base     string // "uint32_t", "musubi_config", "char", "void"
	Const    bool
	Pointers int
}

// String writes the type as C does.
func (t Type) String() string {
	s := t.Base
	if t.Const {
		s = "const " + s
	}
	if t.Pointers > 0 {
		s += " "
	}
	for range t.Pointers {
		s += "*"
	}
	return s
}

// Enums, Structs and Funcs are the declarations of a kind, in order.
func (h *Header) Enums() []*Enum     { return pick[*Enum](h) }
func (h *Header) Structs() []*Struct { return pick[*Struct](h) }
func (h *Header) Funcs() []*Func     { return pick[*Func](h) }

func pick[T any](h *Header) (found []T) {
	for _, d := range h.Decls {
		if t, ok := d.(T); ok {
			found = append(found, t)
		}
	}
	return found
}
