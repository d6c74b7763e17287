package notice

import (
	_ "embed"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Style is how a site's notices look: what an owner may change without touching what makes yes and no alike.
type Style struct {
	Theme    string // auto, which is what the visitor's system has, light or dark; "" for auto
	Accent   string // of buttons and switches, as #2347c5; "" for ink
	Corners  int    // radius of the corners, px, 0 to MaxCorners
	Position string // of the first layer: bottom, bottom-start or bottom-end; "" for bottom
	Button   string // on which side the button stands that opens the choice again: start or end; "" for end
}

// DefaultCorners and MaxCorners are radii in px.
const (
	DefaultCorners = 14
	MaxCorners     = 24
)

// minContrast is what WCAG 2.2 wants of words (1.4.3): those on a button, and hence the button on its ground.
const minContrast = 4.5

// The words of a Style.
var (
	Themes    = []string{"auto", "light", "dark"}
	Positions = []string{"bottom", "bottom-start", "bottom-end"}
	Sides     = []string{"start", "end"}
)

//go:embed notice.css
var css string

// palette is one theme's colours.
type palette struct {
	scheme                                             string
	surface, ink, soft, line, edge, tint, halo, accent colour
}

var (
	light = palette{"light", 0xffffff, 0x15181e, 0x565c66, 0xe4e6ea, 0x747a85, 0xf1f3f6, 0xc9cdd5, 0x15181e}
	dark  = palette{"dark", 0x1b1d22, 0xf1f2f4, 0xb4b9c3, 0x363a43, 0x8c929e, 0x282b32, 0x4a4f5a, 0xf1f2f4}
)

// CheckAccent says what keeps a colour from being an accent in a theme.
func CheckAccent(accent, theme string) error {
	c, err := parseColour(accent)
	if err != nil {
		return err
	}
	ground := light
	if theme == "dark" {
		ground = dark
	}
	if got := contrast(c, ground.surface); got < minContrast {
		nearest := c.readable(ground.surface, ground.ink)
		return fmt.Errorf("its contrast to the notice's ground, %s, is %.2f and must be %.1f; %s is the nearest that has it",
			ground.surface, got, minContrast, nearest)
	}
	return nil
}

// css returns the style sheet of a notice.
func (s Style) css() string {
	var b strings.Builder
	l, d := light, dark
	if c, err := parseColour(s.Accent); err == nil {
		l.accent, d.accent = c, c.readable(dark.surface, dark.ink)
	}
	const on = ".card,.reopen{"
	switch s.Theme {
	case "light":
		b.WriteString(on + l.variables() + "}\n")
	case "dark":
		b.WriteString(on + d.variables() + "}\n")
	default:
		b.WriteString(on + l.variables() + "}\n@media (prefers-color-scheme: dark) { " + on + d.variables() + "} }\n")
	}
	fmt.Fprintf(&b, ".card,.reopen{--corners:%dpx}\n", s.Corners)
	b.WriteString(css)
	switch s.Position {
	case "bottom-start":
		b.WriteString("section.card { margin: 0; margin-inline-end: auto; max-width: 27em; }\nsection .whole { grid-column: 1 / -1; }\n")
	case "bottom-end":
		b.WriteString("section.card { margin: 0; margin-inline-start: auto; max-width: 27em; }\nsection .whole { grid-column: 1 / -1; }\n")
	}
	if s.Button != "start" {
		b.WriteString(".reopen { margin-inline-start: auto; }\n")
	}
	return b.String()
}

func (p palette) variables() string {
	return fmt.Sprintf("--scheme:%s;--surface:%s;--ink:%s;--soft:%s;--line:%s;--edge:%s;--tint:%s;--halo:%s;--accent:%s",
		p.scheme, p.surface, p.ink, p.soft, p.line, p.edge, p.tint, p.halo, p.accent)
}

// colour is 0xRRGGBB, sRGB.
type colour uint32

func parseColour(text string) (colour, error) {
	digits, ok := strings.CutPrefix(text, "#")
	if len(digits) == 3 {
		digits = double(digits)
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if !ok || err != nil || len(digits) != 6 {
		return 0, errors.New("it is no colour of the form #2347c5")
	}
	return colour(n), nil
}

// double writes each digit twice, as CSS reads #abc.
func double(digits string) string {
	var b strings.Builder
	for _, digit := range digits {
		b.WriteString(strings.Repeat(string(digit), 2))
	}
	return b.String()
}

func (c colour) String() string { return fmt.Sprintf("#%06x", uint32(c)) }

// channel is red, green or blue, for a shift of 16, 8 or 0.
func (c colour) channel(shift int) float64 { return float64(c >> shift & 0xff) }

// luminance is relative, as WCAG defines it.
func (c colour) luminance() float64 {
	linear := func(shift int) float64 {
		v := c.channel(shift) / 255
		if v <= .04045 {
			return v / 12.92
		}
		return math.Pow((v+.055)/1.055, 2.4)
	}
	return .2126*linear(16) + .7152*linear(8) + .0722*linear(0)
}

// contrast is 1 to 21, as WCAG defines it.
func contrast(a, b colour) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + .05) / (min(x, y) + .05)
}

// readable mixes c with ink until it can be read on a ground.
func (c colour) readable(ground, ink colour) colour {
	for part := 0.0; part < 1; part += 1.0 / 64 {
		var mixed colour
		for _, shift := range []int{16, 8, 0} {
			mixed |= colour(math.Round(c.channel(shift)*(1-part)+ink.channel(shift)*part)) << shift
		}
		if contrast(mixed, ground) >= minContrast {
			return mixed
		}
	}
	return ink
}
