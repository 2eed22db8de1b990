package film

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
)

// An XWD file (X11/XWDFile.h) is a header of 32-bit words in network order, a table of colours, and the pixels. The words that
// count here, by their place:
const (
	xwdHeaderSize  = 0 // bytes, the window's name included
	xwdVersion     = 1 // 7
	xwdFormat      = 2 // 2: ZPixmap
	xwdWidth       = 4
	xwdHeight      = 5
	xwdOrder       = 7  // 0: least byte first
	xwdBits        = 11 // of a pixel
	xwdLine        = 12 // bytes
	xwdColours     = 19 // in the table
	xwdWords       = 25
	xwdColourBytes = 12
	maxSide        = 1 << 14 // pixels: no screen is larger
)

var errXWD = errors.New("not the memory of an X screen with 32 bits a pixel")

// parseXWD makes a picture of the memory of a 24-bit screen.
func parseXWD(b []byte) (*image.RGBA, error) {
	if len(b) < 4*xwdWords {
		return nil, errXWD
	}
	var h [xwdWords]int
	for i := range h {
		h[i] = int(binary.BigEndian.Uint32(b[4*i:]))
	}
	w, height, line := h[xwdWidth], h[xwdHeight], h[xwdLine]
	if h[xwdVersion] != 7 || h[xwdFormat] != 2 || h[xwdOrder] != 0 || h[xwdBits] != 32 || w > maxSide || height > maxSide || line < 4*w || line > 8*maxSide {
		return nil, errXWD
	}
	at := h[xwdHeaderSize] + xwdColourBytes*h[xwdColours]
	if at < 4*xwdWords || len(b) < at+line*height {
		return nil, fmt.Errorf("%w: %d bytes are too few", errXWD, len(b))
	}
	img := image.NewRGBA(image.Rect(0, 0, w, height))
	for y := range height {
		from, to := b[at+y*line:], img.Pix[y*img.Stride:]
		for x := 0; x < 4*w; x += 4 {
			to[x], to[x+1], to[x+2], to[x+3] = from[x+2], from[x+1], from[x], 255
		}
	}
	return img, nil
}
