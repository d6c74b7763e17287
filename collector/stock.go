package collector

import "heed/schemas"

// Inventory counts what pages report of themselves: the hosts that a wall held back, and names of cookies and storage keys.
// *inventory.Book is one. Add is called by many goroutines, keeps nothing of its arguments, and decides what of them is a
// host or a name at all.
type Inventory interface {
	Add(site string, held []schemas.Held, names []schemas.Name)
}

// takeStock counts what a page reports of itself. To read names is to look into the visitor's browser, so without a
// performance grant they are dropped here, whatever the page has sent.
func (c *Collector) takeStock(v *visit) {
	batch := &v.decoder.batch
	if !v.measured() {
		batch.Names = nil
	}
	if c.cfg.Inventory != nil && len(batch.Held)+len(batch.Names) > 0 {
		c.cfg.Inventory.Add(v.site.ID, batch.Held, batch.Names)
	}
}
