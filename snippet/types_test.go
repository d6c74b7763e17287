package snippet

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTypes holds heed.d.ts to what an owner's script may and may not write.
func TestTypes(t *testing.T) {
	needNode(t)
	compiler := filepath.Join("..", "node_modules", ".bin", "tsc")
	out, err := exec.CommandContext(t.Context(), compiler, "--ignoreConfig", "--noEmit", "--strict", "--target", "es2020",
		"--lib", "es2020,dom", "--types", "", "heed.d.ts", filepath.Join("testdata", "owner.ts")).CombinedOutput()
	if err != nil {
		t.Errorf("tsc: %v; run npm ci at the root of the repository if it is missing\n%s", err, out)
	}
}
