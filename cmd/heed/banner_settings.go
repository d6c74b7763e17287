package main

import (
	"strconv"
	"strings"

	"heed/consent/notice"
)

// noButton stands for no button but where the law wants one.
const noButton = "off"

// bannerSettings are those of a site's settings that say how its notices look. All of it is part of the archived notice.
func bannerSettings(s *Site) []setting {
	style := &s.Declared.Style
	sides := append([]string{noButton}, notice.Sides...)
	return []setting{
		{
			name: "banner.theme", value: oneOf(&style.Theme, notice.Themes...), def: notice.Themes[0],
			help:  "The colours of the notices: those of the visitor's system, light or dark.",
			limit: strings.Join(notice.Themes, ", "),
		}, {
			name: "banner.accent", value: textValue(&style.Accent, nil),
			help: "The colour of the notices' buttons and switches: accepting and rejecting have the same. Where the theme is auto, it is " +
				"that of the light one, and the dark one's is made from it. Default: ink.",
			limit: "#rrggbb, with a contrast of at least 4.5 to the notice's ground",
		}, {
			name: "banner.corners", value: intValue(&style.Corners, 0, notice.MaxCorners), def: strconv.Itoa(notice.DefaultCorners),
			help: "The radius of the notices' corners, in px.", limit: "0 to 24",
		}, {
			name: "banner.position", value: oneOf(&style.Position, notice.Positions...), def: notice.Positions[0],
			help: "Where the notice stands: at the bottom of the page, or in the corner where its lines begin or end. It never covers " +
				"the middle, where it would have to be answered before anything can be read.",
			limit: strings.Join(notice.Positions, ", "),
		}, {
			name: "banner.button", value: oneOf(&style.Button, sides...), def: noButton,
			help: "A button on every page that opens the choice again, at the side where lines begin or end. Off: only on pages that the " +
				"law wants to have a link, and that have none with data-heed-choices.",
			limit: strings.Join(sides, ", "),
		},
	}
}

// hasButton reports whether a button that opens the choice again stands on every page.
func (s *Site) hasButton() bool {
	button := s.Declared.Style.Button
	return button != "" && button != noButton
}

// checkAccent reports an accent that cannot be read in the site's theme.
func (r *fileReader) checkAccent(site *Site, given map[string]origin) {
	style := site.Declared.Style
	if style.Accent == "" {
		return
	}
	if err := notice.CheckAccent(style.Accent, style.Theme); err != nil {
		r.fault(given["banner.accent"].line, site.at+".banner.accent", "choose another colour, or leave it out",
			"%q: %v", printable(style.Accent), err)
	}
}
