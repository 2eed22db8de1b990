package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"

	"github.com/musubi-p2p/musubi/core/server"
)

// envPrefix begins the environment's names of all settings: --tls-listen is MUSUBI_TLS_LISTEN.
const envPrefix = "MUSUBI"

// fileSettings gives `musubi server` the settings of a TOML file whose keys are the flags' names. The environment is stronger
// than the file, and the command line than both.
type fileSettings struct {
	path   string
	values map[string]any
}

// loadSettings reads the file; no path: no settings.
func loadSettings(path string) (*fileSettings, error) {
	f := &fileSettings{path: path}
	if path == "" {
		return f, nil
	}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &server.UsageError{Text: fmt.Sprintf("--config %s: there is no such file", path)}
	case err != nil:
		return nil, &server.UsageError{Text: fmt.Sprintf("--config %s can't be read: %v", path, err)}
	}
	if _, err := toml.Decode(string(text), &f.values); err != nil {
		var parse toml.ParseError
		if errors.As(err, &parse) {
			return nil, &server.UsageError{Text: fmt.Sprintf("--config %s, line %d: %s", path, parse.Position.Line, parse.Message)}
		}
		return nil, &server.UsageError{Text: fmt.Sprintf("--config %s: %v", path, err)}
	}
	return f, nil
}

// check refuses keys that are no setting, and values that no flag could have.
func (f *fileSettings) check(flags []*kong.Flag) error {
	allowed := []string{}
	for _, flag := range flags {
		if settable(flag) {
			allowed = append(allowed, flag.Name)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(f.values)) {
		if !slices.Contains(allowed, key) {
			hint := ""
			if near := nearest(key, allowed); near != "" {
				hint = fmt.Sprintf(", did you mean %q?", near)
			}
			return &server.UsageError{Text: fmt.Sprintf("--config %s: %q is not a setting%s; allowed are: %s", f.path, key, hint, strings.Join(allowed, ", "))}
		}
		if _, err := asFlag(f.values[key]); err != nil {
			return &server.UsageError{Text: fmt.Sprintf("--config %s: %s %v", f.path, key, err)}
		}
	}
	for _, flag := range flags {
		value, ok := f.values[flag.Name]
		if wanted := fits(flag.Target.Kind(), value); ok && wanted != "" {
			text, _ := asFlag(value)
			return &server.UsageError{Text: fmt.Sprintf("--config %s: %s = %q is not %s", f.path, flag.Name, text, wanted)}
		}
	}
	return nil
}

// fits says what kind of value a flag wants, if a TOML value is of another one. A single value may stand for a list of one.
func fits(kind reflect.Kind, value any) (wanted string) {
	switch kind {
	case reflect.Bool:
		if _, ok := value.(bool); !ok {
			return "true or false, without quotation marks"
		}
	case reflect.String:
		if _, ok := value.(string); !ok {
			return "a text in quotation marks"
		}
	case reflect.Int, reflect.Uint32, reflect.Uint64:
		if _, ok := value.(int64); !ok {
			return "a whole number, without quotation marks"
		}
	}
	return ""
}

// nearest is the setting that was probably meant: the same but for case and underscores, or one that a few changed letters away; empty: none is near.
func nearest(key string, allowed []string) (near string) {
	key = strings.ReplaceAll(strings.ToLower(key), "_", "-")
	least := len(key)/3 + 1
	for _, name := range allowed {
		if d := distance(key, name); d < least {
			near, least = name, d
		}
	}
	return near
}

// distance is how many letters must be put in, left out or changed to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

var flagInText = regexp.MustCompile(`--([a-z0-9-]+)`)

// fromWhere tells where the setting comes from that an error names first, if that is not the command line; it ends the error's sentence.
func fromWhere(ctx *kong.Context, text string) string {
	named := flagInText.FindStringSubmatch(text)
	if ctx == nil || named == nil {
		return ""
	}
	for _, s := range settingsOf(ctx) {
		if s.name == named[1] && s.from != "default" && s.from != "command line" && !strings.Contains(text, s.from) {
			return " (--" + s.name + " is from " + s.from + ")"
		}
	}
	return ""
}

// settable tells the flags that a file may set from those about the call itself.
func settable(flag *kong.Flag) bool {
	return !slices.Contains([]string{"help", "config", "check"}, flag.Name)
}

// Validate does nothing: what the keys may be depends on the command, which check knows.
func (f *fileSettings) Validate(*kong.Application) error { return nil }

// Resolve gives one flag its value from the file.
func (f *fileSettings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := f.values[flag.Name]
	if !ok || fromEnv(flag) != "" || !settable(flag) {
		return nil, nil
	}
	return asFlag(value)
}

// fromEnv is the name of the environment's variable that sets a flag, if one does.
func fromEnv(flag *kong.Flag) string {
	for _, name := range flag.Envs {
		if _, ok := os.LookupEnv(name); ok {
			return name
		}
	}
	return ""
}

// asFlag writes a TOML value as the command line would: lists with commas between.
func asFlag(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case int64, bool, float64:
		return fmt.Sprint(v), nil
	case []any:
		parts := []string{}
		for _, item := range v {
			part, err := asFlag(item)
			if err != nil {
				return "", err
			}
			parts = append(parts, part)
		}
		return strings.Join(parts, ","), nil
	}
	return "", fmt.Errorf("is a table or a date; allowed are text, numbers, true, false and lists of them")
}

