# Every target prepares what it needs. What it does is in scripts/; here are only the names.
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
PATH := $(CURDIR)/.venv/bin:$(PATH)
INVENTORY ?= inventories/sandbox

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: env
env: ## prepare the control side (.venv from the lock)
	@scripts/env.sh

.PHONY: sandbox
sandbox: env ## a stand-in VPS on this machine, the platform and the example pipeline on it
	@scripts/sandbox.sh up

.PHONY: sandbox-down
sandbox-down: env ## remove the stand-in VPS, its keys and its credentials
	@scripts/sandbox.sh down

.PHONY: dashboard
dashboard: env ## pipelines and services of the sandbox on http://127.0.0.1:5000, until Ctrl-C
	@scripts/dashboard.sh

.PHONY: check
check: env ## lint and unit tests, in under a minute
	@scripts/test.py lint unit

.PHONY: lint
lint: env ## all linters
	@scripts/test.py lint

.PHONY: unit
unit: env ## unit tests
	@scripts/test.py unit

.PHONY: sanity
sanity: env ## ansible-test sanity, and the collection as it is published
	@scripts/test.py sanity

.PHONY: molecule
molecule: env ## Molecule scenarios: SCENARIOS="trino minio"; those that CI would run if not given
	@scripts/test.py molecule $(SCENARIOS)

.PHONY: contract
contract: env ## the modules' clients against real services: STANDIN=sandbox for those that the sandbox has
	@scripts/test.py contract

.PHONY: e2e
e2e: env ## end-to-end tests against the sandbox
	@scripts/test.py e2e

.PHONY: test
test: env ## all that CI runs: lint, unit, contract, template, sanity, Molecule (default and changed roles, end to end)
	@scripts/test.py lint unit contract template sanity molecule

.PHONY: test-all
test-all: env ## as test, with every Molecule scenario
	@scripts/test.py lint unit contract template sanity molecule --all

.PHONY: bench
bench: env ## measure, and write docs/BENCHMARKS.md
	@tests/bench/run.py

.PHONY: versions
versions: env ## the artifact catalogue as a table
	@scripts/artifacts.py table

.PHONY: artifacts
artifacts: env ## fetch or build every artifact into the cache
	@scripts/artifacts.py fetch

.PHONY: secrets
secrets: env ## generate the credentials that INVENTORY (inventories/sandbox) does not have yet
	@scripts/make_secrets.py $(INVENTORY)

# As they were given: neither make nor a shell looks into them. Of the environment none is meant.
ANSWERS := NAME TITLE TEAM EMAIL SCHEDULE FORMAT DIR DBT
unexport $(ANSWERS)
$(foreach answer,$(ANSWERS),$(if $(filter command,$(origin $(answer))),$(eval pipeline adopt: export NEW_$(answer) := $$(value $(answer)))))

.PHONY: audit
audit: env ## examine the host of INVENTORY (inventories/sandbox) and write a security report
	@ansible-playbook -i $(INVENTORY) playbooks/audit.yml

.PHONY: pipeline
pipeline: env ## a new pipeline beside this checkout: NAME=sales_analytics TITLE="Sales Analytics"; asks if none is given
	@scripts/new_pipeline.py

.PHONY: adopt
adopt: env ## a pipeline repository from a plain dbt project: DBT=its folder NAME=... [TITLE= TEAM= EMAIL=]
	@scripts/adopt.py $${NEW_TITLE+--title="$$NEW_TITLE"} $${NEW_TEAM+--team="$$NEW_TEAM"} $${NEW_EMAIL+--email="$$NEW_EMAIL"} \
	  $${NEW_DIR+--into="$$NEW_DIR"} -- "$$NEW_DBT" "$$NEW_NAME"

.PHONY: locks
locks: env ## bring the locks in requirements/ up to date with their .in files
	@scripts/locks.sh

.PHONY: clean
clean: ## remove the caches, the stand-ins' image and .venv; `make sandbox-down` first
	@scripts/clean.sh
