package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/musubi-p2p/musubi/capi/cheader"
	"github.com/musubi-p2p/musubi/core/api"
)

// writer collects the document, and what is wrong with the header's comments.
type writer struct {
	strings.Builder
	h     *cheader.Header
	names map[string]string // declared name: its heading's anchor, empty if it has none of its own
	wrong []error
	// functionsIn is the document whose headings the names of functions and structs link to; empty: this one.
	functionsIn string
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// reference is the whole document. A comment that names something that is not declared is an error.
func reference(h *cheader.Header) (string, error) {
	w := &writer{h: h, names: anchors(h)}
	w.line("# The C API")
	w.line("")
	w.line("Reference of `include/musubi.h`, version %s, ABI %s. Generated from the header's comments by `./build.sh docs`; don't edit.",
		strings.Trim(h.Defines["MUSUBI_VERSION"], `"`), h.Defines["MUSUBI_ABI_VERSION"])
	w.line("What an engine must and must not do with the library: [ENGINES.md](ENGINES.md).")
	w.line("")
	w.introduction()
	w.overview()
	w.functions()
	w.structs()
	w.events()
	w.errors()
	w.constants()
	text := strings.ReplaceAll(w.String(), "\n\n```\n", "\n```\n\n") // a blank line ends code, and is none of it
	return strings.TrimRight(text, "\n") + "\n", errors.Join(w.wrong...)
}

func anchors(h *cheader.Header) map[string]string {
	names := map[string]string{"MUSUBI_API": "", "MUSUBI_VERSION": "", "MUSUBI_ABI_VERSION": ""}
	for _, d := range h.Decls {
		switch d := d.(type) {
		case *cheader.Handle:
			names[d.Name] = "handles"
		case *cheader.Struct:
			names[d.Name] = d.Name
		case *cheader.Func:
			names[d.Name] = d.Name
		case *cheader.Enum:
			for _, v := range d.Values {
				names[v.Name] = ""
			}
		}
	}
	return names
}

// introduction writes the header's first comment: paragraphs, some of which begin with a word in capitals, and code.
func (w *writer) introduction() {
	code := false
	for _, l := range strings.Split(w.h.Intro, "\n") {
		indented := strings.HasPrefix(l, "    ")
		if indented != code && (indented || l != "") {
			w.line("%s", map[bool]string{true: "```c", false: "```"}[indented])
			code = indented
		}
		if code {
			w.line("%s", strings.TrimPrefix(l, "    "))
			continue
		}
		if head, rest, ok := strings.Cut(l, ". "); ok && head == strings.ToUpper(head) && head != "" {
			l = "**" + head[:1] + strings.ToLower(head[1:]) + ".** " + rest
		}
		w.line("%s", w.text(l))
	}
	w.line("")
	w.line("## Handles")
	for _, d := range w.h.Decls {
		if d, ok := d.(*cheader.Handle); ok {
			w.line("* `%s` (`%s`): %s", d.Name, d.Type, w.text(joined(d.Doc)))
		}
	}
	w.line("")
}

func (w *writer) overview() {
	w.line("## Functions at a glance")
	w.line("")
	w.line("| function | what it does |")
	w.line("|---|---|")
	for _, f := range w.h.Funcs() {
		what, _, _ := strings.Cut(strings.ReplaceAll(partsOf(f).what, ";", "."), ". ")
		w.line("| [%s](#%s) | %s |", f.Name, f.Name, w.cell(strings.TrimSuffix(what, ".")))
	}
	w.line("")
}

func (w *writer) functions() {
	w.line("## Functions")
	w.line("")
	for _, f := range w.h.Funcs() {
		p := partsOf(f)
		w.line("### %s", f.Name)
		w.line("```c")
		w.line("%s;", prototype(f))
		w.line("```")
		w.line("%s", w.text(p.what))
		w.line("")
		for _, a := range p.params {
			w.line("* **%s**: %s", a[0], w.text(a[1]))
		}
		if len(p.params) > 0 {
			w.line("")
		}
		w.line("*Threads:* %s", w.text(p.threads))
		w.line("")
		if len(p.returns) == 1 {
			w.line("*Returns:* %s", w.text(p.returns[0]))
		} else {
			w.line("*Returns:*")
			for _, r := range p.returns {
				w.line("* %s", w.text(r))
			}
		}
		if p.rest != "" {
			w.line("")
			w.line("%s", w.text(p.rest))
		}
		w.line("")
	}
}

func (w *writer) structs() {
	w.line("## Structs")
	w.line("")
	for _, s := range w.h.Structs() {
		w.line("### %s", s.Name)
		w.line("%s", w.text(joined(s.Doc)))
		w.line("")
		w.line("| member | type | |")
		w.line("|---|---|---|")
		for _, f := range s.Fields {
			kind, doc := f.Type.String(), joined(f.Doc)
			switch {
			case f.Only32:
				continue
			case f.Func != nil:
				kind, doc = "pointer to function", "as musubi_"+f.Name
			case f.Array > 0:
				kind = fmt.Sprintf("%s[%d]", kind, f.Array)
			case f.Name == "struct_size":
				doc = "bytes: sizeof(" + s.Name + ")"
			}
			w.line("| `%s` | `%s` | %s |", f.Name, kind, w.cell(doc))
		}
		w.line("")
	}
}

// holds reports whether an enumeration is the one of a value.
func holds(e *cheader.Enum, name string) bool { return e.Values[0].Name == name }

func (w *writer) events() {
	for _, e := range w.h.Enums() {
		if !holds(e, "MUSUBI_EVENT_NONE") {
			continue
		}
		w.line("## Events")
		w.line("")
		w.line("%s See [musubi_event](#musubi_event).", w.text(joined(e.Doc)))
		w.line("")
		w.values(e)
	}
}

// errors adds what musubi_strerror says.
func (w *writer) errors() {
	for _, e := range w.h.Enums() {
		if !holds(e, "MUSUBI_OK") {
			continue
		}
		w.line("## Errors")
		w.line("")
		w.line("%s", w.text(joined(e.Doc)))
		w.line("")
		w.line("| code | name | about | when | musubi_strerror |")
		w.line("|---:|---|---|---|---|")
		for _, v := range e.Values {
			w.line("| %d | `%s` | %s | %s | %s |", v.Number, v.Name, w.cell(joined(v.Group)), w.cell(joined(v.Doc)), w.cell(api.Code(v.Number).String()))
		}
		w.line("")
	}
}

func (w *writer) constants() {
	w.line("## Constants")
	w.line("")
	for _, e := range w.h.Enums() {
		if holds(e, "MUSUBI_EVENT_NONE") || holds(e, "MUSUBI_OK") {
			continue
		}
		for _, paragraph := range strings.Split(e.Doc, "\n\n") {
			w.line("%s", w.text(joined(paragraph)))
			w.line("")
		}
		w.values(e)
	}
}

func (w *writer) values(e *cheader.Enum) {
	w.line("| value | name | |")
	w.line("|---:|---|---|")
	for _, v := range e.Values {
		w.line("| %d | `%s` | %s |", v.Number, v.Name, w.cell(joined(v.Doc)))
	}
	w.line("")
}
