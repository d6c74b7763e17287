package snippet

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strconv"
)

// words is what the wall says to visitors, in all languages.
//
//go:embed words.json
var words []byte

// addWall builds what pages with a stub need. Sites without a wall have none of it.
func (b *Bundle) addWall(site Site, lib library) error {
	if !site.Wall.on() {
		return nil
	}
	encoded, err := encode(words)
	if err != nil {
		return fmt.Errorf("compress words.json: %w", err)
	}
	sum := sha256.Sum256(words)
	b.Words = File{Hash: hex.EncodeToString(sum[:hashBytes]), Encoded: encoded}
	defines := site.defines()
	defines["WORDS"] = strconv.Quote(b.WordsName())
	defines["RELOAD_ON_PLACE"] = strconv.FormatBool(site.Wall.ReloadOnPlace)
	if b.Wall, err = lib.file("wall.ts", defines); err != nil {
		return fmt.Errorf("build the wall's script of site %q: %w", site.ID, err)
	}
	return nil
}

// WordsName is the name of Words under the endpoint; "" without a wall. They are JSON.
func (b *Bundle) WordsName() string {
	if b.Words.Hash == "" {
		return ""
	}
	return b.Words.Hash + ".json"
}
