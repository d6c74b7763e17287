package main

import (
	"heed/consent/notice"
	"heed/consent/record"
)

// demoDeclaration is what the demo's invented company declares: itself, and the one thing that its pages keep beside Heed.
func demoDeclaration(origin string) declaration {
	purpose := record.Purpose{ID: "prices", Category: "functional", Data: []string{"setting"}, RetentionDays: 30}
	service := record.Service{
		ID: "price-setting", Category: "functional", Recipient: notice.Self, Purposes: []string{"prices"}, LifetimeDays: 30,
	}
	text := func(locale, id, text string) declaredText { return declaredText{locale: locale, id: id, text: text} }
	return declaration{
		Controller: record.Controller{Name: "Loam", Contact: "hello@loam.example", Country: "IE"},
		Policy:     origin + "/privacy",
		Style:      notice.Style{Accent: "#24523b", Corners: 16, Position: "bottom-start"},
		Purposes:   []declaredPurpose{{Purpose: purpose, Name: "Prices"}},
		Services:   []declaredService{{Service: service, Name: "Loam’s own pages"}},
		Texts: []declaredText{
			text("en", "prices.text", "Remembering whether you look at monthly or yearly prices."),
			text("de", "prices", "Preise"),
			text("de", "prices.text", "Sich merken, ob Sie monatliche oder jährliche Preise ansehen."),
			text("de", "price-setting", "Loams eigene Seiten"),
			text("fr", "prices", "Prix"),
			text("fr", "prices.text", "Retenir si vous regardez les prix au mois ou à l’année."),
			text("fr", "price-setting", "Pages de Loam"),
		},
	}
}
