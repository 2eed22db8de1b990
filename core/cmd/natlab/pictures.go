//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/film"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// The film's windows, pixels, and its pace. At half the arena's size a dot of the smaller text is one pixel, and two windows are as
// wide as a README.
const (
	filmWidth, filmHeight = windowWidth / 2, windowHeight / 2
	filmEvery             = 100 * time.Millisecond
	filmMost              = 20 * time.Second        // then it ends, whatever has not come
	filmCalm              = 1500 * time.Millisecond // before the second player comes, and at the end
)

// pictures makes what the README shows: one window with four players, and a film of two in which the direct path is cut.
func (c *playCmd) pictures(ctx context.Context, out io.Writer) error {
	if err := os.MkdirAll(c.Pictures, 0o755); err != nil {
		return err
	}
	if err := c.onStage(ctx, windowWidth, windowHeight, c.screenshot); err != nil {
		return err
	}
	fmt.Fprintln(out, filepath.Join(c.Pictures, "arena.png"))
	if err := c.onStage(ctx, 2*filmWidth, filmHeight, c.film); err != nil {
		return err
	}
	fmt.Fprintln(out, filepath.Join(c.Pictures, "arena.gif"))
	return nil
}

// onStage sets a stage with a display of that size and a server for a performance.
func (c *playCmd) onStage(ctx context.Context, width, height int, perform func(context.Context, *stage) error) (err error) {
	set, err := newStage(c.Here)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set.close()) }()
	if err := set.openDisplay(ctx, width, height); err != nil {
		return err
	}
	if err := set.startServer(ctx, c.BinDir); err != nil {
		return err
	}
	return perform(ctx, set)
}

// screenshot shows Ann's window while she plays with one neighbour and two players elsewhere, one of whom has cut its direct paths.
func (c *playCmd) screenshot(ctx context.Context, set *stage) error {
	ann, err := set.startGame(c.BinDir, wan.A, "Ann", place(0, windowWidth, windowHeight), "--bot", "3600", "--players", "4")
	if err != nil {
		return err
	}
	code, err := roomOf(ctx, ann)
	if err != nil {
		return err
	}
	var bob *harness.Process
	for _, other := range []struct {
		name string
		side wan.Side
		cut  []string
	}{{"Cleo", wan.A, nil}, {"Bob", wan.B, []string{"--cut", "1"}}, {"Dan", wan.B, nil}} {
		args := append([]string{code, "--bot", "3600", "--players", "4"}, other.cut...)
		p, err := set.startGame(c.BinDir, other.side, other.name, "", args...)
		if err != nil {
			return err
		}
		if other.name == "Bob" {
			bob = p
		}
	}
	if err := awaitRoutes(ctx, []*harness.Process{bob}, isDirect); err != nil {
		return err
	}
	cut, err := awaitEvent(ctx, bob, gameCut)
	if err != nil {
		return err
	}
	if _, err := ann.Await(ctx, gameRoute, harness.Since(cut), isRelay); err != nil { // only Bob's can be
		return err
	}
	if err := pause(ctx, 1200*time.Millisecond); err != nil { // some of it in the graph
		return err
	}
	picture, err := set.display.Picture()
	if err != nil {
		return err
	}
	return save(filepath.Join(c.Pictures, "arena.png"), func(w io.Writer) error {
		return (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(w, picture)
	})
}

// film takes pictures of two windows, from the join code to some seconds after the direct path has come back. Bob cuts it himself, so
// that his window says so.
func (c *playCmd) film(ctx context.Context, set *stage) error {
	ann, err := set.startGame(c.BinDir, wan.A, "Ann", place(0, filmWidth, filmHeight), c.bot()...)
	if err != nil {
		return err
	}
	code, err := roomOf(ctx, ann)
	if err != nil {
		return err
	}
	var pictures []*image.RGBA
	record := func(ctx context.Context, until func() bool) error {
		tick := time.NewTicker(filmEvery)
		defer tick.Stop()
		for !until() && len(pictures) < int(filmMost/filmEvery) {
			picture, err := set.display.Picture()
			if err != nil {
				return err
			}
			draw.Draw(picture, image.Rect(filmWidth-1, 0, filmWidth+1, filmHeight), image.White, image.Point{}, draw.Src) // between the windows
			pictures = append(pictures, picture)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	}
	alone := time.Now().Add(filmCalm)
	if err := record(ctx, func() bool { return time.Now().After(alone) }); err != nil {
		return err
	}
	bob, err := set.startGame(c.BinDir, wan.B, "Bob", place(1, filmWidth, filmHeight), append(c.bot(), "--cut", "1", code)...)
	if err != nil {
		return err
	}
	end := time.Duration(0)
	err = record(ctx, func() bool {
		if healed, ok := bob.Events().First(gameHealed); ok && end == 0 {
			if again, ok := ann.Events().First(gameRoute, harness.Since(healed.At), isDirect); ok {
				end = again.At + filmCalm
			}
		}
		return end > 0 && wan.Now() > end
	})
	if err != nil {
		return err
	}
	if err := goodbye(ctx, io.Discard, []*harness.Process{ann, bob}); err != nil {
		return err
	}
	return save(filepath.Join(c.Pictures, "arena.gif"), func(w io.Writer) error {
		return film.Encode(w, pictures, int(filmEvery/(10*time.Millisecond)))
	})
}

// save writes a file whole.
func save(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
