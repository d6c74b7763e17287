package check

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// stages are those of the Dockerfile, as the builder reads them.
func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	file, err := os.Open(deploy + "/container/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	tree, err := parser.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range tree.Warnings {
		t.Errorf("Dockerfile: %s", warning.Short)
	}
	found, _, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDockerfile(t *testing.T) {
	known := commands(t)
	names := map[string]bool{}
	for _, stage := range stages(t) {
		if !names[stage.BaseName] && stage.BaseName != "scratch" {
			checkImage(t, "stage "+stage.Name, stage.BaseName)
		}
		names[stage.Name] = true
		for _, command := range stage.Commands {
			copied, ok := command.(*instructions.CopyCommand)
			if ok && copied.From != "" && !names[copied.From] {
				t.Errorf("stage %s copies from %s, which is no stage before it", stage.Name, copied.From)
			}
			if ok && copied.From == "" {
				checkCopied(t, copied.SourcePaths)
			}
		}
		if stage.Name == "collector" || stage.Name == "all" {
			checkFinal(t, stage, known)
		}
	}
	if !names["collector"] || !names["all"] {
		t.Errorf("the stages are %v, want collector and all among them", names)
	}
}

func checkCopied(t *testing.T, sources []string) {
	t.Helper()
	for _, source := range sources {
		if _, err := os.Stat(filepath.Join(root, source)); err != nil {
			t.Errorf("the Dockerfile copies %s, which is not in the repository", source)
		}
	}
}

// checkFinal holds an image against what it promises: nobody's user, the program as its entry, a command that is there.
func checkFinal(t *testing.T, stage instructions.Stage, known map[string]bool) {
	t.Helper()
	var user, entry, command string
	for _, c := range stage.Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.EntrypointCommand:
			entry = strings.Join(c.CmdLine, " ")
		case *instructions.CmdCommand:
			command = strings.Join(c.CmdLine, " ")
		case *instructions.RunCommand:
			t.Errorf("image %s runs %v, and has nothing to run it with", stage.Name, c.CmdLine)
		}
	}
	if user != "10001:10001" || entry != "/heed/heed" || !known[command] {
		t.Errorf("image %s runs %q %q as %q, want /heed/heed with a command as 10001:10001", stage.Name, entry, command, user)
	}
}

// TestCollectorProgram: the program of the small image needs nothing to be beside it.
func TestCollectorProgram(t *testing.T) {
	name := filepath.Join(t.TempDir(), "heed")
	if err := build(name, "-tags", "noembed"); err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, program := range file.Progs {
		if program.Type == elf.PT_INTERP || program.Type == elf.PT_DYNAMIC {
			t.Errorf("it is not static: it has a %v", program.Type)
		}
	}
	modules, err := exec.Command("go", "version", "-m", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(modules), "purego") {
		t.Error("it links purego")
	}
	cmd := exec.Command(name, "serve", "--demo", "--data.dir", filepath.Join(t.TempDir(), "data"))
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "set clickhouse.dsn") {
		t.Errorf("heed serve without an engine = %v, want a word on clickhouse.dsn\n%s", err, out)
	}
}
