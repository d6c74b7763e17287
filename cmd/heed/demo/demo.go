// Package demo is the site of Loam, an invented company, on which Heed can be tried: linked pages, a journal that
// changes routes without loading, a form, and a control to allow or refuse being counted. It asks nobody but the
// process that serves it.
package demo

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
)

// Config is what the pages need to know.
type Config struct {
	// Tag is the HTML that a site owner would paste.
	Tag string
	// Numbers answers GET /numbers.json?tz=ZONE with what is known of the demo's visitors; nil serves none.
	Numbers http.Handler
}

//go:embed pages posts static
var files embed.FS

// maxFormBytes bounds what the sign-up form may send before it is thrown away.
const maxFormBytes = 64 << 10

// page is what a template sees.
type page struct {
	Path        string
	Section     string
	Title       string
	Description string
	Tag         template.HTML
	Posts       []post
}

// post is an entry of the journal.
type post struct {
	Path, Title, Date, Lead string
	Body                    template.HTML
}

// New returns the site. It fails only when a page is broken, which a test would have told.
func New(cfg Config) (http.Handler, error) {
	posts, err := readPosts()
	if err != nil {
		return nil, err
	}
	static, err := fs.Sub(files, "static")
	if err != nil {
		return nil, fmt.Errorf("open static files: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(static)))
	mux.HandleFunc("POST /signup", signUp)
	if cfg.Numbers != nil {
		mux.Handle("GET /numbers.json", cfg.Numbers)
	}
	for _, r := range routes(posts) {
		html, err := render(r.file, page{
			Path: r.path, Section: r.section, Title: r.title, Description: r.description,
			Tag: template.HTML(cfg.Tag), Posts: posts,
		})
		if err != nil {
			return nil, err
		}
		mux.Handle(r.pattern, serveHTML(r.status, html))
	}
	return withHeaders(mux), nil
}

// route is one page: where it is, and what it is made of.
type route struct {
	pattern, path, section, file, title, description string
	status                                           int
}

func routes(posts []post) []route {
	all := []route{
		{pattern: "GET /{$}", path: "/", file: "home", title: "Loam – know when the ground is thirsty",
			description: "Soil sensors for market gardens: water now, or wait."},
		{pattern: "GET /pricing", path: "/pricing", file: "pricing", title: "Pricing – Loam",
			description: "Pay for probes, not for acres."},
		{pattern: "GET /blog", path: "/blog", section: "blog", file: "blog", title: "The journal – Loam",
			description: "Notes from wet boots."},
		{pattern: "GET /signup", path: "/signup", file: "signup", title: "Start growing – Loam",
			description: "Four probes for one season."},
		{pattern: "GET /thanks", path: "/thanks", file: "thanks", title: "Thank you – Loam",
			description: "The form was sent."},
		{pattern: "GET /privacy", path: "/privacy", file: "privacy", title: "Privacy – Loam",
			description: "What Loam knows of you, and what it does not."},
		{pattern: "GET /numbers", path: "/numbers", file: "numbers", title: "The numbers – Loam",
			description: "What Heed counted here."},
		{pattern: "GET /", path: "", file: "notfound", title: "Not found – Loam",
			description: "This page does not exist.", status: http.StatusNotFound},
	}
	for _, p := range posts {
		all = append(all, route{
			pattern: "GET " + p.Path, path: p.Path, section: "blog", file: "blog", title: p.Title + " – Loam", description: p.Lead,
		})
	}
	return all
}

func readPosts() ([]post, error) {
	posts := []post{
		{Path: "/blog/reading-a-dry-down", Title: "Reading a dry-down", Date: "12 October 2026",
			Lead: "A wet bed tells you little. How it dries tells you nearly everything."},
		{Path: "/blog/what-the-frost-taught-us", Title: "What the frost taught us", Date: "20 April 2026",
			Lead: "For one night in April, every probe was wrong in the same way."},
	}
	for i := range posts {
		body, err := files.ReadFile("posts/" + strings.TrimPrefix(posts[i].Path, "/blog/") + ".html")
		if err != nil {
			return nil, fmt.Errorf("read post: %w", err)
		}
		posts[i].Body = template.HTML(body)
	}
	return posts, nil
}

// render makes a page once: nothing in it depends on who asks.
func render(file string, p page) ([]byte, error) {
	t, err := template.ParseFS(files, "pages/layout.html", "pages/"+file+".html")
	if err != nil {
		return nil, fmt.Errorf("parse page %s: %w", file, err)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "layout.html", p); err != nil {
		return nil, fmt.Errorf("render page %s: %w", file, err)
	}
	return out.Bytes(), nil
}

func serveHTML(status int, html []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if status != 0 {
			w.WriteHeader(status)
		}
		_, _ = w.Write(html) // whoever hung up needs no page
	})
}

// signUp throws the form away and says thank you. It takes no form from another site.
func signUp(w http.ResponseWriter, r *http.Request) {
	if from, err := url.Parse(r.Header.Get("Origin")); err != nil || from.Host != "" && from.Host != r.Host {
		http.Error(w, "send the form from its own page", http.StatusForbidden)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil || strings.TrimSpace(r.PostForm.Get("email")) == "" {
		http.Error(w, "an e-mail address is needed; go back and fill it in", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, "/thanks", http.StatusSeeOther)
}

func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Cache-Control", "no-cache") // the tag's address may differ after the next start
		next.ServeHTTP(w, r)
	})
}
