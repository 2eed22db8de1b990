package matrix

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Document is where the project shows one laboratory's figures: two files of their own, and a part of NAT.md between two
// marks.
type Document struct {
	Dir        string // the project's documents
	Name       string // of the files, without an ending
	Begin, End string // the marks, whole lines
	Title      string // of the picture
	Note       string // conditions, in the picture
}

// Write puts cells and report there. It looks for the marks first, so that it writes everything or nothing.
func (d *Document) Write(cells []Cell, report string) error {
	name := filepath.Join(d.Dir, "NAT.md")
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, begun := strings.Cut(string(text), d.Begin)
	_, after, ended := strings.Cut(rest, d.End)
	if !begun || !ended {
		return fmt.Errorf("%s has no place for these figures: no %q", name, strings.TrimSpace(d.Begin))
	}
	if err := WriteJSON(filepath.Join(d.Dir, d.Name+".json"), cells); err != nil {
		return err
	}
	picture := Heatmap{Out: filepath.Join(d.Dir, d.Name+".svg"), Title: d.Title, Note: d.Note}
	if err := picture.Write(cells); err != nil {
		return err
	}
	part := fmt.Sprintf("![%s](%s.svg)\n\n```\n%s\n```\n", d.Title, d.Name, strings.Trim(report, "\n"))
	return os.WriteFile(name, []byte(before+d.Begin+part+d.End+after), 0o644)
}
