# Every target and what it is for: make
SHELL := /bin/bash
FUZZTIME ?= 18s
KILLS ?= 100
CHAOS ?= 5m
GOFLAGS_BUILD := -trimpath -buildvcs=auto -ldflags=-buildid=

.PHONY: help run build fetch test deploy race endure fuzz bench bench-load bench-page soak generate lint size check browser nginx java

help: ## print this
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

run: fetch build ## fetch what is needed once, build, and start heed with the demo site
	@bin/heed serve --demo

build: ## build bin/heed
	@go build $(GOFLAGS_BUILD) -o bin/heed ./cmd/heed

fetch: ## fetch the ClickHouse engine and the geo data into bin/lib, once
	@go run ./deploy/fetch

test: browser nginx java ## everything that must pass, under 20 minutes
	@go run ./deploy/fetch -dev
	@$(MAKE) --no-print-directory check
	go test -timeout 18m ./snippet ./... # the longest two side by side from the beginning
	@$(MAKE) --no-print-directory deploy

deploy: nginx fetch ## hold what operators get against the program and the tools that read it
	cd deploy/check && ./promtool && go vet . && go test -timeout 15m ./...

race: ## the tests under the race detector, where goroutines meet
	go test -race -short -timeout 15m ./collector/... ./consent/... ./pipeline/... ./analytics/...

endure: ## what is long by nature, under 45 minutes: KILLS kills, CHAOS of chaos, races, FUZZTIME of fuzzing per target
	@go run ./deploy/fetch -dev
	HEED_KILLS=$(KILLS) go test -count=1 -timeout 30m -run 'Kill' -v ./cmd/heed/ ./pipeline/wal/ ./pipeline/kafka/ ./pipeline/erase/
	go test -count=40 -timeout 10m -run PausedLoaders ./pipeline/load/ ./pipeline/records/
	HEED_MATRIX=all go test -count=1 -timeout 20m -run 'TestMatrix$$' -v ./cmd/heed/
	HEED_WALL=all go test -count=1 -timeout 20m -run 'TestHostile$$' -v ./snippet/
	HEED_CHAOS=$(CHAOS) go test -count=1 -timeout 20m -run 'TestChaos$$' -v ./cmd/heed/
	@$(MAKE) --no-print-directory race fuzz

# Before Go 1.27 a target can fail with nothing but "context deadline exceeded" when its time ends: golang/go#75804.
fuzz: ## run each fuzz target for FUZZTIME
	@set -eo pipefail; out=$$(mktemp); trap 'rm -f '$$out EXIT; \
	for d in $$(grep -rl '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -ho '^func Fuzz[A-Za-z]*' $$d/*_test.go | cut -c6-); do echo "fuzz $$d $$f"; \
	    go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $$d 2>&1 | tee $$out || { \
	      grep -v '^fuzz: elapsed' $$out | head -3 | tr '\n' '~' | grep -qE "^--- FAIL: $$f \([0-9.]+s\)~    context deadline exceeded~FAIL~$$" && \
	      echo "$$f: only the fuzzer's own deadline, not a finding"; }; \
	  done; done

bench: fetch nginx ## measure the collector beside the floor and nginx, recorded in bench/RESULTS.md
	@go build $(GOFLAGS_BUILD) -o bin/bench ./bench && bin/bench -record bench/RESULTS.md

bench-load: fetch build ## measure the loader beside bare blocks, and how it catches up, recorded in bench/LOAD.md
	@go run ./deploy/fetch -dev
	@go build $(GOFLAGS_BUILD) -o bin/bench ./bench && bin/bench -load -record bench/LOAD.md

bench-page: browser ## measure the snippet's bytes and what it costs a page, beside vanilla-cookieconsent, recorded in bench/PAGE.md
	@go build $(GOFLAGS_BUILD) -o bin/bench-page ./bench/page && bin/bench-page -record bench/PAGE.md

soak: fetch build ## run the whole program for ten minutes at 80 % of its maximum, recorded in bench/SOAK.md
	@go build $(GOFLAGS_BUILD) -o bin/bench ./bench && bin/bench -soak 10m -record bench/SOAK.md

generate: ## write every generated file again
	@go generate ./...

lint: ## gofmt, vet, staticcheck, tsc, and no generated file out of date
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }
	@go vet ./... && go tool staticcheck ./...
	@node_modules/.bin/tsc -p tsconfig.json && node_modules/.bin/tsc -p consent/testdata
	@$(MAKE) --no-print-directory generate
	@git diff --exit-code --stat -- '*.gen.*' cmd/heed/CONFIG.md || { echo "commit what make generate changed"; exit 1; }

size: ## the snippet's size against its budget, and beside vanilla-cookieconsent
	@go test -count=1 -run Size -v ./snippet/
	@go run ./bench/page -sizes

check: lint size ## lint and budgets

browser: # what the browser tests need: three engines, the driver of one, and a display for it
	@{ command -v chromium && command -v firefox-esr && command -v WebKitWebDriver && command -v Xvfb; } >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -qy --no-install-recommends chromium firefox-esr webkit2gtk-driver xvfb; } \
	  || { echo "the browser tests need Debian's browsers: apt-get install chromium firefox-esr webkit2gtk-driver xvfb"; exit 1; }

nginx: # what the bench compares with, and what the test of the proxy recipe puts in front
	@command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -qy --no-install-recommends nginx; } \
	  || { echo "the bench and the test of deploy/proxy need Debian's nginx: apt-get install nginx"; exit 1; }

java: # what runs Kafka and ZooKeeper for the tests, and fetches them
	@{ command -v java && command -v mvn; } >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -qy --no-install-recommends openjdk-17-jre-headless maven; } \
	  || { echo "the tests with Kafka need Java 17 and Maven: apt-get install openjdk-17-jre-headless maven"; exit 1; }
