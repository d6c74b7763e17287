package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/inventory"
	"heed/schemas"
)

// inventoryPath is where heed serve says on its socket what a site's pages have reported.
const inventoryPath = "/inventory"

// stockDays is how many days back the commands look.
const stockDays = 30

// stock is what a site's pages have reported lately.
type stock struct {
	Held  []clickhouse.InventoryTotal `json:"held"`
	Names []clickhouse.InventoryTotal `json:"names"`
}

// openInventory begins to count what pages report. What cannot be written yet waits in memory.
func (h *host) openInventory(ctx context.Context, storage *storage) (*inventory.Book, error) {
	put := func(ctx context.Context, rows []clickhouse.InventoryRow) error {
		if !storage.isReady() {
			return errors.New("ClickHouse has not answered yet")
		}
		return storage.store.PutInventory(ctx, rows)
	}
	book, err := inventory.New(inventory.Config{Put: put, Now: h.p.now}, h.logger)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	h.running.Go(func() { defer close(ended); book.Run(ctx) })
	h.atStop(func(context.Context) error { cancel(); <-ended; return nil })
	return book, nil
}

// readStock reads what is in the store.
func readStock(ctx context.Context, store *clickhouse.Store, site string, now time.Time) (s stock, err error) {
	since := now.AddDate(0, 0, -stockDays)
	if s.Held, err = store.Inventory(ctx, site, clickhouse.InventoryHeld, since); err != nil {
		return s, err
	}
	s.Names, err = store.Inventory(ctx, site, clickhouse.InventoryName, since)
	return s, err
}

// serveInventory answers on the socket, with what was reported until now.
func (s *server) serveInventory() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.storage.isReady() {
			writeError(w, http.StatusServiceUnavailable, schemas.Unavailable, "ClickHouse has not answered yet; ask again in a moment")
			return
		}
		err := s.stock.Flush(r.Context())
		var found stock
		if err == nil {
			found, err = readStock(r.Context(), s.storage.store, r.URL.Query().Get("site"), s.p.now())
		}
		if err != nil {
			writeError(w, http.StatusInternalServerError, schemas.Internal, err.Error()) // to this machine's owner
			return
		}
		writeJSON(w, http.StatusOK, found)
	}
}

// askStock asks the process that runs on the data folder, and opens the store itself when none does or it is a cluster's.
func askStock(ctx context.Context, p *program, cfg *Config, site string) (found stock, err error) {
	err = errNotRunning
	if !cfg.isCluster() {
		err = askSocket(ctx, cfg, inventoryPath+"?site="+url.QueryEscape(site), &found)
	}
	if errors.Is(err, errNotRunning) {
		err = withStore(ctx, p, cfg, func(s ownStore) error {
			found, err = readStock(ctx, s.Store, site, p.now())
			return err
		})
	}
	return found, readable(err)
}

// siteNamed finds the site that a command is about: the one given, or the only one that there is.
func siteNamed(cfg *Config, f *flags, command string) (*Site, error) {
	if f.operand == nil && len(cfg.Sites) == 1 {
		return &cfg.Sites[0], nil
	}
	if f.operand == nil {
		return nil, &usageError{fmt.Sprintf("name a site, as in: heed %s %s", command, firstSite(cfg))}
	}
	i := slices.IndexFunc(cfg.Sites, func(s Site) bool { return s.ID == *f.operand })
	if i < 0 {
		return nil, fmt.Errorf("there is no site %q in the configuration", *f.operand)
	}
	return &cfg.Sites[i], nil
}

// printJSON writes a document for programs.
func printJSON(p *program, document any) error { return json.NewEncoder(p.stdout).Encode(document) }
