package cheader

import (
	"fmt"
	"strings"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenNumber
	tokenString
	tokenMark      // one character
	tokenComment   // text without stars
	tokenDirective // a line that begins with #, without it
)

type token struct {
	kind      tokenKind
	text      string
	line, end int  // first and last line
	own       bool // a comment that has its lines for itself
}

// tokens cuts the header. What is meant for C++ only is left out.
func tokens(source string) ([]token, error) {
	var out []token
	line, cplusplus, depth := 1, 0, 0 // depth of #if; cplusplus: the one in which __cplusplus was asked for
	for i := 0; i < len(source); {
		c := source[i]
		rest := source[i:]
		t := token{line: line}
		switch {
		case c == '\n':
			line++
			i++
			continue
		case c == ' ' || c == '\t' || c == '\r':
			i++
			continue
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest, "*/")
			if n < 0 {
				return nil, fmt.Errorf("line %d: comment without an end", line)
			}
			before := source[strings.LastIndexByte(source[:i], '\n')+1 : i]
			t.kind, t.text, t.own = tokenComment, unstar(rest[:n+2]), strings.TrimSpace(before) == ""
			line += strings.Count(rest[:n], "\n")
			i += n + 2
		case c == '#':
			n := strings.IndexByte(rest, '\n')
			t.kind, t.text = tokenDirective, strings.TrimSpace(rest[1:n])
			i += n
			switch {
			case strings.HasPrefix(t.text, "if"):
				if depth++; t.text == "ifdef __cplusplus" {
					cplusplus = depth
				}
			case t.text == "endif":
				if depth--; depth < cplusplus {
					cplusplus = 0
				}
			}
		case c == '"':
			n := strings.IndexByte(rest[1:], '"') + 2
			t.kind, t.text = tokenString, rest[:n]
			i += n
		case isWord(c):
			n := 1
			for n < len(rest) && isWord(rest[n]) {
				n++
			}
			t.kind, t.text = tokenWord, rest[:n]
			if c >= '0' && c <= '9' {
				t.kind = tokenNumber
			}
			i += n
		case strings.IndexByte("(){}[];,=*-<|", c) >= 0:
			t.kind, t.text = tokenMark, rest[:1]
			i++
		default:
			return nil, fmt.Errorf("line %d: unexpected %q", line, c)
		}
		t.end = line
		if cplusplus == 0 {
			out = append(out, t)
		}
	}
	return append(out, token{line: line, end: line}), nil
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// unstar takes the stars off a comment; what is indented more than its text stays so.
func unstar(comment string) string {
	lines := strings.Split(strings.TrimSuffix(strings.TrimPrefix(comment, "/*"), "*/"), "\n")
	for i, l := range lines {
		l = strings.TrimRight(l, " ")
		if i > 0 {
			l = strings.TrimLeft(l, " \t")
			l = strings.TrimPrefix(l, "*")
		}
		lines[i] = strings.TrimPrefix(l, " ")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
