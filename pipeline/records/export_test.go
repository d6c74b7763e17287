package records

import (
	"context"
	"time"
)

// Round lets a test do what Run does at its start and once a minute.
func (n *Notary) Round(ctx context.Context) error { return n.round(ctx) }

// Age lets a test say that the notary has run for longer, on a clock that nobody has set meanwhile.
func (n *Notary) Age(d time.Duration) { n.clock.steady = n.clock.steady.Add(-d) }

// Forget lets a test begin the day again.
func (n *Notary) Forget() { n.closed = "" }
