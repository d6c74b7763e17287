package records

import "context"

// Round lets a test do what Run does at its start and once a minute.
func (n *Notary) Round(ctx context.Context) error { return n.round(ctx) }
