package rudp

// Arithmetic of GF(256), the bytes as polynomials modulo x^8+x^4+x^3+x^2+1, in which g = 2 generates every byte but
// zero. Sums and differences are XOR.

// field holds powers of g, twice over so that the sum of two logarithms needs no reduction, and their inverse.
var field = newFieldTable()

type fieldTable struct {
	power [510]uint8
	log   [256]uint8
}

func newFieldTable() (t fieldTable) {
	v := 1
	for i := range 255 {
		t.power[i], t.power[i+255] = uint8(v), uint8(v)
		t.log[v] = uint8(i)
		if v <<= 1; v > 255 {
			v ^= 0x11d
		}
	}
	return t
}

// fieldProduct is a*b.
func fieldProduct(a, b uint8) uint8 {
	if a == 0 || b == 0 {
		return 0
	}
	return field.power[int(field.log[a])+int(field.log[b])]
}

// fieldQuotient is a/b; b is not zero.
func fieldQuotient(a, b uint8) uint8 {
	if a == 0 {
		return 0
	}
	return field.power[int(field.log[a])+255-int(field.log[b])]
}

// addScaled adds factor times src to dst, which is at least as long. factor is not zero.
func addScaled(dst, src []byte, factor uint8) {
	shift := int(field.log[factor])
	for i, v := range src {
		if v != 0 {
			dst[i] ^= field.power[shift+int(field.log[v])]
		}
	}
}

// repairFactor is what the block of packet covered is multiplied with in a REPAIR of packet number; never zero. Two
// REPAIR frames always differ enough to solve for two packets: that fails only if the product of the distances of their
// numbers and of the packets' is a multiple of 255, which does not happen within a window.
func repairFactor(number, covered uint64) uint8 {
	return field.power[number%255*(covered%255)%255]
}
