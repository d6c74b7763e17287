package snippet

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// namespace marks modules that come from the library: esbuild never looks at the disk for them.
const namespace = "heed"

// bundle joins the module snippet/src/<entry> and all that it imports into one minified script.
func (lib library) bundle(entry string, defines map[string]string) ([]byte, error) {
	result := api.Build(api.BuildOptions{
		EntryPoints:       []string{"snippet/src/" + entry},
		Bundle:            true,
		Write:             false,
		Format:            api.FormatIIFE,
		Target:            api.ES2020,
		Platform:          api.PlatformBrowser,
		Charset:           api.CharsetASCII, // a page may be in any encoding
		MinifySyntax:      true,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MangleProps:       "^_",
		LegalComments:     api.LegalCommentsNone,
		Define:            defines,
		LogLevel:          api.LogLevelSilent,
		TsconfigRaw:       "{}",
		Plugins:           []api.Plugin{{Name: "library", Setup: lib.serve}},
	})
	if len(result.Errors) > 0 {
		return nil, messages(result.Errors)
	}
	if len(result.OutputFiles) != 1 {
		return nil, fmt.Errorf("bundle %s: %d files, want 1", entry, len(result.OutputFiles))
	}
	return result.OutputFiles[0].Contents, nil
}

// serve gives esbuild the embedded sources under their paths in the repository, so that relative imports between the
// two folders mean there what they mean to an editor.
func (lib library) serve(build api.PluginBuild) {
	build.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		name := path.Clean(args.Path) // an entry that exists below the working directory comes as ./name
		if args.Kind != api.ResolveEntryPoint {
			name = path.Join(path.Dir(args.Importer), args.Path)
		}
		return api.OnResolveResult{Path: name, Namespace: namespace, SideEffects: api.SideEffectsFalse}, nil
	})
	ours := api.OnLoadOptions{Filter: ".*", Namespace: namespace}
	build.OnLoad(ours, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
		text, err := lib.read(args.Path)
		return api.OnLoadResult{Contents: &text, Loader: api.LoaderTS}, err
	})
}

func (lib library) read(name string) (string, error) {
	if rest, ok := strings.CutPrefix(name, "consent/"); ok {
		text, err := fs.ReadFile(lib.consent, rest)
		return string(text), err
	}
	text, err := fs.ReadFile(lib.snippet, strings.TrimPrefix(name, "snippet/"))
	return string(text), err
}

// messages turns esbuild's errors into one that names file, line and column of each.
func messages(msgs []api.Message) error {
	errs := make([]error, 0, len(msgs))
	for _, m := range msgs {
		if m.Location == nil {
			errs = append(errs, errors.New(m.Text))
			continue
		}
		file := strings.TrimPrefix(m.Location.File, namespace+":")
		errs = append(errs, fmt.Errorf("%s:%d:%d: %s", file, m.Location.Line, m.Location.Column+1, m.Text))
	}
	return errors.Join(errs...)
}
