package wal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// A segment is a row of pages, a record one or several fragments, of which none crosses a page:
//
//	byte 0     1       3           7               7+n
//	     +-----+-------+-----------+----------------+
//	     | typ | n     | CRC-32C   | n bytes        |   numbers are big-endian, the CRC is of the n bytes
//	     +-----+-------+-----------+----------------+
//	     typ 1: whole record; 2, 3, 4: its first, middle, last fragment; 0: zeros up to the page's end
//
// This is wlog's layout. Its own readers are not used for three reasons: they pass over a page of zeros, also in the
// middle of a record, and then count on with wrong record numbers; they decompress whatever claims to be compressed,
// whatever the size; and they do not tell a torn tail from damage. A test holds both against each other.
const (
	pageSize   = 32 << 10
	headerSize = 7

	fragmentWhole  = 1
	fragmentFirst  = 2
	fragmentMiddle = 3
	fragmentLast   = 4
)

// maxRecordBytes bounds the memory that one record may take. No writer makes a larger one.
const maxRecordBytes = maxGroupBytes

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// decoder reads the records of one segment, in order.
type decoder struct {
	src io.ReaderAt
	off int64 // where the next record's first fragment is looked for

	base int64  // offset of page
	page []byte // what has been read of the page so far
	buf  [pageSize]byte
}

// next returns the record at d.off and moves behind it. ok is false when the bytes before limit hold no whole, sound
// record there; d.off then stays. It may be called again with a larger limit. An error is the disk's.
func (d *decoder) next(limit int64) (rec []byte, ok bool, err error) {
	off := d.off
	for {
		if pageSize-off%pageSize < headerSize {
			off += pageSize - off%pageSize // too little room for a header: padding
			if rec == nil {
				d.off = off // of no record: nothing is missing when the durable bytes end with it
			}
		}
		if err := d.load(off, limit); err != nil {
			return nil, false, err
		}
		typ, data := fragment(d.page, off-d.base)
		if typ == 0 || (typ <= fragmentFirst) != (rec == nil) || len(rec)+len(data) > maxRecordBytes {
			return nil, false, nil
		}
		if rec == nil {
			rec = make([]byte, 0, len(data)) // never nil again, also after an empty first fragment
		}
		rec = append(rec, data...)
		off += headerSize + int64(len(data))
		if typ != fragmentWhole && typ != fragmentLast {
			continue
		}
		if len(rec) == 0 {
			return nil, false, nil // no group is empty
		}
		d.off = off
		return rec, true, nil
	}
}

// load makes d.page hold the page of off as far as limit allows. Bytes once read stay: durable bytes do not change.
func (d *decoder) load(off, limit int64) error {
	base := off - off%pageSize
	if base != d.base || d.page == nil {
		d.base, d.page = base, d.buf[:0]
	}
	want := int(min(limit-base, pageSize))
	have := len(d.page)
	if want <= have {
		return nil
	}
	n, err := d.src.ReadAt(d.buf[have:want], base+int64(have))
	d.page = d.buf[:have+n]
	// A file shorter than limit has lost its end. What is missing then shows as a record that is not whole.
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// fragment returns type and content of the fragment at i, and type 0 if there is no sound one.
func fragment(page []byte, i int64) (typ byte, data []byte) {
	if i+headerSize > int64(len(page)) {
		return 0, nil
	}
	head := page[i : i+headerSize]
	end := i + headerSize + int64(binary.BigEndian.Uint16(head[1:]))
	// Compression would be a bit in the type. We never compress, so such a bit is damage.
	if head[0] < fragmentWhole || head[0] > fragmentLast || end > int64(len(page)) {
		return 0, nil
	}
	data = page[i+headerSize : end]
	if crc32.Checksum(data, castagnoli) != binary.BigEndian.Uint32(head[3:]) {
		return 0, nil
	}
	return head[0], data
}

// follows tells whether a record begins anywhere in [from, limit). Each record is synced before the next begins. So a
// sound beginning behind an unsound record proves that the latter was durable once: it is damage, not a torn tail.
func (d *decoder) follows(from, limit int64) (bool, error) {
	for off := from; off < limit; off = d.base + pageSize {
		if err := d.load(off, limit); err != nil {
			return false, err
		}
		for i := off - d.base; i < int64(len(d.page)); i++ {
			// Cheap tests first; padding and text are never first bytes.
			if d.page[i] != fragmentWhole && d.page[i] != fragmentFirst {
				continue
			}
			if typ, data := fragment(d.page, i); typ != 0 && len(data) > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}
