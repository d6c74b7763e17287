package main

import (
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// asnType is what the file says it is; readers that judge by this name should not take it for MaxMind's own.
const asnType = "heed-asn"

// buildASN turns lists of address ranges into one MaxMind DB for IPv4 and IPv6. Each line is
//
//	first address, last address, number of the autonomous system, its owner
//
// Ranges of one family do not overlap and are in order; a later range would replace what it overlaps. The records have
// the two fields of GeoLite2 ASN:
//
//	autonomous_system_number        uint32
//	autonomous_system_organization  string
func buildASN(dst io.Writer, description string, lists ...io.Reader) error {
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: asnType,
		Description:  map[string]string{"en": description},
		RecordSize:   24, // three bytes address 16 million nodes; 1.3 million are needed
		KeyGenerator: &asnKeys{},
		// IPv4 stands under ::/96 alone, where lookups go. Its aliases and the reserved networks would cost nodes.
		DisableIPv4Aliasing:     true,
		IncludeReservedNetworks: true,
	})
	if err != nil {
		return err
	}
	for _, list := range lists {
		if err := insertRanges(tree, list); err != nil {
			return err
		}
	}
	_, err = tree.WriteTo(dst)
	return err
}

func insertRanges(tree *mmdbwriter.Tree, list io.Reader) error {
	rows := csv.NewReader(list)
	rows.FieldsPerRecord = 4
	rows.ReuseRecord = true
	owners := make(map[string]mmdbtype.Map) // one value for all ranges of a network
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line, _ := rows.FieldPos(0)
		first, last, err := parseRange(row[0], row[1])
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		number, err := strconv.ParseUint(row[2], 10, 32)
		if err != nil {
			return fmt.Errorf("line %d: read the network's number: %w", line, err)
		}
		key := row[2] + "," + row[3]
		value, known := owners[key]
		if !known {
			value = mmdbtype.Map{
				"autonomous_system_number":       mmdbtype.Uint32(number),
				"autonomous_system_organization": mmdbtype.String(row[3]),
			}
			owners[key] = value
		}
		if err := tree.InsertRange(first, last, value); err != nil {
			return fmt.Errorf("line %d: insert %s-%s: %w", line, row[0], row[1], err)
		}
	}
}

// parseRange returns addresses as net.IP, which the writer takes.
func parseRange(from, to string) (first, last net.IP, err error) {
	a, err := netip.ParseAddr(from)
	if err != nil {
		return nil, nil, fmt.Errorf("read the first address: %w", err)
	}
	b, err := netip.ParseAddr(to)
	if err != nil {
		return nil, nil, fmt.Errorf("read the last address: %w", err)
	}
	if a.BitLen() != b.BitLen() || b.Less(a) {
		return nil, nil, fmt.Errorf("%s-%s is not a range", from, to)
	}
	return a.AsSlice(), b.AsSlice(), nil
}

// asnKeys tells records apart by their content, without the hashing that the writer would do for records of any size.
type asnKeys struct{ buf []byte }

// Key implements mmdbwriter.KeyGenerator.
func (k *asnKeys) Key(v mmdbtype.DataType) ([]byte, error) {
	record, ok := v.(mmdbtype.Map)
	if !ok {
		return nil, fmt.Errorf("key of %T: not a record", v)
	}
	number, _ := record["autonomous_system_number"].(mmdbtype.Uint32)
	owner, _ := record["autonomous_system_organization"].(mmdbtype.String)
	k.buf = binary.BigEndian.AppendUint32(k.buf[:0], uint32(number))
	k.buf = append(k.buf, owner...)
	return k.buf, nil
}
