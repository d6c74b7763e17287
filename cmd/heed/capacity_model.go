package main

import (
	"math"
	"time"
)

// measured is one constant of the capacity model and the benchmark it came from.
type measured struct {
	what   string
	value  float64
	unit   string
	source string // where it is recorded, or what measures it anew
}

// measurements are all constants of the model that were measured, on a machine of two cores. To bring one up to date,
// run its source, write the figure here and run go test ./cmd/heed -run Capacity -update.
type measurements struct {
	collectOne, collectTen  measured
	requestBytes, bodyBytes measured
	logBytes, ship          measured
	kafkaBytes, read        measured
	loaded, bare, loadRate  measured
	storedBytes             measured
}

func measuredValues() measurements {
	return measurements{
		collectOne:   measured{"CPU of heed collect per event, one a request", 32.7, "µs", "bench/RESULTS.md, heed"},
		collectTen:   measured{"CPU of heed collect per event, ten a request", 4.9, "µs", "bench/RESULTS.md, heed, 10 events"},
		requestBytes: measured{"a browser's request but for its events, head included", 827, "B", "bench/requests.go"},
		bodyBytes:    measured{"one event in the request", 223, "B", "bench/requests.go"},
		logBytes:     measured{"one event in the log, and in Kafka before compression", 252, "B", "pipeline/kafka, BenchmarkCompression"},
		ship:         measured{"CPU of heed collect per event shipped", 4.9, "µs", "pipeline/kafka, BenchmarkShip"},
		kafkaBytes:   measured{"one event in Kafka, zstd, 1000 in a request", 87, "B", "pipeline/kafka, BenchmarkCompression"},
		read:         measured{"CPU of heed load per event read", 1.2, "µs", "pipeline/kafka, BenchmarkRead"},
		loaded:       measured{"CPU of heed load and ClickHouse together, per row", 12.6, "µs", "bench/LOAD.md, from the log"},
		bare:         measured{"CPU of the same blocks inserted bare, per row", 7.2, "µs", "bench/LOAD.md, made in advance"},
		loadRate:     measured{"rows of one loader, its cores shared with everything", 38000, "rows/s", "bench/LOAD.md, slope of the lag"},
		storedBytes:  measured{"one event in ClickHouse, with projections and indexes", 70.5, "B", "pipeline/clickhouse, TestCodecs"},
	}
}

// demand is what is asked of an install.
type demand struct {
	events    float64       // events a second in the busiest hour
	batch     float64       // events in a request
	mean      float64       // of a whole day, as a part of the busiest hour
	months    int           // that events are kept in ClickHouse
	outage    time.Duration // without Kafka, which the spools must hold
	retention time.Duration // of the topic
	brokers   int           // that hold each event: kafka.replication
	replicas  int           // of each shard of ClickHouse
}

// machine is what one machine of every part has, and how much of it may be in use in the busiest hour.
type machine struct {
	cores   int
	disk    float64 // bytes
	network float64 // bytes a second, in each direction
	use     float64 // part of cores and network
	full    float64 // part of the disk
}

// part is what one part of an install needs in all, and how many machines that are.
type part struct {
	name     string
	cores    float64
	disk     float64 // bytes
	in, out  float64 // bytes a second
	machines int
	limit    string // what asks for the most machines
}

// plan is an install that serves a demand.
type plan struct {
	collectors, kafka, loaders, clickhouse part
	partitions                             int
	rows                                   float64 // kept in ClickHouse
	spool                                  float64 // bytes of each collector's, while the spare one is away
}

// Planning figures that nothing here has measured: what is usual for others' software and for spare machines.
const (
	brokerCores      = 1e6 // events a second and core of a broker: its work is bytes, and seldom the limit
	merges           = 2   // times the CPU of an insert that ClickHouse spends on it in all, later merges included
	partitionShare   = 0.5 // of what one loader can do, so that a partition catches up after a pause
	spare            = 1   // machines more than needed, so that one may be missing
	partitionsAtOnce = 12  // partitions are a multiple of it, which many numbers of loaders divide
	month            = 730*time.Hour + 30*time.Minute
)

// planFor is the whole model: linear in the events, then whole machines.
func planFor(d demand, m machine, k measurements) plan {
	seconds := month.Seconds() * float64(d.months)
	bytes := d.events * k.kafkaBytes.value
	requests := d.events / d.batch
	// CPU of a request and of an event in it, from requests of one and of ten.
	perEvent := (10*k.collectTen.value - k.collectOne.value) / 9
	perRequest := k.collectOne.value - perEvent
	rows := d.events * d.mean * seconds
	p := plan{rows: rows}
	p.collectors = m.count(part{
		name:  "collectors",
		cores: (requests*perRequest + d.events*(perEvent+k.ship.value)) / 1e6,
		disk:  d.events * k.logBytes.value * d.outage.Seconds(),
		in:    requests*k.requestBytes.value + d.events*k.bodyBytes.value,
		out:   bytes,
	}, 1)
	p.spool = p.collectors.disk / float64(max(1, p.collectors.machines-spare))
	copies := float64(d.brokers)
	p.kafka = m.count(part{
		name:  "Kafka",
		cores: d.events * copies / brokerCores,
		disk:  bytes * d.mean * copies * d.retention.Seconds(),
		in:    bytes * copies,
		out:   bytes * copies, // to the followers, and once to the loaders
	}, d.brokers)
	p.loaders = m.count(part{
		name:  "loaders",
		cores: d.events * (k.loaded.value - k.bare.value + k.read.value) / 1e6,
		in:    bytes,
		out:   d.events * k.logBytes.value,
	}, 1)
	p.clickhouse = m.count(part{
		name:  "ClickHouse",
		cores: d.events * k.bare.value * merges * float64(d.replicas) / 1e6,
		disk:  rows * k.storedBytes.value * float64(d.replicas),
		in:    d.events * k.logBytes.value * float64(d.replicas),
	}, d.replicas)
	p.partitions = partitionsAtOnce * int(math.Ceil(d.events/(k.loadRate.value*partitionShare)/partitionsAtOnce))
	return p
}

// count finds how many machines p needs: as many as its scarcest resource asks for, a spare one, and no fewer than
// copies.
func (m machine) count(p part, copies int) part {
	most := 0.0
	for _, need := range []struct {
		limit string
		of    float64
	}{
		{"CPU", p.cores / (float64(m.cores) * m.use)},
		{"disk", p.disk / (m.disk * m.full)},
		{"network", max(p.in, p.out) / (m.network * m.use)},
	} {
		if need.of > most {
			most, p.limit = need.of, need.limit
		}
	}
	p.machines = max(int(math.Ceil(most))+spare, copies)
	return p
}
