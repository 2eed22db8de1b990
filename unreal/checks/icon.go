//go:build ignore

// Draws the plugin's icon, a knot that joins two ends:  go run unreal/checks/icon.go unreal/Musubi/Resources/Icon128.png
package main

import (
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
)

const (
	size = 128 // pixels, what the engine's plugin browser wants
	fine = 4   // samples a pixel, each way
)

type rgb struct{ r, g, b float64 }

var (
	ground = rgb{0.07, 0.09, 0.14}
	left   = rgb{0.98, 0.45, 0.36}
	right  = rgb{0.36, 0.72, 0.98}
)

// strand is a point's distance to a cord that swings around the middle line, and whether the cord lies above there.
func strand(x, y, phase float64) (distance float64, above bool) {
	best, bestT := 1e9, 0.0
	for t := 0.0; t <= 1; t += 0.004 {
		px := 14 + 100*t
		amplitude := 26 * math.Sin(math.Pi*t) // the ends meet the middle line
		if d := math.Hypot(x-px, y-(64+amplitude*math.Sin(3*math.Pi*t+phase))); d < best {
			best, bestT = d, t
		}
	}
	return best, math.Cos(3*math.Pi*bestT+phase) > 0
}

func at(x, y float64) (c rgb, alpha float64) {
	if dx, dy := math.Max(math.Abs(x-64)-44, 0), math.Max(math.Abs(y-64)-44, 0); math.Hypot(dx, dy) > 18 {
		return ground, 0 // outside the rounded square
	}
	c = ground
	const cord, edge = 6.0, 9.0
	da, aAbove := strand(x, y, 0)
	db, _ := strand(x, y, math.Pi)
	paint := func(d float64, ink rgb) {
		if d < cord {
			shade := 1 - 0.35*(d/cord)*(d/cord)
			c = rgb{ink.r * shade, ink.g * shade, ink.b * shade}
		} else if d < edge {
			c = ground
		}
	}
	if aAbove {
		paint(db, right)
		paint(da, left)
	} else {
		paint(da, left)
		paint(db, right)
	}
	for i, ink := range []rgb{left, right} { // the two ends
		if d := math.Hypot(x-[]float64{14, 114}[i], y-64); d < 9 {
			c = ink
		}
	}
	return c, 1
}

func main() {
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	for py := range size {
		for px := range size {
			var sum rgb
			var cover float64
			for s := range fine * fine {
				c, a := at(float64(px)+(float64(s%fine)+0.5)/fine, float64(py)+(float64(s/fine)+0.5)/fine)
				sum.r, sum.g, sum.b, cover = sum.r+c.r*a, sum.g+c.g*a, sum.b+c.b*a, cover+a
			}
			if cover > 0 {
				img.SetNRGBA(px, py, color.NRGBA{uint8(255 * sum.r / cover), uint8(255 * sum.g / cover), uint8(255 * sum.b / cover), uint8(255 * cover / fine / fine)})
			}
		}
	}
	out, err := os.Create(os.Args[1])
	if err == nil {
		err = png.Encode(out, img)
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
}