// BeforeResolve adds the file as a source of settings, once it is known which it is.
func (c *serverCommand) BeforeResolve(ctx *kong.Context) error {
	path := ""
	for _, flag := range ctx.Flags() {
		if flag.Name == "config" {
			path, _ = ctx.FlagValue(flag).(string)
			if env := fromEnv(flag); path == "" && env != "" {
				path = os.Getenv(env)
			}
		}
	}
	file, err := loadSettings(path)
	if err != nil {
		return err
	}
	if err := file.check(ctx.Flags()); err != nil {
		return err
	}
	c.file = file
	ctx.AddResolver(file)
	return nil
}

// setting is one setting as it came out, and where from.
type setting struct{ name, value, from string }

// settingsOf lists a parsed command's settings.
func settingsOf(ctx *kong.Context) (list []setting) {
	given := map[*kong.Flag]bool{}
	for _, p := range ctx.Path {
		if p.Flag != nil && !p.Resolved {
			given[p.Flag] = true
		}
	}
	for _, flag := range ctx.Flags() {
		if !settable(flag) {
			continue
		}
		s := setting{name: flag.Name, value: fmt.Sprint(flag.Target.Interface()), from: "default"}
		if keys, ok := flag.Target.Interface().([]string); ok && flag.Name == "auth-key" && len(keys) > 0 { // perhaps secrets
			s.value = fmt.Sprintf("%d, not shown", len(keys))
		}
		switch env := fromEnv(flag); {
		case given[flag]:
			s.from = "command line"
		case env != "":
			s.from = env
		default:
			if _, ok := currentFile(ctx).values[flag.Name]; ok {
				s.from = currentFile(ctx).path
			}
		}
		list = append(list, s)
	}
	return list
}

// currentFile is the file that the command of ctx has read; never nil.
func currentFile(ctx *kong.Context) *fileSettings {
	if node := ctx.Selected(); node != nil {
		if c, ok := node.Target.Addr().Interface().(*serverCommand); ok && c.file != nil {
			return c.file
		}
	}
	return &fileSettings{}
}

// check prints what the settings come to and whether a server could start with them now.
func (c *serverCommand) check(std streams, settings []setting) error {
	for _, s := range settings {
		value := s.value
		if value == "" || value == "[]" {
			value = "-"
		}
		fmt.Fprintf(std.out, "%-14s %-28s %s\n", s.name, value, s.from)
	}
	for _, name := range os.Environ() {
		name, _, _ = strings.Cut(name, "=")
		if strings.HasPrefix(name, envPrefix+"_") && !slices.ContainsFunc(settings, func(s setting) bool { return envName(s.name) == name }) && name != envName("config") {
			fmt.Fprintf(std.out, "%s in the environment is not a setting: ignored\n", name)
		}
	}
	findings, err := server.Check(c.config(c.logger(std)))
	for _, f := range findings {
		fmt.Fprintln(std.out, f)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(std.out, "ok: a server can start with these settings")
	return nil
}

func envName(flag string) string {
	return envPrefix + "_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
