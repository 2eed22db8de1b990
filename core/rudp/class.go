package rudp

import "github.com/musubi-p2p/musubi/core/api"

// bufferSizes are the classes of buffers: the sizes in which Go's allocator gives memory (runtime/sizeclasses.go), because
// anything between two of them would cost the larger one; above 32 KiB, where it gives whole pages, steps of an eighth.
// api.Cost allows for what rounding up to the next class adds.
var bufferSizes = [...]int{
	32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448, 480, 512,
	576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096,
	4864, 5120, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384,
	18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768,
	40 << 10, 48 << 10, 56 << 10, 64 << 10, 72 << 10, 80 << 10, 88 << 10, 96 << 10, 104 << 10, 112 << 10, 120 << 10, 128 << 10,
	144 << 10, 160 << 10, 176 << 10, 192 << 10, 208 << 10, 224 << 10, 240 << 10, 256 << 10,
	288 << 10, 320 << 10, 352 << 10, 384 << 10, 416 << 10, 448 << 10, 480 << 10, 512 << 10,
	576 << 10, 640 << 10, 704 << 10, 768 << 10, 832 << 10, 896 << 10, 960 << 10, api.MaxReliable,
}

// smallClass is the class of sizes up to 1024 bytes, by sixteenths rounded up: most messages take one look.
var smallClass = func() (table [1024/16 + 1]uint8) {
	for i := range table {
		for bufferSizes[table[i]] < 16*i {
			table[i]++
		}
	}
	return table
}()

// classOf is the least class for size bytes, at most api.MaxReliable.
func classOf(size int) int {
	if size <= 1024 {
		return int(smallClass[(size+15)/16])
	}
	low, high := 0, len(bufferSizes)-1
	for low < high {
		if mid := (low + high) / 2; bufferSizes[mid] < size {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}
