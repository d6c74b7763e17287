package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/chromedp/chromedp"
)

// chromeNames are the names that a Chromium goes by, in the order in which they are looked for.
var chromeNames = []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "microsoft-edge"}

// chromeFlags keep the browser from doing anything but what it is told, and all frames of a page in one process, where
// their requests are seen. Its sandbox stays, unless we are root, for whom Chromium has none (chromedp sees to that): pages
// bring scripts of strangers.
var chromeFlags = []string{
	"headless", "disable-gpu", "disable-quic", "disable-background-networking", "disable-component-update",
	"disable-sync", "disable-default-apps", "disable-extensions", "disable-dev-shm-usage", "disable-breakpad",
	"no-first-run", "no-default-browser-check", "metrics-recording-only", "disable-site-isolation-trials",
}

// chromeConfig says which browser is opened, and what one visit may cost.
type chromeConfig struct {
	path     string        // the program; empty looks for one
	rules    string        // --host-resolver-rules; tests have every name lead to this machine
	timeout  time.Duration // of one visit; 0 for 30 s
	requests int           // of one visit; beyond it the page is stopped. 0 for 2,000
	insecure bool          // certificates are not checked
}

// chrome is a local Chromium with a profile of its own, which is gone when it is closed. Cookies of third parties are let
// through, as most visitors' browsers do. Its methods are called by one goroutine.
type chrome struct {
	cfg     chromeConfig
	ctx     context.Context // of the browser, as chromedp has it
	profile string
	end     func()
}

// openChrome starts a browser with an empty profile. It lives until close, or until ctx ends.
func openChrome(ctx context.Context, cfg chromeConfig) (*chrome, error) {
	path, err := findChrome(cfg.path)
	if err != nil {
		return nil, err
	}
	if cfg.timeout == 0 {
		cfg.timeout = 30 * time.Second
	}
	if cfg.requests == 0 {
		cfg.requests = 2000
	}
	profile, err := chromeProfile()
	if err != nil {
		return nil, err
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.Flag("host-resolver-rules", cfg.rules),
		chromedp.Flag("ignore-certificate-errors", cfg.insecure), chromedp.Flag("disable-features", "IsolateOrigins,site-per-process"),
	}
	for _, name := range chromeFlags {
		options = append(options, chromedp.Flag(name, true))
	}
	ctx, endProgram := chromedp.NewExecAllocator(ctx, options...)
	ctx, endBrowser := chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {})) // it would write to standard error
	c := &chrome{cfg: cfg, ctx: ctx, profile: profile, end: func() { endBrowser(); endProgram() }}
	if err := chromedp.Do(ctx); err != nil {
		c.close()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return c, nil
}

// profileLeft is what is said at a second signal while a browser is open.
const profileLeft = "stopped at once; a browser's profile may be left in the folder for temporary files, as heed-browser-*"

// close ends the browser and removes its profile. Processes of the browser may outlive its first one by a moment, and write
// into it still: hence not at the first try.
func (c *chrome) close() error {
	c.end()
	var err error
	for range 50 {
		if err = os.RemoveAll(c.profile); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("remove the browser's profile: %w", err)
}

// findChrome returns the program of a Chromium.
func findChrome(path string) (string, error) {
	if path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("--browser: %w", err)
		}
		return found, nil
	}
	for _, name := range chromeNames {
		if found, err := exec.LookPath(name); err == nil {
			return found, nil
		}
	}
	return "", errors.New("there is no Chromium on this machine; install one, as with: apt-get install chromium, " +
		"or name the program of a Chrome, Chromium or Edge with --browser PATH")
}

// chromeProfile makes a profile that lets cookies of third parties through: Debian's build blocks them by default.
func chromeProfile() (string, error) {
	profile, err := os.MkdirTemp("", "heed-browser-*")
	if err != nil {
		return "", fmt.Errorf("make a profile for the browser: %w", err)
	}
	folder := filepath.Join(profile, "Default")
	preferences := []byte(`{"profile":{"cookie_controls_mode":0,"block_third_party_cookies":false}}`)
	err = os.Mkdir(folder, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "Preferences"), preferences, 0o600)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("make a profile for the browser: %w", err), os.RemoveAll(profile))
	}
	return profile, nil
}
