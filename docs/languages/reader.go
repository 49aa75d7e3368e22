// go run reader.go IMAGES LABELS SEED EPOCH
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"math/bits"
	"os"
	"strconv"
)

// readIdx returns the sizes of a uint8 IDX file, raw or .gz, and its bytes, row-major.
func readIdx(path string) (shape []int, data []byte, err error) {
	data, err = os.ReadFile(path)
	if err == nil && bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		var unpacked *gzip.Reader
		if unpacked, err = gzip.NewReader(bytes.NewReader(data)); err == nil {
			data, err = io.ReadAll(unpacked)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if len(data) < 4 || !bytes.HasPrefix(data, []byte{0, 0, 8}) || len(data) < 4+4*int(data[3]) {
		return nil, nil, fmt.Errorf("%s: no IDX file of bytes", path)
	}
	count, over := uint64(1), uint64(0)
	for axis := 0; axis < int(data[3]) && over == 0; axis++ {
		size := binary.BigEndian.Uint32(data[4+4*axis:])
		shape = append(shape, int(size))
		over, count = bits.Mul64(count, uint64(size))
	}
	data = data[4+4*len(shape):]
	if over != 0 || uint64(len(data)) != count {
		return nil, nil, fmt.Errorf("%s: of another length", path)
	}
	return shape, data, nil
}

func fmix32(x uint32) uint32 {
	x = (x ^ x>>16) * 0x85ebca6b
	x = (x ^ x>>13) * 0xc2b2ae35
	return x ^ x>>16
}

func rol(x uint32, by, w int) uint32 {
	by %= w
	return (x<<by | x>>(w-by)) & (1<<w - 1)
}

func f(x uint32, w int) uint32 { return rol(x, 1, w)&rol(x, 8, w) ^ rol(x, 2, w) }

// indexShuffle returns the example at a position of an epoch's order of n examples.
func indexShuffle(index, n, seed uint64, epoch uint32) uint64 {
	if n == 1 {
		return 0
	}
	w := 8
	for (n-1)>>(2*w) != 0 {
		w++
	}
	mask := uint32(1)<<w - 1
	var r [8]uint32
	for j := range r {
		if j < 3 {
			low := fmix32(uint32(seed) + uint32(j+1)*0x9e3779b9)
			r[j] = fmix32(epoch^fmix32(uint32(seed>>32)^low)) & mask
		} else {
			z := uint32(uint64(0x7369f885192c0ef5)>>(j-3)) & 1
			rotated := rol(r[j-1], w-3, w) ^ rol(r[j-1], w-4, w)
			r[j] = (0xfffffffc ^ z ^ r[j-3] ^ rotated) & mask
		}
	}
	for {
		left, right := uint32(index>>w), uint32(index)&mask
		for i := 0; i < 8; i += 2 {
			left ^= f(right, w) ^ r[i]
			right ^= f(left, w) ^ r[i+1]
		}
		if index = uint64(left)<<w | uint64(right); index < n {
			return index
		}
	}
}

func main() {
	shape, pixels, err := readIdx(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	counts, labels, err := readIdx(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	if shape[0] != counts[0] {
		log.Fatal("another number of labels than of images")
	}
	sum := 0
	for _, label := range labels {
		sum += int(label)
	}
	seed, _ := strconv.ParseUint(os.Args[3], 10, 64)
	epoch, _ := strconv.ParseUint(os.Args[4], 10, 32)
	fmt.Printf("count %d\nlabels %d\nsha256 %x\norder", counts[0], sum, sha256.Sum256(pixels))
	for i := 0; i < 10 && i < counts[0]; i++ {
		fmt.Printf(" %d", indexShuffle(uint64(i), uint64(counts[0]), seed, uint32(epoch)))
	}
	fmt.Println()
}
