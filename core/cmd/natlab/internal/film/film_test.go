package film

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"testing"
)

// screen makes the memory of an Xvfb screen, with a name and a table of colours before the pixels, as a real one has.
func screen(w, h int, pixel func(x, y int) color.RGBA) []byte {
	words := [xwdWords]uint32{xwdHeaderSize: 4*xwdWords + 8, xwdVersion: 7, xwdFormat: 2, xwdWidth: uint32(w), xwdHeight: uint32(h),
		xwdBits: 32, xwdLine: uint32(4*w + 4), xwdColours: 2}
	var b []byte
	for _, word := range words {
		b = binary.BigEndian.AppendUint32(b, word)
	}
	b = append(b, make([]byte, 8+2*xwdColourBytes)...)
	for y := range h {
		for x := range w {
			c := pixel(x, y)
			b = append(b, c.B, c.G, c.R, 0)
		}
		b = append(b, 9, 9, 9, 9) // lines may be padded
	}
	return b
}

func TestPictureOfAScreen(t *testing.T) {
	want := func(x, y int) color.RGBA { return color.RGBA{uint8(10 * x), uint8(20 * y), 7, 255} }
	img, err := parseXWD(screen(5, 3, want))
	if err != nil {
		t.Fatal(err)
	}
	for y := range 3 {
		for x := range 5 {
			if img.RGBAAt(x, y) != want(x, y) {
				t.Errorf("%d, %d is %v, want %v", x, y, img.RGBAAt(x, y), want(x, y))
			}
		}
	}
}

func FuzzScreen(f *testing.F) {
	whole := screen(4, 2, func(int, int) color.RGBA { return color.RGBA{} })
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(whole[:4*xwdWords])
	f.Add([]byte{})
	for word := range xwdWords { // each word as large as can be
		b := bytes.Clone(whole)
		copy(b[4*word:], "\xff\xff\xff\xff")
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		img, err := parseXWD(b)
		if err != nil && !errors.Is(err, errXWD) {
			t.Errorf("error %v", err)
		}
		if err == nil && len(img.Pix) > len(b) {
			t.Errorf("%d bytes made of %d", len(img.Pix), len(b))
		}
	})
}

// A film shows each picture as it was, within what 255 colours allow; what stands still costs nothing but time.
func TestFilmShowsItsPictures(t *testing.T) {
	var pictures []*image.RGBA
	for i := range 4 {
		p := image.NewRGBA(image.Rect(0, 0, 40, 20))
		draw.Draw(p, p.Rect, image.NewUniform(color.RGBA{13, 17, 23, 255}), image.Point{}, draw.Src)
		x := 5 * min(i, 2) // the fourth is the third again
		draw.Draw(p, image.Rect(x, 4, x+6, 10), image.NewUniform(color.RGBA{255, 123, 114, 255}), image.Point{}, draw.Src)
		pictures = append(pictures, p)
	}
	var b bytes.Buffer
	if err := Encode(&b, pictures, 10); err != nil {
		t.Fatal(err)
	}
	got, err := gif.DecodeAll(&b)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Image) != 3 || got.Delay[2] != 20 {
		t.Fatalf("%d frames, delays %v; want 3, the last twice as long", len(got.Image), got.Delay)
	}
	shown := image.NewRGBA(pictures[0].Rect)
	for i, frame := range got.Image {
		draw.Draw(shown, frame.Rect, frame, frame.Rect.Min, draw.Over)
		if !bytes.Equal(shown.Pix, pictures[i].Pix) {
			t.Errorf("frame %d shows something else", i)
		}
	}
	if moved := got.Image[1].Rect; moved.Dx() > 11 || moved.Dy() > 6 {
		t.Errorf("the second frame covers %v, more than what has moved", moved)
	}
}
