package main

import (
	"fmt"
	"strings"

	"github.com/musubi-p2p/musubi/capi/cheader"
)

// csType translates a type. A pointer to a struct of ours is a pointer to its C# twin.
func csType(t cheader.Type, line int) (string, error) {
	name, ok := scalars[t.Base]
	if !ok {
		s, found := structNames[t.Base]
		if !found || t.Pointers == 0 {
			return "", fmt.Errorf("line %d: no C# type for %s: see capi/gencs/names.go", line, t)
		}
		name = s.name
	}
	return name + strings.Repeat("*", t.Pointers), nil
}

// field is a member with its place in 64-bit memory.
type field struct {
	cheader.Field
	cs     string
	offset int
}

// layout places the fields as C does.
func layout(s *cheader.Struct) (fields []field, size int, err error) {
	most := 1
	for _, c := range s.Fields {
		if c.Only32 {
			continue // padding that makes 32-bit places equal to these
		}
		f := field{Field: c, cs: "IntPtr"}
		if c.Func == nil {
			if f.cs, err = csType(c.Type, c.Line); err != nil {
				return nil, 0, err
			}
		}
		align := sizes[f.cs]
		if align == 0 {
			align = 8
		}
		most = max(most, align)
		f.offset = (size + align - 1) / align * align
		size = f.offset + align*max(1, c.Array)
		fields = append(fields, f)
	}
	return fields, (size + most - 1) / most * most, nil
}

// structure writes a struct. One with padding for 32-bit pointers gets explicit offsets, the same on every platform.
func (f *file) structure(s *cheader.Struct) error {
	n, ok := structNames[s.Name]
	if !ok {
		return fmt.Errorf("line %d: no C# name for %s: give it one in capi/gencs/names.go", s.Line, s.Name)
	}
	fields, size, err := layout(s)
	if err != nil {
		return err
	}
	explicit := false
	for _, c := range s.Fields {
		explicit = explicit || c.Only32
	}
	f.line("")
	f.doc(s.Doc, s.Name)
	if explicit {
		f.line("[StructLayout(LayoutKind.Explicit, Size = %d)]", size)
	} else {
		f.line("[StructLayout(LayoutKind.Sequential)]")
	}
	f.open("%s unsafe partial struct %s", visible(n.public), n.name)
	f.line("/// <summary>Bytes that this struct takes where pointers have 64 bits.</summary>")
	f.line("internal const int NativeSize = %d;", size)
	for _, c := range fields {
		f.line("")
		f.field(c, n.public, explicit)
	}
	f.close()
	return nil
}

func (f *file) field(c field, public, explicit bool) {
	hidden := c.Name == "struct_size" || strings.HasPrefix(c.Name, "reserved")
	shown := public && !hidden && c.Array == 0
	name := camel(c.Name)
	if shown {
		name = pascal(c.Name)
	}
	if !hidden {
		f.doc(c.Doc, c.Name)
	}
	if explicit {
		f.line("[FieldOffset(%d)]", c.offset)
	}
	cs := c.cs
	if cs == "uint" {
		cs = enumOf(c.Doc, cs)
	}
	switch {
	case c.Array > 0:
		f.line("%s fixed %s %s[%d];", visible(shown), cs, name, c.Array)
	default:
		f.line("%s %s %s;", visible(shown), cs, name)
	}
}

// enumOf finds the enumeration that a field's comment names by its prefix.
func enumOf(doc, otherwise string) string {
	if word, _, _ := strings.Cut(strings.ReplaceAll(doc, ":", " "), " "); strings.HasPrefix(word, "MUSUBI_") {
		for _, n := range enumNames {
			if n.prefix == word && n.kind == otherwise {
				return n.name
			}
		}
	}
	return otherwise
}

func visible(public bool) string {
	if public {
		return "public"
	}
	return "internal"
}

// functions writes the DllImports.
func (f *file) functions(list []*cheader.Func) error {
	f.line("")
	f.line("/// <summary>The functions of the library, as the header declares them. Every one may be called on any thread.</summary>")
	f.open("internal static unsafe class NativeMethods")
	f.line("#if UNITY_IOS && !UNITY_EDITOR")
	f.line("internal const string Library = \"__Internal\"; // linked into the program: iOS loads no libraries of ours")
	f.line("#else")
	f.line("internal const string Library = \"musubi\";")
	f.line("#endif")
	for _, c := range list {
		f.line("")
		if err := f.function(c); err != nil {
			return err
		}
	}
	f.close()
	return nil
}

func (f *file) function(c *cheader.Func) error {
	back, err := csType(c.Return, c.Line)
	if err != nil {
		return err
	}
	var params []string
	for _, p := range c.Params {
		cs, err := csType(p.Type, c.Line)
		if err != nil {
			return err
		}
		params = append(params, cs+" "+camel(p.Name))
	}
	f.doc(c.Doc, c.Name)
	f.line("[DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]")
	f.line("internal static extern %s %s(%s);", back, c.Name, strings.Join(params, ", "))
	return nil
}
