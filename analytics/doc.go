// Package analytics answers questions about the events table: how many visitors and views, which pages, where they
// came from, what they did. It only reads.
//
// The queries stand in queries/*.sql, named after the function that asks them; everything a user can influence
// reaches them as a bound parameter. README.md documents the HTTP API and defines every number.
package analytics
