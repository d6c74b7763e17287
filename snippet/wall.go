package snippet

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"heed/consent"
	"heed/schemas"
)

// Wall is what of a site's pages is held back until it is allowed.
type Wall struct {
	// Strength is how: schemas.WallTag, WallSealed or WallHeader. Nothing is held back by "" and schemas.WallOff.
	Strength schemas.Wall
	// Hosts with which pages may always speak, beside their own origin: host sources of the owner's own.
	Hosts []string
	// Frames are the beginnings of paths at which frames of every host may load, as a bank's in a checkout: "/checkout".
	Frames []string
	// ReloadOnPlace lets a page load once more where the loader learns of a place that allows more than the stub knew.
	ReloadOnPlace bool
	// Modes are the consent modes of others that pages are to tell, each one of Modes.
	Modes    []string
	Services []Service
}

// Service is what a page loads of somebody else's, or keeps for them.
type Service struct {
	ID       string
	Category consent.Categories // exactly one
	// Hosts that it speaks with, as host sources: "https://www.example.com", "https://*.example.com", "https://cdn.example.com/lib/".
	Hosts []string
	// Marked says that each of its tags on the site's pages is marked, so that its hosts do no harm while nothing is decided.
	Marked bool
	// Stores are the names of cookies and storage keys that it writes; a * stands for any text.
	Stores []string
}

// Modes returns the consent modes that a site may switch on.
func Modes() []string { return []string{"google", "uet", "clarity", "meta", "wordpress"} }

// Limits of what a wall names.
const (
	maxWallHosts    = 200
	maxServiceHosts = 50
	maxStores       = 100
	maxStoreBytes   = 128
)

var (
	serviceForm = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
	hostForm    = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?$`)
	pathForm    = regexp.MustCompile(`^(/[A-Za-z0-9._~%@+-]*)*$`)
	storeForm   = regexp.MustCompile(`^[!-:<-~]+$`) // what a cookie's name can be made of, and a key, without spaces
)

// CheckHostSource reports what is wrong with a host source: scheme, host with an optional *. in front, port and path.
func CheckHostSource(source string) error {
	u, err := url.Parse(source)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || !hostForm.MatchString(u.Host) || !pathForm.MatchString(u.Path) ||
		u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%q is no host source: write it as https://www.example.com, https://*.example.com or https://cdn.example.com/lib/", source)
	}
	return nil
}

// check reports all that is wrong with w.
func (w *Wall) check() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("wall: "+format, args...))
		}
	}
	check(slices.Contains([]schemas.Wall{"", schemas.WallOff, schemas.WallTag, schemas.WallSealed, schemas.WallHeader}, w.Strength), "strength %q is not one of off, tag, sealed, header", w.Strength)
	check(len(w.Hosts) <= maxWallHosts, "more than %d hosts", maxWallHosts)
	for _, host := range w.Hosts {
		errs = append(errs, CheckHostSource(host))
	}
	for _, path := range w.Frames {
		check(strings.HasPrefix(path, "/") && pathForm.MatchString(path), "frames: %q is no path", path)
	}
	for _, mode := range w.Modes {
		check(slices.Contains(Modes(), mode), "modes: %q is not one of %s", mode, strings.Join(Modes(), ", "))
	}
	for _, s := range w.Services {
		check(serviceForm.MatchString(s.ID), "service %q: an id has 1 to 64 of a-z, 0-9 and -", s.ID)
		check(s.Category != 0 && s.Category&consent.All == s.Category && s.Category&(s.Category-1) == 0, "service %s: want one category", s.ID)
		check(len(s.Hosts) <= maxServiceHosts, "service %s: more than %d hosts", s.ID, maxServiceHosts)
		check(len(s.Stores) <= maxStores, "service %s: more than %d stores", s.ID, maxStores)
		for _, host := range s.Hosts {
			errs = append(errs, CheckHostSource(host))
		}
		for _, name := range s.Stores {
			check(len(name) <= maxStoreBytes && storeForm.MatchString(name), "service %s: %q is no name of a cookie or key", s.ID, name)
		}
	}
	return errors.Join(errs...)
}

// on tells whether anything is held back.
func (w *Wall) on() bool { return w.Strength != "" && w.Strength != schemas.WallOff }
