// Package check holds what an operator gets from deploy/ against the truth: the chart against Kubernetes' own schemas,
// compose and container files against their parsers, alerts and dashboard against the metrics of a running heed, units
// against systemd, and every configuration in them against heed itself. It is a module of its own, so that heed's
// does not carry Helm's requirements. ./promtool brings what the tests need beyond Go; then go test ./...
package check
