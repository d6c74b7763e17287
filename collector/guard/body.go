package guard

// body follows the bytes of one request's body: so many of them, or chunks (RFC 9112, 7.1) without extensions and
// trailer, which nobody needs and every server reads in its own way.
type body struct {
	left  int64 // bytes of the body, or of the chunk, that pass unseen
	state chunkState
	size  int64 // of the chunk whose size is being read
	digit int   // how many digits it has so far
}

// chunkState is what comes next, when left is 0.
type chunkState uint8

const (
	noChunks chunkState = iota // nothing: the body ends with left
	sizeNext                   // hex digits, or the CR behind them
	sizeLF
	dataCR // the end of a chunk's bytes
	dataLF
	lastCR // the empty line behind the last chunk
	lastLF
)

// maxSizeDigits bounds a chunk's size to what an int64 holds by far.
const maxSizeDigits = 8

func bodyOf(f Framing) body {
	if f.Chunked {
		return body{state: sizeNext}
	}
	return body{left: f.Length}
}

// isOpen reports whether more of the body follows.
func (b *body) isOpen() bool { return b.left > 0 || b.state != noChunks }

// pass takes as much of data as belongs to the body.
func (b *body) pass(data []byte) (n int, fault *Fault) {
	for n < len(data) && b.isOpen() {
		if b.left > 0 {
			k := min(b.left, int64(len(data)-n))
			b.left -= k
			n += int(k)
			continue
		}
		if fault := b.step(data[n]); fault != nil {
			return n, fault
		}
		n++
	}
	return n, nil
}

// step takes one byte of what stands around the chunks.
func (b *body) step(c byte) *Fault {
	switch b.state {
	case sizeNext:
		return b.sizeByte(c)
	case sizeLF:
		b.left = b.size
		b.state = dataCR
		if b.size == 0 {
			b.state = lastCR
		}
		b.size, b.digit = 0, 0
		return want(c, '\n', faultChunk)
	case dataCR:
		b.state = dataLF
		return want(c, '\r', faultChunk)
	case dataLF:
		b.state = sizeNext
		return want(c, '\n', faultChunk)
	case lastCR:
		b.state = lastLF
		return want(c, '\r', faultTrailer)
	default:
		b.state = noChunks
		return want(c, '\n', faultTrailer)
	}
}

// sizeByte takes a hex digit, or the CR behind at least one.
func (b *body) sizeByte(c byte) *Fault {
	digit := int64(0)
	switch {
	case c >= '0' && c <= '9':
		digit = int64(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		digit = int64(c|0x20-'a') + 10
	case c == '\r' && b.digit > 0:
		b.state = sizeLF
		return nil
	default:
		return faultChunk
	}
	if b.digit++; b.digit > maxSizeDigits {
		return faultChunk
	}
	b.size = b.size<<4 | digit
	return nil
}

func want(c, wanted byte, fault *Fault) *Fault {
	if c != wanted {
		return fault
	}
	return nil
}
