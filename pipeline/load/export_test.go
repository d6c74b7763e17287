package load

// SetLimit bounds the withdrawals that are held in memory.
func (w *Withdrawals) SetLimit(n int) { w.limit = n }
