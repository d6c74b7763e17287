// Package inventory counts what pages were kept from and which names they have set: hosts that a wall held back, by kind,
// and names of cookies and storage keys, by place. It is what heed hosts and heed cookies show.
//
// A row says nothing of who was there: a site, a day, a word and a number. What pages report is a stranger's word all the
// same, so a page must not be able to put a person into it. Of hosts only what somebody has registered and one label more
// are kept ([KeepHost]), of names what is left after everything that looks like an identifier is gone ([KeepName]), and of
// both a bounded number a day; what is beyond counts as more. Letters alone remain a way to write something down: who can
// post as the site can leave a few hundred words a day there, which name no visitor unless the one who wrote them knew.
//
// Counts are kept in memory and written every few seconds, each process under a random id of its own as the sum since its
// start, so that writing the same twice changes nothing. A crash loses the last seconds'.
package inventory
