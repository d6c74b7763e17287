package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"heed/collector/limit"
	"heed/collector/listen"
)

// value is one setting's place in a Config, read and written as text. Its errors are complaints.
type value struct {
	kind string // what it takes, for help and the reference: size, duration, number, on/off, text, list
	set  func(text string) error
	get  func() string
	item func(text string) error // checks one item of a list; nil for what is no list
}

func boolValue(p *bool) value {
	set := func(text string) error {
		if text != "true" && text != "false" {
			return complain("write true or false", "%q is neither true nor false", text)
		}
		*p = text == "true"
		return nil
	}
	return value{kind: "true|false", set: set, get: func() string { return strconv.FormatBool(*p) }}
}

func intValue(p *int, lowest, highest int) value {
	set := func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < lowest || n > highest {
			return complain(fmt.Sprintf("write a whole number from %d to %d", lowest, highest), "%q is not allowed", text)
		}
		*p = n
		return nil
	}
	return value{kind: "number", set: set, get: func() string { return strconv.Itoa(*p) }}
}

// rateValue takes the rates at which a whole batch from one network can be taken at all, and 0.
func rateValue(p *int) value {
	set := func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 0 && (limit.Config{Rate: float64(n)}).Validate() != nil {
			return complain("write 0, or a whole number from 27 to 10000000", "%q is not allowed", text)
		}
		*p = n
		return nil
	}
	return value{kind: "number", set: set, get: func() string { return strconv.Itoa(*p) }}
}

// chooseInt takes one of a few numbers.
func chooseInt(p *int, allowed ...int) value {
	set := func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || !slices.Contains(allowed, n) {
			words := strings.Trim(strings.ReplaceAll(fmt.Sprint(allowed), " ", ", "), "[]")
			return complain("write one of "+words, "%q is not allowed", text)
		}
		*p = n
		return nil
	}
	return value{kind: "number", set: set, get: func() string { return strconv.Itoa(*p) }}
}

func durationValue(p *time.Duration, lowest, highest time.Duration) value {
	set := func(text string) error {
		d, err := time.ParseDuration(text)
		if err != nil || d < lowest || d > highest {
			return complain(fmt.Sprintf("write a time from %v to %v, as 500ms, 30s or 2m", lowest, highest), "%q is not allowed", text)
		}
		*p = d
		return nil
	}
	return value{kind: "duration", set: set, get: func() string { return p.String() }}
}

func sizeValue(p *int64, lowest, highest byteSize) value {
	set := func(text string) error {
		size, err := parseByteSize(text)
		if err != nil || size < lowest || size > highest {
			return complain(fmt.Sprintf("write a size from %v to %v, as 64MiB", lowest, highest), "%q is not allowed", text)
		}
		*p = int64(size)
		return nil
	}
	return value{kind: "size", set: set, get: func() string { return byteSize(*p).String() }}
}

// textValue takes any text that check lets pass; a nil check lets everything pass.
func textValue(p *string, check func(string) error) value {
	set := func(text string) error {
		if check != nil {
			if err := check(text); err != nil {
				return err
			}
		}
		*p = text
		return nil
	}
	return value{kind: "text", set: set, get: func() string { return *p }}
}

// listSeparator stands between the items of a list in a flag or variable; a file has a YAML list.
const listSeparator = ","

func listValue(p *[]string, check func(string) error) value {
	set := func(text string) error {
		var items []string
		for item := range strings.SplitSeq(text, listSeparator) {
			item = strings.TrimSpace(item)
			if item == "" {
				continue
			}
			if err := check(item); err != nil {
				return err
			}
			items = append(items, item)
		}
		*p = items
		return nil
	}
	return value{kind: "list", item: check, set: set, get: func() string { return strings.Join(*p, listSeparator) }}
}

func checkAddress(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || strings.ContainsAny(host, " /") {
		return complain("write host:port, as 127.0.0.1:8080", "%q is not an address", text)
	}
	return nil
}

// checkListen takes every form of address that a listener can be opened on.
func checkListen(text string) error {
	if err := (listen.Config{Addresses: []string{text}}).Validate(); err != nil {
		return complain("write host:port, unix:/path, systemd or systemd:name", "%q is not an address to listen on", text)
	}
	return nil
}

func checkNetwork(text string) error {
	if _, err := netip.ParsePrefix(text); err == nil {
		return nil
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return nil
	}
	return complain("write an address or a network, as 10.0.0.0/8", "%q is not a network", text)
}

// checkOrigin takes what a browser sends as Origin: scheme, host and, when it is not the scheme's own, port.
func checkOrigin(text string) error {
	const remedy = "write scheme://host[:port] in lower case with nothing behind, as https://www.example.com"
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") ||
		text != u.Scheme+"://"+u.Host || text != strings.ToLower(text) || strings.HasSuffix(text, ":") {
		return complain(remedy, "%q is not an origin", text)
	}
	if port := u.Port(); (u.Scheme == "http" && port == "80") || (u.Scheme == "https" && port == "443") {
		return complain("leave the port out: browsers do", "%q names its scheme's own port", text)
	}
	return nil
}

// checkSlug takes a name that stands in URLs, cookie names and file names.
func checkSlug(text string) error {
	const longest = 64
	ok := text != "" && len(text) <= longest
	for _, c := range []byte(text) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	}
	if !ok {
		return complain("use 1 to 64 of a-z, 0-9 and -", "%q is not a name", text)
	}
	return nil
}

func checkDate(text string) error {
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return complain("write a day as 2026-01-31", "%q is not a day", text)
	}
	return nil
}

// byteSize counts bytes and is written with a binary unit.
type byteSize int64

const (
	kib byteSize = 1 << 10
	mib          = kib << 10
	gib          = mib << 10
	tib          = gib << 10
)

func sizeUnits() []struct {
	name  string
	bytes byteSize
} {
	return []struct {
		name  string
		bytes byteSize
	}{{"TiB", tib}, {"GiB", gib}, {"MiB", mib}, {"KiB", kib}, {"B", 1}}
}

// String is exact: the largest unit that divides the size.
func (b byteSize) String() string {
	for _, unit := range sizeUnits() {
		if b != 0 && b%unit.bytes == 0 {
			return fmt.Sprintf("%d%s", b/unit.bytes, unit.name)
		}
	}
	return "0B"
}

func parseByteSize(text string) (byteSize, error) {
	for _, unit := range sizeUnits() {
		digits, found := strings.CutSuffix(text, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || byteSize(n) > (1<<63-1)/unit.bytes {
			return 0, fmt.Errorf("parse size %q", text)
		}
		return byteSize(n) * unit.bytes, nil
	}
	return 0, fmt.Errorf("size %q has no unit", text)
}
