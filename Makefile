# The small toolbox. CI calls these targets word for word; there is no second way.

.PHONY: dev test check unit examples clients clients-all clients-go clients-java clients-rust chaos chaos-short chaos-map chaos-map-short chaos-cluster chaos-cluster-short bench bench-cluster broker-cluster sim sim-short models fuzz deny conformance conformance-page setup services deploy-check

CARGO ?= cargo
VENV   := .venv
PYTHON := $(VENV)/bin/python
DEBUG  := $(or $(CARGO_TARGET_DIR),target)/debug
RELEASE := $(or $(CARGO_TARGET_DIR),target)/release

# Build, then serve the order workflow on 127.0.0.1:8083.
dev:
	$(CARGO) build --release --bin baton
	$(RELEASE)/baton dev examples/order-processing

# Everything that a change must pass, with what it needs installed first.
test: setup check unit sim-short examples clients deploy-check chaos-short chaos-map-short chaos-cluster-short
	@echo "all tests passed"

# Formatting and lints.
check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

# Tests of the crates. Heavy suites have their own targets. Many tests wait for something most of the time: more of them run at once than there are processors.
unit: setup
	RUST_TEST_THREADS=$(or $(RUST_TEST_THREADS),4) $(CARGO) test --workspace

$(DEBUG)/baton: build-debug
build-debug:
	$(CARGO) build --bin baton --bin loadtest

# Every example, every input, through a running baton.
examples: build-debug
	$(PYTHON) examples/run_all.py --baton $(DEBUG)/baton

# Unmodified clients: aws CLI, boto3 and the JavaScript SDK, and what Terraform calls.
clients: build-debug setup
	$(PYTHON) -m pytest -q tests/clients --baton $(DEBUG)/baton

# And the SDKs that compile first: Go, Java, Rust. Each also by itself: clients-go, clients-java, clients-rust.
clients-all: clients clients-go clients-java clients-rust
clients-go clients-java clients-rust: clients-%: build-debug setup
	$(PYTHON) -m pytest -q -rs -m heavy tests/clients/test_$*.py --baton $(DEBUG)/baton

# deploy/: rules, dashboards, manifests, image; and a scrape of a running server finds every metric that they name.
deploy-check: build-debug setup
	scripts/deploy_tools.sh
	$(PYTHON) -m pytest -q tests/deploy --baton $(DEBUG)/baton

# kill -9 of server, worker and both at random moments; a lost or doubled attempt fails it.
chaos: build-release
	$(RELEASE)/loadtest chaos --baton $(RELEASE)/baton --kills 50 --executions 400
chaos-short: build-debug
	$(DEBUG)/loadtest chaos --baton $(DEBUG)/baton --kills 8 --executions 60

# The same under a Distributed Map, with children of both types; counters or results that are not exact fail it.
chaos-map: build-release
	$(RELEASE)/loadtest chaos-map --baton $(RELEASE)/baton --kind express --items 100000 --kills 20
	$(RELEASE)/loadtest chaos-map --baton $(RELEASE)/baton --kind standard --items 50000 --kills 20 --concurrency 200
	$(RELEASE)/loadtest chaos-map --baton $(RELEASE)/baton --kind standard --items 20000 --kills 4 --concurrency 100 --redrive
chaos-map-short: build-debug
	$(DEBUG)/loadtest chaos-map --baton $(DEBUG)/baton --kind express --items 3000 --kills 4 --concurrency 200
	$(DEBUG)/loadtest chaos-map --baton $(DEBUG)/baton --kind standard --items 2000 --kills 4 --concurrency 100
	$(DEBUG)/loadtest chaos-map --baton $(DEBUG)/baton --kind standard --items 2000 --kills 2 --concurrency 50 --redrive

# A cluster of three coordinators and two workers, broken in every way: processes, links, store, broker. Needs root, to cut links; without it those faults are left out.
# SEED=n repeats a schedule. The short form judges what is lost or done twice, not how long anything takes.
chaos-cluster: build-release services
	$(RELEASE)/loadtest chaos-cluster --baton $(RELEASE)/baton --faults 200 $(if $(SEED),--seed $(SEED))
chaos-cluster-short: build-debug services
	$(DEBUG)/loadtest chaos-cluster --baton $(DEBUG)/baton --faults 10 --executions 100 --pause 4 --no-limits $(if $(SEED),--seed $(SEED))

# A broker of three members, two of which are gone for a while.
broker-cluster:
	$(CARGO) test -p baton-coordinator --test cluster -- --ignored --nocapture queues_without_a_majority

SIMULATE := $(CARGO) test --profile sim -p baton-coordinator

# Long seeded simulations, of one site, of a cluster and of the catalog; SEED=n repeats one, SEEDS=n runs that many.
sim:
	$(CARGO) test --release -p baton-coordinator --test simulation -- --ignored --nocapture
	$(SIMULATE) --test cluster_simulation -- --ignored --nocapture --test-threads=1
	SEEDS=$(or $(SEEDS),10000) $(SIMULATE) --test catalog_simulation -- --nocapture --test-threads=1

# What of it a change must pass: 2,000 clusters and 500 catalogs, and every rule that is switched off is missed.
sim-short:
	SEEDS=2000 $(SIMULATE) --test cluster_simulation -- --nocapture with_faults every_mutant --include-ignored
	SEEDS=500 $(SIMULATE) --test catalog_simulation -- --nocapture --test-threads=1

# The protocols' models, further than `unit` explores them.
models:
	$(CARGO) test --release -p baton-models -- --include-ignored --nocapture --test-threads=1

build-release:
	$(CARGO) build --release

# The figures of docs/benchmarks.md.
bench: build-release
	scripts/bench.sh

# Those of a cluster, beside what the broker does by itself.
bench-cluster: build-release services
	scripts/bench_cluster.sh

# Answers recorded from AWS, where the corpus lies beside the checkout.
conformance: build-debug setup
	scripts/conformance.sh

# docs/conformance.md, from a run of every recorded case.
conformance-page: build-debug setup
	CONFORMANCE_JSON=$(DEBUG)/conformance.json CONFORMANCE_ALL=1 scripts/conformance.sh
	$(PYTHON) scripts/conformance_page.py $(DEBUG)/conformance.json tests/conformance.baselines.json > docs/conformance.md

# cargo-fuzz needs a nightly tool chain; MINUTES=20 by default.
fuzz:
	scripts/fuzz.sh

# Licences, sources and versions of what comes in from outside; cargo install --locked cargo-deny@0.20.2 brings the tool.
deny:
	cargo deny check licenses bans sources

# Python packages for the tests, in a folder of their own, and the servers that tests of the cluster start.
setup: services $(VENV)/.installed
$(VENV)/.installed: tests/requirements.txt
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

services:
	scripts/services.sh
