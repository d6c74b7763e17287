package clickhouse

import "embed"

//go:embed queries/*.sql
var queryFiles embed.FS

// statementText is the text of queries/<name>.sql.
func statementText(name string) string {
	text, err := queryFiles.ReadFile("queries/" + name + ".sql")
	if err != nil {
		panic(err) // the name is a constant, so this is found by any test
	}
	return string(text)
}
