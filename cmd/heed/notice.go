package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"

	"heed/collector"
	"heed/consent"
	"heed/consent/notice"
	"heed/consent/record"
	"heed/snippet"
)

// jsonType is the content type of notices.
const jsonType = "application/json"

// notices makes the notices of a site out of what its owner declares and what Heed does there.
func (s *Site) notices() ([]notice.Built, error) {
	d := &s.Declared
	made := notice.Site{
		ID: s.ID, Policy: d.Policy, CountsAnonymously: s.AnonymousCount, Locales: d.Locales, Style: d.Style,
		Names: map[string]string{}, Stores: map[string][]string{}, Texts: map[string]map[string]string{},
	}
	controller := s.controller()
	countries := d.Countries
	if len(countries) == 0 {
		countries = []string{controller.Country}
	}
	features := notice.Features{Engagement: s.Engagement, Forms: s.Forms}
	made.Material = record.Material{
		Controller: controller,
		Purposes:   notice.OwnPurposes(features, retentionDays(s.RetentionMonths), countries),
		Services:   notice.OwnServices(features),
		Recipients: []record.Recipient{{ID: notice.Self, Name: controller.Name, Country: controller.Country}},
	}
	for _, p := range d.Purposes {
		if len(p.Locations) == 0 {
			p.Locations = countries
		}
		made.Material.Purposes = append(made.Material.Purposes, p.Purpose)
		made.Names[p.ID] = p.Name
	}
	for _, service := range d.Services {
		made.Material.Services = append(made.Material.Services, service.Service)
		made.Names[service.ID], made.Stores[service.ID] = service.Name, service.Stores
	}
	for _, r := range d.Recipients {
		made.Material.Recipients = append(made.Material.Recipients, r.Recipient)
	}
	for _, t := range d.Texts {
		if made.Texts[t.locale] == nil {
			made.Texts[t.locale] = map[string]string{}
		}
		made.Texts[t.locale][t.id] = t.text
	}
	return notice.Build(made)
}

// controller is who is responsible, as far as the owner says. What is left out is filled with what is known: the notice
// stays true, and heed config --check says that it names nobody.
func (s *Site) controller() record.Controller {
	c := s.Declared.Controller
	var origin string
	if len(s.Origins) > 0 {
		origin = s.Origins[0]
	}
	c.Name = cmp.Or(c.Name, fmt.Sprintf("%s (%s)", s.ID, origin))
	c.Contact = cmp.Or(c.Contact, origin)
	c.Country = cmp.Or(c.Country, notice.NoCountry)
	return c
}

// retentionDays is after how many days the last row of a retention class is gone at the latest: rows are dropped by whole
// months.
func retentionDays(months int) int { return (months + 1) * 31 }

// forSnippet are the notices as a site's script knows them.
func forSnippet(built []notice.Built) []snippet.Notice {
	list := make([]snippet.Notice, len(built))
	for i, b := range built {
		list[i] = snippet.Notice{Layout: b.Notice.Layout, Locale: b.Notice.Locale, Shown: b.Ref.Shown.String()}
	}
	return list
}

// noticeAsset is a notice as browsers fetch it: the archived bytes themselves, so that what is shown is what is archived.
func noticeAsset(n notice.Built) (collector.Asset, error) {
	shown := snippet.Notice{Shown: n.Ref.Shown.String()}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(n.Text)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		return collector.Asset{}, fmt.Errorf("compress notice %s: %w", n.Ref.Shown, err)
	}
	return collector.Asset{
		Name: shown.Name(), ContentType: jsonType, CacheControl: bundleCache, ETag: `"` + shown.Shown[:32] + `"`,
		Plain: n.Text, Gzip: packed.Bytes(),
	}, nil
}

// asserts are what the site's owner asserts.
func (s *Site) asserts() consent.Site {
	return consent.Site{
		AnonymousCount: s.AnonymousCount, Exemption: s.Exemption.Asserted(), UnknownAfterGrant: s.UnknownAfterGrant,
		AssumePlace: s.AssumePlace, Children: s.Children,
	}
}
