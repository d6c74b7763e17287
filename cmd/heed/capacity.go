package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"
	"time"
)

func capacityCommand() command {
	return command{
		name: "capacity", args: "[--events N] [assumptions]", summary: "Tell how many machines so many events need.",
		detail: "A linear model of what was measured on two cores, which --measured shows with its sources; it says where to " +
			"begin, not where to end. Of the settings it heeds kafka.replication and kafka.retention. deploy/CAPACITY.md says what " +
			"breaks first, and what to do.",
		example: "heed capacity --events 1e6",
		own: func(f *flags) {
			f.set.Float64("events", 1000, "Events `a second` in the busiest hour.")
			f.set.Float64("batch", 2, "Events in a `request`, on average.")
			f.set.Float64("mean", 0.4, "The `part` of that which a whole day has on average.")
			f.set.Int("months", 25, "How many `months` ClickHouse keeps events.")
			f.set.Duration("outage", time.Hour, "How `long` Kafka may be away.")
			f.set.Int("replicas", 2, "`Copies` of each row in ClickHouse.")
			f.set.Int("cores", 16, "`Cores` of a machine.")
			f.set.Float64("disk_tb", 8, "Its disk in `TB`.")
			f.set.Float64("network_gbit", 10, "Its network in `Gbit/s`.")
			f.set.Bool("measured", false, "Show the figures that the model rests on, and where they come from.")
		},
		run: runCapacity,
	}
}

// Of its cores and network half may be in use in the busiest hour, of its disk 70 %: merges and a lost machine need room.
const (
	busyShare = 0.5
	fullShare = 0.7
)

func runCapacity(_ context.Context, p *program, f *flags) error {
	if f.on("measured") {
		return printMeasured(p.stdout, measuredValues())
	}
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	d := demand{
		events: f.number("events"), batch: f.number("batch"), mean: f.number("mean"), months: int(f.number("months")),
		outage: f.duration("outage"), retention: cfg.Kafka.Retention,
		brokers: cfg.Kafka.Replication, replicas: int(f.number("replicas")),
	}
	m := machine{
		cores: int(f.number("cores")), disk: f.number("disk_tb") * 1e12, network: f.number("network_gbit") * 1e9 / 8,
		use: busyShare, full: fullShare,
	}
	if err := d.check(m); err != nil {
		return err
	}
	return printPlan(p.stdout, d, m, planFor(d, m, measuredValues()))
}

// number is one of the command's own flags that holds one.
func (f *flags) number(name string) float64 {
	n, err := strconv.ParseFloat(f.text(name), 64)
	if err != nil {
		panic(err) // package flag let only numbers pass
	}
	return n
}

// duration is one of the command's own flags that holds one.
func (f *flags) duration(name string) time.Duration {
	d, err := time.ParseDuration(f.text(name))
	if err != nil {
		panic(err) // package flag let only durations pass
	}
	return d
}

// maxDemand is far beyond what the model is good for.
const maxDemand = 1e9

func (d demand) check(m machine) error {
	for _, flag := range []struct {
		name     string
		value    float64
		from, to float64
	}{
		{"events", d.events, 1, maxDemand},
		{"batch", d.batch, 1, 50},
		{"mean", d.mean, 0.01, 1},
		{"months", float64(d.months), 1, 120},
		{"outage", d.outage.Hours(), 0, 24 * 7},
		{"replicas", float64(d.replicas), 1, 5},
		{"cores", float64(m.cores), 1, 1024},
		{"disk_tb", m.disk / 1e12, 0.01, 1000},
		{"network_gbit", m.network * 8 / 1e9, 0.1, 1000},
	} {
		if math.IsNaN(flag.value) || flag.value < flag.from || flag.value > flag.to {
			unit := ""
			if flag.name == "outage" {
				unit = " hours"
			}
			return &usageError{fmt.Sprintf("--%s is %v%s; write %v to %v%s", flag.name, flag.value, unit, flag.from, flag.to, unit)}
		}
	}
	return nil
}

func printPlan(w io.Writer, d demand, m machine, p plan) error {
	fmt.Fprintf(w, "%s events/s in the busiest hour, %s over the day, %s a request; kept for %d months.\n",
		short(d.events), short(d.events*d.mean), short(d.batch), d.months)
	fmt.Fprintf(w, "Machines of %d cores, %s and %s Gbit/s, of which at most %.0f, %.0f and %.0f %% are in use.\n\n",
		m.cores, bytesText(m.disk), short(m.network*8/1e9), 100*m.use, 100*m.full, 100*m.use)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "PART\tMACHINES\tCORES BUSY\tDISK\tIN/s\tOUT/s\tSCARCEST\t")
	for _, part := range []part{p.collectors, p.kafka, p.loaders, p.clickhouse} {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t\n", part.name, part.machines, short(part.cores),
			bytesText(part.disk), bytesText(part.in), bytesText(part.out), part.limit)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d partitions; a wal.max_bytes of %s; %s rows kept, %s a month.\n",
		p.partitions, bytesText(p.spool), short(p.rows), short(p.rows/float64(d.months)))
	return err
}

func printMeasured(w io.Writer, k measurements) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FIGURE\tVALUE\tSOURCE")
	for _, m := range []measured{
		k.collectOne, k.collectTen, k.requestBytes, k.bodyBytes, k.logBytes, k.ship, k.kafkaBytes, k.read,
		k.loaded, k.bare, k.loadRate, k.storedBytes,
	} {
		fmt.Fprintf(table, "%s\t%v %s\t%s\n", m.what, m.value, m.unit, m.source)
	}
	return table.Flush()
}

// short is a number with two digits that count, as people say it.
func short(n float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e12, " trillion"}, {1e9, " billion"}, {1e6, " million"}, {1e4, " thousand"}} {
		if n >= unit.size {
			if unit.size == 1e4 {
				return digits(n/1e3) + unit.name
			}
			return digits(n/unit.size) + unit.name
		}
	}
	return digits(n)
}

// bytesText is a number of bytes as disks and networks are sold, in powers of ten; nothing is a dash.
func bytesText(n float64) string {
	if n == 0 {
		return "-"
	}
	for _, unit := range []struct {
		size float64
		name string
	}{{1e15, "PB"}, {1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}} {
		if n >= unit.size {
			return digits(n/unit.size) + " " + unit.name
		}
	}
	return digits(n/1e3) + " kB"
}

// digits writes n with two digits that count, and none that do not.
func digits(n float64) string {
	if n >= 10 {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	return strconv.FormatFloat(n, 'g', 2, 64)
}
