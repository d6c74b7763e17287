package limit

import (
	"math/rand/v2"
	"testing"
)

// TestTableForgetsNoDebt fills a table far beyond its size, and compares with one that has room for all: what a key is
// held to owe is never less than what it does.
func TestTableForgetsNoDebt(t *testing.T) {
	const window = 1000
	evicted := 0
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 2))
		table := newTable(shards*setWidth, window)
		exact := map[uint64]int64{}
		at := int64(startsAt)
		for range 5000 {
			at += r.Int64N(10)
			key := 1 + r.Uint64N(50)*shards // all in one set
			shard := table.shard(key)
			if held, owes := shard.owed(key, at), owedAt(exact[key], at, window); held < owes {
				t.Fatalf("seed %d: key %d is held to owe %d, and owes %d", seed, key, held, owes)
			} else if held > owes {
				evicted++
			}
			cost := r.Int64N(200)
			shard.charge(key, at, cost)
			exact[key] = at + min(owedAt(exact[key], at, window)+cost, window)
		}
	}
	if evicted == 0 {
		t.Fatal("no key ever took over a debt; this test shows nothing")
	}
}

// TestTableKeepsWhoOwesMost pushes many small debts through a set in which one key owes much.
func TestTableKeepsWhoOwesMost(t *testing.T) {
	table := newTable(shards*setWidth, 1000)
	const abuser = 7
	at := int64(startsAt)
	table.shard(abuser).charge(abuser, at, 900)
	for i := range uint64(100) {
		key := abuser + (i+1)*shards
		table.shard(key).charge(key, at, 1)
	}
	if got := table.shard(abuser).owed(abuser, at); got != 900 {
		t.Fatalf("after 100 others the abuser is held to owe %d, want 900", got)
	}
	if got := table.shard(abuser).find(abuser).key; got != abuser {
		t.Fatal("the abuser was pushed out")
	}
}

// TestTableReusesWhatIsPaid: a place whose debt is over is taken before any other, and takes nothing over.
func TestTableReusesWhatIsPaid(t *testing.T) {
	table := newTable(shards*setWidth, 1000)
	at := int64(startsAt)
	for i := range uint64(setWidth) {
		table.shard(1+i*shards).charge(1+i*shards, at, 100+int64(i))
	}
	const newcomer = 1 + 1000*shards
	if got := table.shard(newcomer).owed(newcomer, at+100); got != 0 {
		t.Fatalf("a newcomer is held to owe %d where one place is free again, want 0", got)
	}
	if got := table.shard(newcomer).owed(newcomer, at+99); got != 1 {
		t.Fatalf("a newcomer takes over a debt of %d, want the least one, 1", got)
	}
}

func TestTableSize(t *testing.T) {
	f := func(entries, want int) {
		t.Helper()
		got := 0
		for i := range newTable(entries, 1).shards {
			got += setWidth * len(newTable(entries, 1).shards[i].sets)
		}
		if got != want {
			t.Fatalf("newTable(%d) has %d entries, want %d", entries, got, want)
		}
	}
	f(1, 512)
	f(1<<10, 1<<10)
	f(1<<10+512, 1<<11)
	f(1<<16, 1<<16)
}
