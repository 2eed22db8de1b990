package cheader

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ReadFile reads a header.
func ReadFile(path string) (*Header, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(string(source))
}

// Parse reads the text of a header.
func Parse(source string) (h *Header, err error) {
	all, err := tokens(source)
	if err != nil {
		return nil, err
	}
	p := &parser{in: all, h: &Header{Defines: map[string]string{}}}
	defer func() {
		if r := recover(); r != nil {
			wrong, ok := r.(mistake)
			if !ok {
				panic(r)
			}
			h, err = nil, wrong
		}
	}()
	p.file()
	return p.h, nil
}

// mistake is what the parser panics with, inside this package only.
type mistake struct{ text string }

func (m mistake) Error() string { return m.text }

type parser struct {
	in     []token
	h      *Header
	doc    token // the comment that ends on the line before the next declaration
	only32 bool
}

func (p *parser) fail(format string, args ...any) {
	panic(mistake{fmt.Sprintf("line %d: ", p.in[0].line) + fmt.Sprintf(format, args...)})
}

func (p *parser) take() token {
	t := p.in[0]
	if t.kind != tokenEnd {
		p.in = p.in[1:]
	}
	return t
}

func (p *parser) is(text string) bool {
	return p.in[0].text == text && p.in[0].kind != tokenComment && p.in[0].kind != tokenString
}

func (p *parser) accept(text string) bool {
	if !p.is(text) {
		return false
	}
	p.take()
	return true
}

func (p *parser) expect(text string) {
	if !p.accept(text) {
		p.fail("%q expected, %q found", text, p.in[0].text)
	}
}

func (p *parser) word() string {
	if p.in[0].kind != tokenWord {
		p.fail("a name expected, %q found", p.in[0].text)
	}
	return p.take().text
}

// docFor is the comment that belongs to a declaration at a line.
func (p *parser) docFor(line int) string {
	if p.doc.kind == tokenComment && p.doc.end+1 == line {
		return p.doc.text
	}
	return ""
}

// behind is the comment on the line on which something ended; "" if there is none.
func (p *parser) behind(line int) string {
	if t := p.in[0]; t.kind == tokenComment && t.line == line && !t.own {
		return p.take().text
	}
	return ""
}

func (p *parser) file() {
	for {
		t := p.in[0]
		switch {
		case t.kind == tokenEnd:
			return
		case t.kind == tokenComment:
			if p.h.Intro == "" {
				p.h.Intro = t.text
			}
			p.doc = p.take()
		case t.kind == tokenDirective:
			p.directive()
		case t.text == "enum":
			p.enum()
		case t.text == "typedef":
			p.typedef()
		case t.text == "MUSUBI_API":
			p.take()
			f := &Func{Doc: p.docFor(t.line), Line: t.line}
			f.Return, f.Name = p.declared()
			f.Params = p.params()
			p.expect(";")
			p.h.Decls = append(p.h.Decls, f)
		default:
			p.fail("%q begins nothing that this header may have", t.text)
		}
	}
}

func (p *parser) directive() {
	text := p.take().text
	if words := strings.Fields(text); words[0] == "define" && len(words) > 2 {
		p.h.Defines[words[1]] = strings.Join(words[2:], " ")
	}
	switch {
	case strings.HasPrefix(text, "if UINTPTR_MAX == 0xffffffff"):
		p.only32 = true
	case text == "endif":
		p.only32 = false
	}
}

func (p *parser) enum() {
	e := &Enum{Line: p.in[0].line, Doc: p.docFor(p.in[0].line)}
	group := ""
	p.take()
	p.expect("{")
	for !p.is("}") {
		if p.in[0].kind == tokenComment {
			if c := p.take(); c.own {
				group = c.text
			} else {
				e.Doc = c.text // "enum { /* what they are */"
			}
			continue
		}
		v := Value{Line: p.in[0].line, Group: group}
		v.Name = p.word()
		if !p.is("=") {
			p.fail("%s has no explicit value", v.Name)
		}
		p.take()
		v.Number = p.number()
		end := p.in[0].line
		if !p.accept(",") {
			end = v.Line
		}
		v.Doc = p.behind(end)
		e.Values = append(e.Values, v)
	}
	p.expect("}")
	p.expect(";")
	p.h.Decls = append(p.h.Decls, e)
}

func (p *parser) number() int64 {
	sign := int64(1)
	if p.accept("-") {
		sign = -1
	}
	t := p.take()
	n, err := strconv.ParseInt(strings.TrimRight(t.text, "uU"), 0, 64)
	if t.kind != tokenNumber || err != nil {
		p.fail("a number expected, %q found", t.text)
	}
	return sign * n
}

func (p *parser) typedef() {
	line := p.in[0].line
	doc := p.docFor(line)
	p.take()
	if !p.accept("struct") {
		h := &Handle{Doc: doc, Line: line, Type: p.word()}
		h.Name = p.word()
		p.expect(";")
		p.h.Decls = append(p.h.Decls, h)
		return
	}
	s := &Struct{Name: p.word(), Doc: doc, Line: line}
	p.expect("{")
	for !p.is("}") {
		switch p.in[0].kind {
		case tokenComment:
			p.take()
		case tokenDirective:
			p.directive()
		default:
			s.Fields = append(s.Fields, p.field())
		}
	}
	p.expect("}")
	if name := p.word(); name != s.Name {
		p.fail("struct %s is called %s behind its end", s.Name, name)
	}
	p.expect(";")
	p.h.Decls = append(p.h.Decls, s)
}

func (p *parser) field() Field {
	f := Field{Line: p.in[0].line, Only32: p.only32}
	f.Type = p.ctype()
	if p.accept("(") { // a pointer to a function
		p.expect("*")
		f.Name = p.word()
		p.expect(")")
		f.Func = &Func{Name: f.Name, Line: f.Line, Return: f.Type, Params: p.params()}
		f.Type = Type{}
	} else {
		f.Name = p.word()
	}
	if p.accept("[") {
		f.Array = int(p.number())
		p.expect("]")
	}
	end := p.in[0].line
	p.expect(";")
	f.Doc = p.behind(end)
	if f.Func != nil {
		f.Func.Doc = f.Doc
	}
	return f
}

func (p *parser) ctype() (t Type) {
	t.Const = p.accept("const")
	p.accept("struct")
	t.Base = p.word()
	for p.accept("*") {
		t.Pointers++
	}
	return t
}

func (p *parser) declared() (Type, string) { return p.ctype(), p.word() }

func (p *parser) params() (list []Param) {
	p.expect("(")
	for !p.accept(")") {
		t := p.ctype()
		if t == (Type{Base: "void"}) && len(list) == 0 && p.is(")") {
			continue
		}
		q := Param{Type: t}
		if p.in[0].kind == tokenWord {
			q.Name = p.take().text
		}
		list = append(list, q)
		if !p.is(")") {
			p.expect(",")
		}
	}
	return list
}
