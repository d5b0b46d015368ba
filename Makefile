# Everything here runs from .venv, which `make setup` builds from the hash-locked files in requirements/.
PYTHON ?= python3
PROCESSES ?= 2
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
TOOLS  := $(VENV)/tools/.ready

# Images and CI often say that Python may keep nothing of what it compiles: every process would compile all it imports
# anew, which is two thirds of what starting one costs.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup tools demo drill up down test roundtrip lint torture bench lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Build .venv from the lock files (PYTHON=python3.12 picks an interpreter)

$(READY): requirements/bootstrap.lock requirements/dev.lock pyproject.toml scripts/setup.sh
	@bash scripts/setup.sh "$(PYTHON)" "$(VENV)"
	@touch $@

tools: $(TOOLS) ## Bring promtool, prometheus and amtool into .venv/tools

$(TOOLS): $(READY) scripts/tools.sh
	@bash scripts/tools.sh "$(VENV)"
	@touch $@

demo: $(READY) ## Lose a region and bring the system back (SYSTEM=name, VIA=airflow|direct)
	$(BIN)/recovery-ops demo$(if $(SYSTEM), --system "$(SYSTEM)")$(if $(VIA), --via "$(VIA)")

drill: $(READY) ## Hold a drill on a stack of its own (KIND=component|regional|full|tabletop, SYSTEM, COMPONENT, SCENARIO, VIA)
	$(BIN)/recovery-ops drill run --local --kind "$(or $(KIND),component)" --via "$(or $(VIA),airflow)" \
		$(if $(COMPONENT),--component "$(COMPONENT)") $(if $(SCENARIO),--scenario "$(SCENARIO)") "$(or $(SYSTEM),fraud-detection)"

up: $(READY) ## Start the stack, leave it running, print addresses and log-in
	$(BIN)/recovery-ops up

down: $(READY) ## Stop what `make up` started
	$(BIN)/recovery-ops down

test: $(READY) $(TOOLS) ## Run the tests, two at a time (ARGS="tests/unit -k claims" narrows them, PROCESSES=0 runs one)
	$(BIN)/pytest -n $(PROCESSES) $(ARGS)

roundtrip: $(READY) ## Fail over and back twice, compare with the state it began in
	RECOVERY_OPS_TRIPS=2 $(BIN)/pytest tests/round_trip

lint: $(READY) ## Check style, types, import layers and the tree itself
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_tree.py

torture: $(READY) ## Kill a recovery at every point and parts of Airflow under it; writes out/torture.json (up to an hour; PART=steps|runs|failback|rollback|drill|airflow)
	$(BIN)/python tests/torture/run.py $(PART)

bench: $(READY) ## Measure, print a table and write out/bench.json
	$(BIN)/python -m benchmarks.run

LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-header --no-annotate -q
# What images hold has the versions that are tested: the constraint is the environment of `make setup`.
LOCK_IMAGE := $(LOCK) pyproject.toml --constraint requirements/dev.lock --override requirements/overrides.txt

lock: $(READY) ## Compile the lock files again after changing dependencies
	$(LOCK) requirements/bootstrap.in -o requirements/bootstrap.lock
	$(LOCK) pyproject.toml --extra airflow --extra sandbox --group dev --override requirements/overrides.txt \
		-o requirements/dev.lock
	$(LOCK) --group build --constraint requirements/dev.lock -o requirements/build.lock
	$(LOCK_IMAGE) --extra airflow -o requirements/runtime.lock
	$(LOCK_IMAGE) --extra airflow --extra sandbox -o requirements/sandbox.lock
