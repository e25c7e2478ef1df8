# Everything sets itself up: the first target that needs the environment makes it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=
# Of the tests: two for those that start whole clusters, and one for all others. 0: one after the other, for --pdb.
WORKERS ?= 3

image_lock = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --no-header --constraints requirements.lock --upgrade $(1)

# Of `make image`: what it is called, which image with Python it is made from, for which platform (docker's words).
IMAGE ?=
BASE ?=
PLATFORM ?=
ENGINE ?=
export IMAGE BASE PLATFORM ENGINE

.DEFAULT_GOAL := help
.PHONY: help setup demo lint check test chaos drill load load-report swarm swarm-capacity swarm-image bench rolling-restart recovery-herd redis-memory scale sticky scorecard ceiling soak fuzz image image-test cluster-test docs chart deploy-check dashboards dashboards-png lock format clean model

help: ## What there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

setup: $(READY) ## Make the virtual environment from the locked versions

demo: $(READY) ## A cluster on this machine and a page to watch it; ARGS=--headless: checked without a browser
	@$(BIN)/python -m realtime demo $(ARGS)

lint: $(READY) ## Formatting, lint, types, layers
	@$(BIN)/ruff format --check --quiet . || { echo "Run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@layers=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$layers"; exit 1; }

check: lint ## Seconds: lint and the unit tests
	@$(BIN)/pytest -q tests/unit tests/architecture $(ARGS)

test: lint ## Everything, against real parts; WORKERS=0: one test after the other
	@$(BIN)/pytest -n $(WORKERS) $(ARGS)

chaos: $(READY) ## Break the cluster in every way; nothing may be lost. ARGS=--quick: minutes; ARGS="--only pod_killed"
	@PYTHONPATH=$(CURDIR)/loadtest:$(CURDIR)/tests $(BIN)/python -m chaos $(ARGS)

drill: $(READY) ## Redis away under load: which alerts and panels tell, and when; ARGS="--only kafka_away,pod_killed"
	@PYTHONPATH=$(CURDIR)/loadtest:$(CURDIR)/tests $(BIN)/python -m drill $(ARGS)

bench: $(READY) ## Against Node's socket.io and others, loadtest/; ARGS="--quick --check": the targets, in minutes
	@PYTHONPATH=$(CURDIR)/loadtest:$(CURDIR)/tests $(BIN)/python -m bench $(ARGS)

scorecard: $(READY) ## Beside Node's socket.io, python-socketio and Centrifugo: lost, late, per core; ARGS="--quick --only drops"
	@PYTHONPATH=$(CURDIR)/loadtest:$(CURDIR)/tests $(BIN)/python -m scorecard $(ARGS)

rolling-restart: $(READY) ## Three pods restarted under 6,000 websockets; ARGS="--sockets 2000"
	@PYTHONPATH=$(CURDIR)/loadtest:$(CURDIR)/tests $(BIN)/python -m rolling_restart $(ARGS)

sticky: $(READY) ## Real proxies, sticky and not, polling and websocket, over three pods that restart; ARGS="--only haproxy"
	@PYTHONPATH=$(CURDIR)/loadtest:$(CURDIR)/tests:$(CURDIR)/deploy $(BIN)/python -m sticky $(ARGS)

scale: $(READY) ## What more pods cost: 1, 2, 4, 8 with the same work each, thrice, nine minutes; ARGS="--pods 1,2 --repetitions 1"
	@PYTHONPATH=$(CURDIR)/loadtest:$(CURDIR)/tests $(BIN)/python -m scale $(ARGS)

model: $(READY) ## Project pods, Redis, memory to any size: docs/scale.md; ARGS="--sockets 250000 --events-per-second 5000 --mix shop"
	@PYTHONPATH=$(CURDIR)/loadtest:$(CURDIR)/tests $(BIN)/python -m model $(ARGS)

recovery-herd: $(READY) ## 1,000 clients come back at once, each missed 1,000 messages; ARGS="--clients 500 --concurrent 4"
	@PYTHONPATH=$(CURDIR)/loadtest:$(CURDIR)/tests $(BIN)/python -m recovery_herd $(ARGS)

ceiling: $(READY) ## How many sockets one machine holds, in what memory, and how late; ARGS="--sockets 50000 --minutes 10"
	@PYTHONPATH=$(CURDIR)/loadtest:$(CURDIR)/tests $(BIN)/python -m ceiling $(ARGS)

