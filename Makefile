PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install lock fmt lint types check test test-node binaries demo cluster cluster-down crds reference golden customizations argocd accuracy speed-accuracy speed bench chaos soak lease e2e rbac dist images planner-page planner-page-test traffic kubernetes-types fuzz clean

CRD := crds/internvl.dev_internvldeployments.yaml
# Modules side by side, as tests/lanes.py gives them to the processes. Half of the processes have a control plane, which
# waits for half of the time: four processes are what two cores carry.
SIDE_BY_SIDE = --dist loadfile --no-loadscope-reorder
LANES ?= 4

# Tests start the operator and the command some hundred times: each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

CHART := charts/internvl-operator

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(BIN)/.installed ## Create .venv with the locked dependencies and the operator (editable)

$(BIN)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12 ...")'
	@echo "installing the locked dependencies into $(VENV): a minute or two"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lock: install ## Resolve the dependencies again: versions and hashes, no addresses
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --group dev --upgrade --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --group stub --upgrade --no-annotate --output-file images/stub/requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --group page --upgrade --no-annotate --output-file tests/page/requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --group traffic --upgrade --no-annotate --output-file tests/traffic/requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --constraint requirements.lock --output-file images/operator/requirements.lock \
		pyproject.toml

fmt: install ## Format the code
	$(BIN)/ruff format operator tests images .ci/release
	$(BIN)/ruff check --fix operator tests images .ci/release

