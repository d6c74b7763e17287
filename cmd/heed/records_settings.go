package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"heed/consent/record"
	"heed/pipeline/kafka"
	"heed/pipeline/records"
	"heed/pipeline/wal"
)

// recordsSettings say who signs consent records, where signed roots go, and how long records are kept.
type recordsSettings struct {
	SendRootsTo []string
	ProofYears  int
	KeyFile     string // empty: the key comes from the install's secret
}

// The consent log is small beside that of events.
const (
	maxConsentLogBytes     = 1 << 30  // bytes; over a million records
	maxConsentSegmentBytes = 16 << 20 // bytes
)

func recordsTable(r *recordsSettings) []setting {
	return []setting{
		{
			name: "records.send_roots_to", value: listValue(&r.SendRootsTo, checkDestination), def: "",
			help: "Where the signed root of each day's consent records goes, so that nobody who can write here can change " +
				"them unseen. Empty: nowhere, and then heed consent verify proves consistency, not history.",
			limit: "a URL that takes POST, https:// unless it is this machine, and a folder; at most one of each",
			mask:  maskAll,
		}, {
			name: "records.proof_years", value: intValue(&r.ProofYears, 1, 100), def: "5",
			help: "How many years a consent record is kept at least after its choice has ended. It is removed behind a signed root of " +
				"a day that is 400 days older still: so an auditor can see that nothing went too early.",
			limit: "1 to 100",
		}, {
			name: "records.key_file", value: textValue(&r.KeyFile, nil), def: "",
			help: "File of the Ed25519 key that signs roots. Empty: it comes from the install's secret. heed load signs where it " +
				"has one of the two.",
			limit: "a file of 32 bytes, or of 64 hex digits as openssl rand -hex 32 prints",
		},
	}
}

func checkDestination(text string) error {
	_, err := records.ParseDestinations([]string{text})
	return err
}

// destinations are where roots go.
func (r *recordsSettings) destinations() (records.Destinations, error) {
	return records.ParseDestinations(r.SendRootsTo)
}

// check finds what no single setting of records can know of itself.
func (r *recordsSettings) check(fault func(key, remedy, format string, args ...any)) {
	if _, err := r.destinations(); err != nil {
		fault("records.send_roots_to", "name at most one URL and one folder", "%v", err)
	}
}

// consentWAL is what the settings say of the log of consent records.
func (c *Config) consentWAL() wal.Config {
	return wal.Config{
		Dir:          filepath.Join(c.DataDir, "records", "wal"),
		MaxBytes:     min(c.WAL.MaxBytes, maxConsentLogBytes),
		SegmentBytes: min(c.WAL.SegmentBytes, maxConsentSegmentBytes),
	}
}

// consentConfig is what the settings say of the topic of consent records.
func (k *kafkaSettings) consentConfig() kafka.Config {
	cfg := k.config()
	cfg.Dead, cfg.BySite = cfg.Topic+".dead", true
	cfg.Topic += ".consent"
	cfg.Group += ".consent"
	return cfg
}

// signerName stands in every root; whose it is, the key tells.
const signerName = "heed"

// signer opens the key that signs roots; nil when there is none. secret is the install's, nil where the process has none.
func (c *Config) signer(secret *install) (*record.Signer, error) {
	var seed []byte
	var err error
	switch {
	case c.Records.KeyFile != "":
		if seed, err = readSeed(c.Records.KeyFile); err != nil {
			return nil, err
		}
	case secret != nil:
		seed = secret.siteKey(rootsPurpose, "")
	default:
		return nil, nil
	}
	return record.NewSigner(signerName, ed25519.NewKeyFromSeed(seed))
}

// rootsPurpose is what the key that signs roots is derived for.
const rootsPurpose = "roots"

// rootKeys are the public keys by which the install's roots are checked: those of its earlier secrets, then that of the
// signer, nil where nothing signs. What is wrong with a root is told by the last.
func rootKeys(secret *install, signer *record.Signer) (keys []string, err error) {
	if secret != nil {
		for _, old := range secret.old {
			earlier, err := record.NewSigner(signerName, ed25519.NewKeyFromSeed(siteKeyOf(old, rootsPurpose, "")))
			if err != nil {
				return nil, err
			}
			keys = append(keys, earlier.PublicKey())
		}
	}
	if signer != nil {
		keys = append(keys, signer.PublicKey())
	}
	return keys, nil
}

// readSeed reads a key as raw bytes or as text. Its errors do not quote it.
func readSeed(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("records.key_file: %w", err)
	}
	if len(data) == ed25519.SeedSize {
		return data, nil
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("records.key_file: %s holds neither %d bytes nor %d hex digits (make one with: openssl rand -hex 32)",
			path, ed25519.SeedSize, 2*ed25519.SeedSize)
	}
	return seed, nil
}

// knownSecret opens the install's secret if there is one, with those in use before, and never makes one.
func (c *Config) knownSecret() (*install, error) {
	path := filepath.Join(c.DataDir, secretFile)
	if c.Install.SecretFile == "" {
		if _, err := os.Stat(path); err != nil {
			return nil, nil
		}
	}
	in, err := openInstall(c.DataDir, c.Install.SecretFile, "/none") // the prefix is not asked for
	if err != nil {
		return nil, err
	}
	return in, in.readOldSecrets(c.Install.OldSecretFiles)
}
