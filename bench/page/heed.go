package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"heed/consent"
	"heed/consent/notice"
	"heed/consent/record"
	"heed/schemas"
	"heed/snippet"
)

// built is one site's scripts and notices, as browsers get them.
type built struct {
	site    snippet.Site
	bundle  snippet.Bundle
	tag     string
	notices map[string]packed // by name
	asked   packed            // the notice where silence is a no
}

// build makes the site of one strength: all that a tracker can do by default, and notices in English.
func build(strength schemas.Wall) (b built, err error) {
	made, err := notice.Build(declared())
	if err != nil {
		return b, fmt.Errorf("make notices: %w", err)
	}
	key := string(strength)
	b.site = snippet.Site{
		ID: key, Key: key, Endpoint: "/h/" + key, Features: snippet.DefaultFeatures(), Notice: made[0].Ref.ID,
		Wall: snippet.Wall{Strength: strength},
	}
	b.notices = map[string]packed{}
	for _, n := range made {
		listed := snippet.Notice{Layout: n.Notice.Layout, Locale: n.Notice.Locale, Shown: n.Ref.Shown.String()}
		b.site.Notices = append(b.site.Notices, listed)
		text, err := pack(n.Text)
		if err != nil {
			return b, err
		}
		b.notices[listed.Name()] = text
		if listed.Layout == notice.OptIn {
			b.asked = text
		}
	}
	if b.bundle, err = snippet.Build(b.site); err != nil {
		return b, err
	}
	b.tag, err = b.site.Tag()
	return b, err
}

// declared is a site that uses Heed and a map of somebody else's.
func declared() notice.Site {
	features := notice.Features{Engagement: true, Forms: true}
	return notice.Site{
		ID: "bench", Policy: "https://shop.example/privacy", Locales: []string{"en"},
		Material: record.Material{
			Controller: record.Controller{Name: "Shop GmbH", Contact: "privacy@shop.example", Country: "DE"},
			Purposes: append(notice.OwnPurposes(features, 806, []string{"DE"}),
				record.Purpose{ID: "directions", Category: "functional", Data: []string{"view"}, RetentionDays: 30, Locations: []string{"US"}}),
			Services: append(notice.OwnServices(features),
				record.Service{ID: "map", Category: "functional", Recipient: "mapco", Purposes: []string{"directions"}, LifetimeDays: 7}),
			Recipients: []record.Recipient{
				{ID: notice.Self, Name: "Shop GmbH", Country: "DE"}, {ID: "mapco", Name: "Map Co", Country: "US"},
			},
		},
		Names: map[string]string{"map": "Map", "directions": "Directions"},
	}
}

// ServeHTTP stands in for a collector that does not know where its visitors are, behind a proxy on the site's own origin: its own
// work is measured elsewhere.
func (b built) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		b.receive(w, r)
		return
	}
	name := r.PathValue("name")
	scripts := append([]snippet.File{b.bundle.Script, b.bundle.Banner, b.bundle.Wall}, b.bundle.Consents...)
	for _, file := range scripts {
		if file.Name() == name {
			sendPacked(w, "text/javascript", file.Brotli)
			return
		}
	}
	switch {
	case name == snippet.LoaderName:
		sendPacked(w, "text/javascript", b.bundle.Loaders[0].File.Brotli)
	case name == b.bundle.WordsName():
		sendPacked(w, "application/json", b.bundle.Words.Brotli)
	default:
		if text, ok := b.notices[name]; ok {
			sendPacked(w, "application/json", text.brotli)
			return
		}
		http.NotFound(w, r)
	}
}

// receive takes whatever is sent, and seals the choice that comes with its consent event.
func (b built) receive(w http.ResponseWriter, r *http.Request) {
	var batch schemas.Batch
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, schemas.MaxBatchBytes)).Decode(&batch); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var answer schemas.Answer
	if choice, err := consent.ParseChoice(batch.Choice); err == nil && batch.Consent != nil {
		if id, err := uuid.Parse(batch.Consent.ID); err == nil {
			answer.Choice = choice.Seal([]byte("seals in this bench only"), b.site.ID, id).String()
		}
	}
	w.WriteHeader(http.StatusAccepted)
	json.NewEncoder(w).Encode(answer)
}
