package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/cachestorage"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/domstorage"
	"github.com/chromedp/cdproto/indexeddb"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	jar "github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"

	"heed/schemas"
)

// chromeCookie is one cookie of the jar.
type chromeCookie struct {
	Name, Value string
	Domain      string // with a leading dot where subdomains get it too
	Path        string
	Expires     time.Time // zero: it ends with the session
	HTTPOnly    bool
	Secure      bool
	SameSite    string // Strict, Lax, None, or empty where the cookie does not say
	Partitioned bool
	Setter      string // URL of the script or answer that set it, where it was set while the page was watched
}

// chromeKey is the name of something that a page has stored.
type chromeKey struct {
	Place  schemas.NamePlace
	Origin string
	Name   string
}

// setterBinding is what setterScript tells names of cookies by, and their setters.
const setterBinding = "heedSetterSeen"

// setterScript tells which script sets which cookie, and on which host, and hands everything on. It takes the last URL that
// the stack has: the script on the page that is answerable, not the library within it.
const setterScript = `(() => {
  const tell = window.` + setterBinding + `, own = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie')
  if (!tell || !own || !own.set) return
  const by = () => {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 1000
    const stack = String(new Error().stack)
    Error.stackTraceLimit = stackTraceLimit
    return (stack.match(/https?:\/\/[^\s)]+?(?=:\d+:\d+)/g) || ['']).pop()
  }
  const say = (name) => { try { tell(JSON.stringify({ name: String(name).trim(), host: location.hostname, by: by() })) } catch {} }
  Object.defineProperty(Document.prototype, 'cookie', { ...own, set(text) { say(String(text).split('=')[0]); own.set.call(this, text) } })
  const store = window.CookieStore && CookieStore.prototype.set
  if (store) CookieStore.prototype.set = function (name, ...rest) { say(name && name.name || name); return store.call(this, name, ...rest) }
})()`

// cookieParams is what the browser is told of the cookies of a visit. One without a domain is the page's own. The URL says
// what scheme it was set by: browsers bind cookies to it.
func cookieParams(v chromeVisit) (params []*network.CookieParam) {
	for _, c := range v.cookies {
		p := &network.CookieParam{
			Name: c.Name, Value: c.Value, URL: v.url, Domain: c.Domain, Path: cmp.Or(c.Path, "/"), Secure: c.Secure, HTTPOnly: c.HTTPOnly,
			SameSite: network.CookieSameSite(c.SameSite),
		}
		if !c.Expires.IsZero() {
			p.Expires = cdp.TimeSinceEpoch(c.Expires.UnixMilli()) / 1000
		}
		params = append(params, p)
	}
	return params
}

// readCookies reads the whole jar.
func readCookies(tab context.Context) (all []chromeCookie, err error) {
	answer, err := chromedp.Call(tab, jar.GetCookies, jar.GetCookiesParams{})
	if err != nil {
		return nil, fmt.Errorf("read cookies: %w", err)
	}
	for _, c := range answer.Cookies {
		seen := chromeCookie{
			Name: c.Name, Value: c.Value, Domain: c.Domain, Path: c.Path, HTTPOnly: c.HTTPOnly, Secure: c.Secure,
			SameSite: string(c.SameSite), Partitioned: c.PartitionKey != nil,
		}
		if !c.Session {
			seen.Expires = time.UnixMilli(int64(c.Expires * 1000)).UTC()
		}
		all = append(all, seen)
	}
	return all, nil
}

// readStored reads the names of what all frames have stored. A frame that has no origin has no storage.
func readStored(tab context.Context, frames *page.FrameTree) (all []chromeKey) {
	for _, origin := range originsOf(frames, nil) {
		for _, place := range []schemas.NamePlace{schemas.PlaceLocal, schemas.PlaceSession} {
			id := &domstorage.StorageID{SecurityOrigin: origin, IsLocalStorage: place == schemas.PlaceLocal}
			items, _ := chromedp.Call(tab, domstorage.GetDOMStorageItems, domstorage.GetDOMStorageItemsParams{StorageID: id})
			for _, item := range items.Entries {
				if len(item) > 0 {
					all = append(all, chromeKey{place, origin, item[0]})
				}
			}
		}
		databases, _ := chromedp.Call(tab, indexeddb.RequestDatabaseNames, indexeddb.RequestDatabaseNamesParams{SecurityOrigin: origin})
		for _, name := range databases.DatabaseNames {
			all = append(all, chromeKey{schemas.PlaceIDB, origin, name})
		}
		caches, _ := chromedp.Call(tab, cachestorage.RequestCacheNames, cachestorage.RequestCacheNamesParams{SecurityOrigin: origin})
		for _, cache := range caches.Caches {
			all = append(all, chromeKey{schemas.PlaceCache, origin, cache.CacheName})
		}
	}
	return all
}

// originsOf returns the origins of a frame and of those in it, each once.
func originsOf(frames *page.FrameTree, found []string) []string {
	origin := frames.Frame.SecurityOrigin
	known := origin == "" || origin == "null" || origin == "://"
	for _, other := range found {
		known = known || other == origin
	}
	if !known {
		found = append(found, origin)
	}
	for _, child := range frames.ChildFrames {
		found = originsOf(child, found)
	}
	return found
}