lint: install ## Check style and the direction of imports
	$(BIN)/ruff format --check operator tests images .ci/release
	$(BIN)/ruff check operator tests images .ci/release
	$(BIN)/lint-imports
	$(BIN)/hadolint --config .hadolint.yaml images/*/Dockerfile

types: install ## Check types
	$(BIN)/mypy

check: lint types ## Run what a change is checked with all day: lint, types, unit tests and golden files
	$(BIN)/python -m pytest -n 2 $(SIDE_BY_SIDE) tests/unit tests/golden

test: install ## Run every test but those on kind (LANES=1: so many modules at a time); what the tests need is downloaded or built
	$(BIN)/python -m pytest -n $(LANES) $(SIDE_BY_SIDE) --durations=40

test-node: install ## Run the tests on real nodes, with the pods of a stub; as root on Linux
	$(BIN)/python -m pytest tests/node

binaries: install ## Download or build the programs of the local cluster and of the tests
	@$(BIN)/python -m tests.cluster binaries

demo: install ## Show fifteen models on a local cluster, a change and a deletion
	@$(BIN)/python -m tests.demo

cluster: install ## Start a local cluster with the operator; it stays up
	@port=$$($(BIN)/python -c 'from tests.cluster.components import free_ports; print(*free_ports(1))') && \
	$(BIN)/python -m tests.cluster up --nodes 3 --crds $(CRD) \
		--run "INTERNVL_HTTP_PORT=$$port exec $(BIN)/internvl run" --ready-url "http://127.0.0.1:$$port/readyz"

cluster-down: install ## Stop that cluster and the operator
	@$(BIN)/python -m tests.cluster down && echo "no local cluster runs"

crds: install ## Write crds/ from the models, and the chart's copy
	$(BIN)/internvl crd > $(CRD)
	$(BIN)/python -m tests.chart.crd_template $(CRD) $(CHART)/templates/crd.yaml

kubernetes-types: install binaries ## Write the schemas of Kubernetes's types from a local API server's OpenAPI; then make crds
	$(BIN)/python -m tests.kubernetes_types

reference: install ## Write docs/api-reference.md, the plans and the failures into their pages, the chart's README.md and schema
	$(BIN)/python -m tests.docs.sections.api_reference > docs/api-reference.md
	$(BIN)/python -m tests.docs.sections.plan_section
	$(BIN)/python -m tests.docs.sections.failure_section
	$(BIN)/python -m tests.docs.sections.hardware_section
	$(BIN)/python -m tests.chart.values_schema
	$$($(BIN)/python -m tests.cluster path helm-docs) --chart-search-root $(CHART) --log-level error

golden: install ## Write the golden files again
	$(BIN)/python -m tests.golden

customizations: install ## Write the generated files of examples/argocd/ again
	$(BIN)/python -m tests.argocd

e2e: install ## Run the chart and the images on kind; what that needs is started, pulled or built (KEEP_CLUSTER=1)
	$(BIN)/python -m pytest tests/e2e -m e2e --verbose --capture=no --durations=0 --durations-min=1

rbac: install ## Withhold one right of the operator after the other, and see a test fail (ONLY="delete": some)
	$(BIN)/python -m tests.rights $(ONLY)

argocd: install binaries ## Sync examples/argocd/ with Argo CD on a local cluster; run the tests of Argo CD's repository
	$(BIN)/python -m pytest tests/argocd -m argocd -v -rP

accuracy: install ## Compare the memory model with measurements (FILE=table.csv: with another table)
	$(BIN)/python -m tests.accuracy $(if $(FILE),--file $(FILE)) --leave-one-out

speed-accuracy: install ## Compare the speed model with measurements (FILE=table.csv: with another table)
	$(BIN)/python -m tests.speed_accuracy $(if $(FILE),--file $(FILE))

speed: ## Measure how fast LMDeploy serves here; needs an NVIDIA GPU and LMDeploy (PYTHON=its Python, RESULTS=FILE.csv)
	@PYTHONPATH="operator$${PYTHONPATH:+:$$PYTHONPATH}" $(PYTHON) -m tests.speed --results $(or $(RESULTS),speed.csv)

bench: install binaries ## Measure the operator on a local API server (N="200 1000 5000", RUNS=3, ONLY=convergence)
	$(BIN)/python -m tests.bench $(if $(N),--resources $(N)) $(if $(RUNS),--runs $(RUNS)) $(if $(filter convergence,$(ONLY)),--convergence)

chaos: install binaries ## Disturb the operator in every way: each run must end as an undisturbed one (ONLY="409": some)
	$(BIN)/python -m tests.chaos $(ONLY)

soak: install binaries ## Random edits, node changes and faults for 30 minutes (SECONDS=180, N=300, SEED=1)
	$(BIN)/python -m tests.soak $(if $(SECONDS),--seconds $(SECONDS)) $(if $(N),--resources $(N)) $(if $(SEED),--seed $(SEED))

fuzz: install ## Reconcile random specs on random nodes (N=10000, SECONDS=3600, SEED=1)
	$(BIN)/python -m tests.fuzz $(if $(N),--resources $(N)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

traffic: install binaries ## Send requests through the endpoint picker, Envoy and KEDA to stubs (COMMANDS="balance affinity zero", SECONDS=180, ROUNDS=200)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement tests/traffic/requirements.lock
	@for command in $(or $(COMMANDS),balance affinity zero); do \
		case $$command in \
			zero) options="$(if $(ROUNDS),--rounds $(ROUNDS))" ;; \
			*) options="$(if $(SECONDS),--seconds $(SECONDS))" ;; \
		esac; \
		$(BIN)/python -m tests.traffic $$command $$options || exit 1; \
	done

lease: install ## Kill and pause the leader of two operators 20 times each: how soon the other takes over
	@LEASE_ROUNDS=20 $(BIN)/python -m pytest tests/cluster/lifecycle/test_lease.py -q -s -k "killed or paused"

dist: install ## Make what a release publishes in dist/: wheel, chart, install.yaml, SBOM, notes, checksums (TAG=v0.1.0: check it)
	rm -rf dist
	@PYTHONPATH=.ci $(BIN)/python -m release --output dist $(if $(TAG),--tag $(TAG))

images: install ## Build the images for every platform with docker buildx (ONLY=operator, PUSH=1, REGISTRY=registry.example.com/team)
	@PYTHONPATH=.ci $(BIN)/python -m release.images $(if $(ONLY),--only $(ONLY)) $(if $(REGISTRY),--registry $(REGISTRY)) $(if $(PUSH),--push)

planner-page: install ## Build the planner page in dist/planner, for any web server; needs npm
	@PYTHONPATH=.ci $(BIN)/python -m release.planner_page

planner-page-test: planner-page ## Ask the planner page in Chromium (CHROMIUM=program), and write pictures to .local/planner-page
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement tests/page/requirements.lock
	$(BIN)/python -m pytest tests/page -m page -v -rP

clean: ## Remove what the targets made in the checkout
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .local build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