soak: $(READY) ## An hour at half load, clients come and go: nothing may grow; ARGS="--minutes 10"
	@PYTHONPATH=$(CURDIR)/loadtest:$(CURDIR)/tests $(BIN)/python -m soak $(ARGS)

load: $(READY) ## Locust's people against three pods on this machine, and a report; ARGS="--shape flash-sale --users 3000"
	@PYTHONPATH=$(CURDIR)/loadtest:$(CURDIR)/tests $(BIN)/python -m load $(ARGS)

load-report: $(READY) ## The same report of a run of make swarm; ARGS="run.jsonl --report DIR"
	@PYTHONPATH=$(CURDIR)/loadtest:$(CURDIR)/tests $(BIN)/python -m load.of_timeline $(ARGS)

swarm-capacity: $(READY) ## How many sockets one worker of Locust holds, and what each costs; ARGS="--transport polling"
	@PYTHONPATH=$(CURDIR)/loadtest:$(CURDIR)/tests $(BIN)/python -m load.capacity $(ARGS)

LOAD := .venv-load
$(LOAD)/.ready: requirements.load.lock
	@echo "Setting up $(LOAD) ..."
	@$(PYTHON) -m venv $(LOAD)
	@$(LOAD)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.load.lock
	@touch $@

swarm: $(LOAD)/.ready ## Locust, thousands of people on sockets: docs/load.md; ARGS="--headless --host https://... --users 1000"
	@PYTHONPATH=$(CURDIR)/loadtest $(LOAD)/bin/python -m swarm $(ARGS)

swarm-image: ## The same as an image, for deploy/k8s/loadtest; BASE=...: of Python, by another name
	@$$(command -v docker || command -v podman) build $(if $(BASE),--build-arg BASE=$(BASE)) \
		-f loadtest/swarm/Dockerfile -t realtime-loadtest:$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) .
cluster-test: $(READY) ## helm install on a real Kubernetes, built from source the first time: needs Go; nodes need root and containerd
	@$(BIN)/pytest -q tests/cluster $(ARGS)

redis-memory: $(READY) ## What Redis keeps of each thing, in bytes, and what publishing costs it; ARGS="--results loadtest/results"
	@PYTHONPATH=$(CURDIR)/loadtest:$(CURDIR)/tests $(BIN)/python -m micro.redis_memory $(ARGS)

fuzz: $(READY) ## A million inputs for the parsers and whole connections; ARGS="--inputs N --seed N"
	@cd tests && ../$(BIN)/python -m conformance.fuzz $(or $(ARGS),--inputs 1000000)

image: ## Build the container image, with docker or podman; IMAGE=name:tag, BASE=, PLATFORM=linux/arm64, ENGINE=
	@$(PYTHON) deploy/image/build.py

image-test: $(READY) ## The image in real containers (podman and debootstrap, as root): see tests/containers
	@$(BIN)/pytest -q tests/containers $(ARGS)

docs: $(READY) ## Generate docs/configuration.md and docs/metrics.md from the code
	@$(BIN)/python -m realtime docs

dashboards: $(READY) ## Generate grafana/dashboards/*.json from the code; DOCS_URL=https://...: where docs/ is served
	@PYTHONPATH=$(CURDIR)/grafana $(BIN)/python -m realtime_dashboards write $(if $(DOCS_URL),--docs-url $(DOCS_URL))

chart: $(READY) ## Generate what is generated in deploy/: the chart's schema, README and copies
	@PYTHONPATH=$(CURDIR)/deploy $(BIN)/python -m realtime_deploy

deploy-check: $(READY) ## The chart: each set of values by each check, what is refused in which words; helm, kubectl
	@PYTHONPATH=$(CURDIR)/deploy:$(CURDIR)/tests $(BIN)/python -m deploy_check $(ARGS)

dashboards-png: $(READY) ## Draw docs/dashboards/*.png from real pods that have a bad minute
	@DASHBOARDS_PNG=$(CURDIR)/docs/dashboards $(BIN)/pytest -q tests/dashboards/test_live.py

format: $(READY) ## Format the code
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .

lock: $(READY) ## Resolve requirements.lock anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-annotate --all-extras --group dev --group bench --upgrade pyproject.toml -o requirements.lock
	@# What goes into the image, and what builds its wheel: the same versions, and no more than that.
	@$(call image_lock,pyproject.toml) -o requirements.image.lock
	@$(call image_lock,--group build) -o requirements.image-build.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-annotate --group load --upgrade -o requirements.load.lock

clean: ## Remove what was set up and built
	rm -rf $(VENV) $(LOAD) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist build
