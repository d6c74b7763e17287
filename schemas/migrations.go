package schemas

import "embed"

// Migrations holds the ClickHouse schema as numbered steps, migrations/NNNN_name.sql, each a list of statements that
// end in a semicolon at the end of a line. Every step ends the same when it is run twice, or by two processes at once.
//
//go:embed migrations/*.sql
var Migrations embed.FS
