package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"heed/pipeline/durable"
)

// install is what is made once per data folder and never changes: cookies, stored ids and pasted tags hang on it.
type install struct {
	Prefix string `json:"prefix"` // the collector's, unless the configuration has one

	secret []byte   // every site's keys come from it
	old    [][]byte // those in use before: what they sealed still counts
}

const (
	installFile = "install.json"
	secretFile  = "secret"
	secretBytes = 32
)

// openInstall reads the install of a data folder, or makes it. What the settings say, the file of a secret and a
// prefix, takes the place of the folder's own. The caller holds the folder's lock.
func openInstall(dir, secretName, prefix string) (in *install, err error) {
	in = &install{Prefix: prefix}
	if secretName != "" {
		in.secret, err = readSecret("install.secret_file", secretName)
	} else {
		in.secret, err = openSecret(filepath.Join(dir, secretFile))
	}
	if err != nil || prefix != "" {
		return in, err
	}
	return in, in.openPrefix(dir)
}

// readOldSecrets reads the secrets that were in use before.
func (in *install) readOldSecrets(names []string) error {
	for _, name := range names {
		secret, err := readSecret("install.old_secret_files", name)
		if err != nil {
			return err
		}
		in.old = append(in.old, secret)
	}
	return nil
}

// openPrefix reads the prefix of a data folder, or makes it.
func (in *install) openPrefix(dir string) error {
	path := filepath.Join(dir, installFile)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		in.Prefix = randomPrefix()
		if data, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode %s: %w", path, err)
		}
		return durable.WriteFile(path, append(data, '\n'))
	case err != nil:
		return fmt.Errorf("read install: %w", err)
	}
	if err := json.Unmarshal(data, in); err != nil {
		return fmt.Errorf("read install: %s is damaged: %w (restore it, or set collector.prefix and remove it)", path, err)
	}
	if err := checkPrefix(in.Prefix); err != nil {
		return fmt.Errorf("read install: %s: prefix: %w", path, err)
	}
	return nil
}

// openSecret never replaces a damaged secret: under a new one every visitor would be a new one.
func openSecret(path string) ([]byte, error) {
	secret, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		secret = make([]byte, secretBytes)
		rand.Read(secret) // never fails: it would end the program
		return secret, durable.WriteFile(path, secret)
	}
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	if len(secret) != secretBytes {
		return nil, fmt.Errorf("read secret: %s has %d bytes instead of %d (restore it from a backup; without it, "+
			"remove it: every visitor then counts as a new one)", path, len(secret), secretBytes)
	}
	return secret, nil
}

// readSecret reads a secret that several processes share: as raw bytes, or as text that every tool can carry.
func readSecret(setting, path string) ([]byte, error) {
	const remedy = "make one for all collectors with: openssl rand -hex 32"
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (%s)", setting, err, remedy)
	}
	if len(data) == secretBytes {
		return data, nil
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(secret) != secretBytes { // the error would quote the secret
		return nil, fmt.Errorf("%s: %s holds neither %d bytes nor %d hex digits (%s)",
			setting, path, secretBytes, 2*secretBytes, remedy)
	}
	return secret, nil
}

// siteKey derives one site's key for one purpose.
func (in *install) siteKey(purpose, site string) []byte { return siteKeyOf(in.secret, purpose, site) }

// oldSealKeys are the keys by which a site's choices were sealed before.
func (in *install) oldSealKeys(site string) (keys [][]byte) {
	for _, secret := range in.old {
		keys = append(keys, siteKeyOf(secret, "seal", site))
	}
	return keys
}

func siteKeyOf(secret []byte, purpose, site string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(purpose + "\x00" + site))
	return mac.Sum(nil)
}

// randomPrefix is a path that means nothing: it has no vowel, so that it spells no word of a filter list.
func randomPrefix() string {
	const letters, length = "bcdfghjkmnpqrstvwxz23456789", 6
	prefix := []byte{'/'}
	var random [1]byte
	for len(prefix) <= length {
		rand.Read(random[:])
		if n := int(random[0]); n < 256-256%len(letters) { // the rest would favour the first letters
			prefix = append(prefix, letters[n%len(letters)])
		}
	}
	return string(prefix)
}
