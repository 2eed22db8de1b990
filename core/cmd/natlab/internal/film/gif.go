package film

import (
	"cmp"
	"image"
	"image/color"
	"image/gif"
	"io"
	"slices"
)

// colours of a film: a GIF has 256, one of which means "as before".
const colours = 255

// Encode writes pictures of one size as a GIF that repeats for ever. hundredths: of a second that each is shown.
func Encode(w io.Writer, pictures []*image.RGBA, hundredths int) error {
	p := newPalette(pictures)
	film := &gif.GIF{}
	var before *image.RGBA
	for _, picture := range pictures {
		changed := difference(before, picture)
		if changed.Empty() { // the one before stays longer
			film.Delay[len(film.Delay)-1] += hundredths
			continue
		}
		film.Image = append(film.Image, p.frame(before, picture, changed))
		film.Delay = append(film.Delay, hundredths)
		film.Disposal = append(film.Disposal, gif.DisposalNone)
		before = picture
	}
	return gif.EncodeAll(w, film)
}

// difference is the smallest rectangle outside of which nothing has changed.
func difference(before, now *image.RGBA) (changed image.Rectangle) {
	if before == nil {
		return now.Rect
	}
	for y := range now.Rect.Dy() {
		a, b := before.Pix[y*before.Stride:][:before.Stride], now.Pix[y*now.Stride:][:now.Stride]
		first := 0
		for first < len(b) && a[first] == b[first] {
			first++
		}
		if first == len(b) {
			continue
		}
		last := len(b) - 1
		for a[last] == b[last] {
			last--
		}
		changed = changed.Union(image.Rect(first/4, y, last/4+1, y+1))
	}
	return changed
}

// palette maps colours to the 255 that a film needs most.
type palette struct {
	list  color.Palette
	index map[uint16]uint8 // by the colour's five highest bits of each part
}

func key(pix []byte) uint16 {
	return uint16(pix[0]>>3)<<10 | uint16(pix[1]>>3)<<5 | uint16(pix[2]>>3)
}

// newPalette takes the most frequent colours; each of them is the mean of those that share its key, so that large even areas
// keep theirs exactly.
func newPalette(pictures []*image.RGBA) *palette {
	type sum struct{ key, n, r, g, b int }
	sums := make([]sum, 1<<15)
	for _, picture := range pictures {
		for i := 0; i+3 < len(picture.Pix); i += 4 {
			pix := picture.Pix[i : i+3]
			s := &sums[key(pix)]
			s.n, s.r, s.g, s.b = s.n+1, s.r+int(pix[0]), s.g+int(pix[1]), s.b+int(pix[2])
		}
	}
	for k := range sums {
		sums[k].key = k
	}
	slices.SortFunc(sums, func(a, b sum) int { return cmp.Or(b.n-a.n, a.key-b.key) })
	p := &palette{list: make(color.Palette, 0, colours+1), index: make(map[uint16]uint8)}
	for _, s := range sums {
		if s.n == 0 || len(p.list) == colours {
			break
		}
		p.list = append(p.list, color.RGBA{uint8(s.r / s.n), uint8(s.g / s.n), uint8(s.b / s.n), 255})
	}
	p.list = append(p.list, color.RGBA{}) // as before
	return p
}

// at finds the nearest colour.
func (p *palette) at(pix []byte) uint8 {
	k := key(pix)
	i, known := p.index[k]
	if !known {
		n := len(p.list) - 1
		i = uint8(p.list[:n].Index(color.RGBA{pix[0], pix[1], pix[2], 255}))
		p.index[k] = i
	}
	return i
}

// frame makes a frame of what has changed; inside of it, too, what has not is left out, which packs best.
func (p *palette) frame(before, now *image.RGBA, changed image.Rectangle) *image.Paletted {
	f := image.NewPaletted(changed, p.list)
	same := uint8(len(p.list) - 1)
	for y := changed.Min.Y; y < changed.Max.Y; y++ {
		for x := changed.Min.X; x < changed.Max.X; x++ {
			at := now.PixOffset(x, y)
			pix := now.Pix[at : at+3]
			index := p.at(pix)
			if before != nil && p.at(before.Pix[at:at+3]) == index {
				index = same
			}
			f.Pix[f.PixOffset(x, y)] = index
		}
	}
	return f
}
