package netio

import "golang.org/x/sys/cpu"

// HasAES reports whether AES-256-GCM runs on hardware here; without it ChaCha20-Poly1305 is faster and steadier.
func HasAES() bool {
	switch {
	case cpu.X86.HasAES:
		return cpu.X86.HasPCLMULQDQ && cpu.X86.HasSSE41
	case cpu.ARM64.HasAES:
		return cpu.ARM64.HasPMULL
	}
	return false
}
