package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/musubi-p2p/musubi/capi/cheader"
)

// parts are the five parts of a function's comment (the lint in capi/cheader demands them).
type parts struct {
	what    string
	params  [][2]string // names, text
	threads string      // who may call it, and whether it blocks
	returns []string    // the clauses behind "Returns"
	rest    string      // a remark behind them
}

var (
	threadsAt = regexp.MustCompile(`(Any thread|One thread at a time)`)
	returnsAt = regexp.MustCompile(`(Returns |It can't fail)`)
)

// partsOf cuts a function's comment where the conventional words stand.
func partsOf(f *cheader.Func) (p parts) {
	doc := joined(f.Doc)
	cut := func(at *regexp.Regexp) (before, after string) {
		if i := at.FindStringIndex(doc); i != nil {
			return strings.TrimSpace(doc[:i[0]]), doc[i[0]:]
		}
		return doc, ""
	}
	head, tail := cut(threadsAt)
	doc = tail
	p.threads, tail = cut(returnsAt)
	p.returns, p.rest = clauses(strings.TrimPrefix(tail, "Returns "))

	var starts [][]int
	for _, at := range regexp.MustCompile(`\b[a-z_]+(?:, [a-z_]+)*: `).FindAllStringIndex(head, -1) {
		first, _, _ := strings.Cut(head[at[0]:at[1]-2], ",")
		if slices.ContainsFunc(f.Params, func(q cheader.Param) bool { return q.Name == first }) {
			starts = append(starts, at)
		}
	}
	p.what = head
	if len(starts) > 0 {
		p.what = strings.TrimSpace(head[:starts[0][0]])
	}
	for i, at := range starts {
		end := len(head)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		p.params = append(p.params, [2]string{head[at[0] : at[1]-2], strings.TrimSpace(head[at[1]:end])})
	}
	return p
}

// clauses cuts "0; ERR_X: why; ERR_Y. A remark." at the semicolons before a code, and the remark off.
func clauses(text string) (list []string, remark string) {
	if i := strings.Index(text, ". "); i >= 0 {
		text, remark = text[:i], text[i+2:]
	}
	last := 0
	for _, at := range regexp.MustCompile(`; (or )?(?:ERR_|0|1|the handle)`).FindAllStringIndex(text, -1) {
		list = append(list, text[last:at[0]])
		last = at[0] + 2
	}
	list = append(list, strings.TrimSuffix(text[last:], "."))
	for i, l := range list {
		list[i] = strings.TrimPrefix(strings.TrimSpace(l), "or ")
	}
	return list, remark
}

func joined(text string) string { return strings.Join(strings.Fields(text), " ") }

var (
	mention = regexp.MustCompile("(?i)`[^`]*`|\\bmusubi_\\w+|\\bERR_[A-Z_]+")
	special = strings.NewReplacer("<", "&lt;", ">", "&gt;", "*", `\*`)
)

// text makes Markdown of a comment: what the header declares becomes a link, and what it does not is an error.
func (w *writer) text(s string) string {
	var out strings.Builder
	last := 0
	for _, at := range mention.FindAllStringIndex(s, -1) {
		out.WriteString(escape(s[last:at[0]]))
		out.WriteString(w.mentioned(s[at[0]:at[1]]))
		last = at[1]
	}
	out.WriteString(escape(s[last:]))
	return out.String()
}

func escape(s string) string {
	if strings.HasPrefix(s, "**") { // of our own making: the head of a paragraph
		head, rest, _ := strings.Cut(s[2:], "**")
		return "**" + head + "**" + special.Replace(rest)
	}
	return special.Replace(s)
}

func (w *writer) mentioned(name string) string {
	if name[0] == '`' {
		return name
	}
	full := name
	if strings.HasPrefix(name, "ERR_") {
		full = "MUSUBI_" + name
	}
	anchor, known := w.names[full]
	family := strings.HasSuffix(name, "_") && slices.ContainsFunc(keys(w.names), func(n string) bool { return strings.HasPrefix(n, full) })
	switch {
	case anchor != "":
		return fmt.Sprintf("[%s](%s#%s)", name, w.functionsIn, anchor)
	case !known && !family:
		w.wrong = append(w.wrong, fmt.Errorf("a comment names %s, which is not declared", name))
	}
	return "`" + name + "`"
}

func keys(m map[string]string) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	return list
}

// cell is text for a table.
func (w *writer) cell(s string) string { return strings.ReplaceAll(w.text(s), "|", `\|`) }

// prototype writes a declaration on one line, or a parameter a line if that is too long.
func prototype(f *cheader.Func) string {
	var params []string
	for _, p := range f.Params {
		params = append(params, declared(p.Type, p.Name))
	}
	if len(params) == 0 {
		params = []string{"void"}
	}
	head := declared(f.Return, f.Name) + "("
	if line := head + strings.Join(params, ", ") + ")"; len(line) <= 110 {
		return line
	}
	return head + strings.Join(params, ",\n"+strings.Repeat(" ", len(head))) + ")"
}

func declared(t cheader.Type, name string) string {
	if s := t.String(); t.Pointers > 0 {
		return s + name
	} else {
		return s + " " + name
	}
}
