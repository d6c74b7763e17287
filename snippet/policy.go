package snippet

import (
	_ "embed"
	"net/url"
	"slices"
	"strings"

	"heed/consent"
)

// essential lists the hosts that pages may always speak with: payment, login and path-limited script libraries.
//
//go:embed essential.txt
var essential string

// EssentialHosts returns the host sources that every wall allows, without their schemes.
func EssentialHosts() []string {
	var hosts []string
	for line := range strings.Lines(essential) {
		if host, _, _ := strings.Cut(line, "#"); strings.TrimSpace(host) != "" {
			hosts = append(hosts, strings.TrimSpace(host))
		}
	}
	return hosts
}

// Permitted is what a policy is made for: the twin of what the stub decides.
type Permitted struct {
	// Granted is what may happen, by the choice or, before one, by the rules of the place.
	Granted consent.Categories
	// Services are those allowed of the granted categories; nil are all of them.
	Services []string
	// Undecided says that the visitor has still to answer: marked services' hosts are no harm then.
	Undecided bool
	// Undeclared says that what nobody declared is free as well; there is no policy then.
	Undeclared bool
}

// Open is the policy that forbids nothing. Where answers carry policies each one needs one, since a browser that is told "not
// modified" keeps the policy of before.
const Open = "default-src * 'unsafe-inline' 'unsafe-eval' data: blob:"

// Policy returns the Content-Security-Policy of a page for what is permitted, by Open where nothing is held back. All
// strengths use it; the stub makes the same text (wall.ts).
func (s Site) Policy(p Permitted) string {
	if p.Undeclared || !s.Wall.on() {
		return Open
	}
	return "default-src " + s.base() + s.services(p)
}

// Seal returns the policy of a sealed page's static meta element: what is allowed to whoever has not answered, but nothing
// that a place may grant by itself.
func (s Site) Seal() string { return s.Policy(Permitted{Granted: consent.Essential, Undecided: true}) }

// base are the sources that are always allowed. Inline code stays allowed: the wall is about who is spoken with.
func (s Site) base() string {
	sources := []string{"'self'", "'unsafe-inline'", "'unsafe-eval'", "data:", "blob:"}
	if u, err := url.Parse(s.Endpoint); err == nil && u.Host != "" {
		sources = append(sources, u.Host)
	}
	for _, host := range s.Wall.Hosts {
		sources = append(sources, schemeless(host))
	}
	for _, service := range s.Wall.Services {
		if service.Category == consent.Essential {
			for _, host := range service.Hosts {
				sources = append(sources, schemeless(host))
			}
		}
	}
	slices.Sort(sources[5:])
	return strings.Join(append(slices.Compact(sources), EssentialHosts()...), " ")
}

// services are the sources of what is permitted beyond the base, each behind a space.
func (s Site) services(p Permitted) string {
	var sources strings.Builder
	for _, service := range s.Wall.Services {
		granted := p.Granted.Has(service.Category) && (p.Services == nil || slices.Contains(p.Services, service.ID))
		if service.Category == consent.Essential || !granted && !(service.Marked && p.Undecided) {
			continue
		}
		for _, host := range service.Hosts {
			sources.WriteString(" " + schemeless(host))
		}
	}
	return sources.String()
}

// schemeless lets a source follow the page: its own scheme or a safer one, and web sockets.
func schemeless(source string) string {
	_, host, _ := strings.Cut(source, "://")
	return host
}
