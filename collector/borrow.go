package collector

import "unsafe"

// text views bytes of the request as a string without copying them. It is valid as long as the request, and is never
// kept: see Ownership in doc.go.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf views a string as bytes that are only read.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
