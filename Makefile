# Each command makes ready what it needs, and does nothing the second time. Scripts say what they do in their first lines;
# scripts/env.sh has the compiler and the folders that commands here share with them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.PHONY: help run example docs test build check test-rust test-docs test-browser alerts audit release drills torture openapi metrics contract bench screens faults fuzz clean setup site

cargo := source scripts/env.sh && cargo
# Tests of the server's side, on SQLite and on a throw-away PostgreSQL.
tests := bash scripts/tests.sh

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

run: ## Build and serve on http://127.0.0.1:3000 with the built-in sandbox
	@bash scripts/run.sh

test: check site test-rust alerts test-docs test-browser ## Everything: all of make check, tests on both databases, the book, tests in a browser
	@echo "everything passed"

example: setup ## A small site that sells and spends credit, beside Saoma: examples/pay-per-use on http://127.0.0.1:4000
	@bash scripts/example.sh

docs: ## The book, in Chinese and English, on http://127.0.0.1:8000
	@bash scripts/docs.sh

build: site ## The release binary with the site's files inside: target/release/saoma
	@$(cargo) build --locked --release -p server

check: setup ## Formatting, clippy, documentation, module circles, dependencies, licences and bans
	@bash scripts/check.sh

test-rust: setup ## Tests of the server's side, on SQLite and on a throw-away PostgreSQL
	@$(tests)

test-docs: setup ## The book: links, both languages alike, and what it says about installing, proxies, backups and upgrades
	@$(cargo) build --locked --workspace --exclude frontend --features "$$all_features" --bin saoma
	@bash scripts/docs.sh check
	@bash scripts/docs-test.sh

test-browser: site ## Tests in Chromium, with the binary that test-rust built
	@$(cargo) build --locked --workspace --exclude frontend --features "$$all_features" --bin saoma
	@bash scripts/end2end.sh

screens: site ## Every page as pictures, light and dark, Chinese and English, phone and desktop, for people to look at: end2end/screenshots
	@$(cargo) build --locked --workspace --exclude frontend --features "$$all_features" --bin saoma
	@rm -rf end2end/screenshots
	@SAOMA_SCREENS=1 bash scripts/end2end.sh tour channels refund desk accounts screens

alerts: setup ## Alerts and dashboard in ops/: promtool, and a Prometheus that watches a sandbox
	@$(cargo) build --locked --workspace --exclude frontend --features "$$all_features" --bin saoma
	@bash scripts/prometheus.sh

audit: setup ## Known security advisories of our dependencies (needs the network, or ADVISORY_DB=folder)
	@export ADVISORY_DB=$(ADVISORY_DB); bash scripts/deny.sh advisories

release: setup ## Tarballs, Debian packages, images, SBOMs, checksums and signature in dist/, after make audit (SAOMA_RELEASE_KEY=file signs)
	@export ADVISORY_DB=$(ADVISORY_DB) SAOMA_RELEASE_KEY=$(SAOMA_RELEASE_KEY); bash scripts/release.sh

torture: setup ## More of the simulation than make test has: SEEDS=n of them, or SEED=k again with its log
	@export SEEDS=$(SEEDS) FROM=$(FROM) SEED=$(SEED) POSTGRES=$(POSTGRES); \
	$(tests) --test simulation $(if $(SEED),no_seed_breaks_an_invariant -- --exact,--) --nocapture

openapi: setup ## Write docs/openapi.json anew from the code
	@export SAOMA_WRITE_OPENAPI=1; $(cargo) test --locked --workspace --exclude frontend --features "$$all_features" --lib the_document_in_docs

metrics: setup ## Write docs/metrics.md anew from the code
	@export SAOMA_WRITE_METRICS=1; $(cargo) test --locked -p observe --lib the_document_in_docs

contract: setup ## Have Schemathesis try the contract for half an hour on each database (CONTRACT_S=n)
	@export CONTRACT_S=$(or $(CONTRACT_S),1800); \
	$(tests) --test http contract

bench: build ## Speed, beside peers
	@bash bench/run.sh

faults: setup ## The long runs of the tests under faults: 1,000 kills, 1,000,000 deliveries, 10,000 replays, 100 full disks, 30 outages, 10,000 slow clients, 10 million orders, 100,000 waiting events, a month of 10,000 orders
	@ulimit -n $$(ulimit -H -n); \
	export TMPDIR=$${TMPDIR:-/tmp} RUST_TEST_THREADS=$$(nproc); \
	export KILLS=1000 COPIES_OF=1000 DISK_ROUNDS=100 OUTAGES=30 LOCKED_S=60 ORDERS=10000000 SLOW=10000 SLOW_S=600 REPLAYS=10000 EVENTS=100000 MONTH_ORDERS=10000; \
	$(tests) --test faults && $(tests) --test http accountant && $(tests) --test all webhooks::outage::a_day_of_outage -- --nocapture

drills: setup ## Failovers behind haproxy, restarts, requests through nginx and Caddy, two versions side by side, a release; DRILL=failovers|restarts|proxies|versions|release, FAILOVERS=40 RESTARTS=100 REQUESTS=1000000
	@export FAILOVERS=$(FAILOVERS) RESTARTS=$(RESTARTS) REQUESTS=$(REQUESTS) PROXY=$(PROXY); bash scripts/drills.sh $(DRILL)

fuzz: ## Fuzz everything that strangers can send, 10,000,000 runs each (RUNS=n)
	@bash scripts/fuzz.sh $(RUNS)

clean: ## Remove what was built (not the data)
	rm -rf target site dist .tools end2end/node_modules end2end/test-results end2end/screenshots bench/results/tmp

setup:
	@bash scripts/setup.sh

site: setup
	@bash scripts/site.sh release
