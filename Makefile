# Every target does its own set-up: a virtual environment in .venv, packages, data.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS ?= programs,dev
export TF_CPP_MIN_LOG_LEVEL ?= 2
# Tests start some seventy processes, each of which would compile all modules anew without their .pyc.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo deploy-demo test test-long test-backends coverage mutants check docs wheel-check gallery bench chaos fuzz lock audit clean

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/.ready: pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" EXTRAS="$(EXTRAS)" scripts/setup.sh

demo: $(VENV)/.ready ## Train, evaluate, draw, export and verify a VAE on Fashion-MNIST (3 to 10 minutes).
	@scripts/fashion_mnist.sh
	@$(BIN)/keras-vae demo $(ARGS)

deploy-demo: $(VENV)/.ready ## From the last demo to a serving folder, TFLite files and a web page, verified.
	@BIN="$(BIN)" RUN="$(RUN)" scripts/deploy_demo.sh

test: $(VENV)/.ready ## Run the tests of every module and model on the TensorFlow backend.
	@scripts/fashion_mnist.sh
	@KERAS_BACKEND=tensorflow $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -q --durations 15 \
		-m "not long and not slow and not extra" $(ARGS)

test-long: $(VENV)/.docs $(VENV)/.backends $(VENV)/.beam $(VENV)/.trackers ## Run the long tests, and tests on JAX, PyTorch, Apache Beam, old TensorFlow, trackers.
	@scripts/fashion_mnist.sh
	@scripts/browser.sh
	@BIN="$(BIN)" scripts/old_tensorflow.sh >/dev/null
	@VENV="$(VENV)" scripts/test_long.sh $(ARGS)

test-backends: $(VENV)/.backends ## Run the backend-neutral tests on JAX and on PyTorch.
	@KERAS_BACKEND=jax $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q -m "not tensorflow" $(ARGS)
	@KERAS_BACKEND=torch $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q -m "not tensorflow" $(ARGS)

$(VENV)/.backends: pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" EXTRAS="$(EXTRAS),backends,references" scripts/setup.sh
	@touch $@

$(VENV)/.beam $(VENV)/.trackers: $(VENV)/.%: $(VENV)/.backends $(VENV)/.docs scripts/extra.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" scripts/extra.sh $*
	@touch $@

coverage: $(VENV)/.coverage ## Measure which lines `make test` runs, by package (ARGS="tests/export" for less).
	@scripts/fashion_mnist.sh
	@mkdir -p build
	@KERAS_BACKEND=tensorflow $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -q \
		-m "not long and not slow and not extra" --cov --cov-report=json:build/coverage.json $(ARGS)
	@$(BIN)/python -m tools.coverage build/coverage.json

$(VENV)/.coverage: $(VENV)/.ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[coverage]"
	@touch $@

mutants: $(VENV)/.ready ## Mutate the core and ask which faults its tests notice (long; ARGS="--count 60" for less).
	@KERAS_BACKEND=tensorflow $(BIN)/python -m tools.mutants $(ARGS)

check: $(VENV)/.ready ## Lint, check the formatting and the types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: $(VENV)/.docs ## Run the notebooks and build the documentation site in build/docs; a broken link is an error.
	@KERAS_BACKEND=tensorflow $(BIN)/python -m sphinx -W --keep-going -E -q -b html docs build/docs $(ARGS)
	@echo "Open build/docs/index.html"

$(VENV)/.docs: pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" EXTRAS="$(EXTRAS),docs" scripts/setup.sh
	@touch $@

wheel-check: $(VENV)/.ready ## Build wheel and sdist, install each into a new environment and use it there.
	@PYTHON="$(PYTHON)" BIN="$(BIN)" scripts/wheel_check.sh

bench: $(VENV)/.bench ## Measure speed, memory and start-up against other libraries (ARGS="training --rounds 3" for less).
	@scripts/fashion_mnist.sh
	@$(BIN)/python -m benchmarks --page docs/performance.md $(ARGS)

$(VENV)/.bench: $(VENV)/.ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[bench]"
	@touch $@

gallery: $(VENV)/.ready ## Draw every model and uses of codes in docs/gallery, and the pictures of docs/images.
	@$(BIN)/python -m tools.gallery
	@scripts/fashion_mnist.sh
	@scripts/browser.sh
	@$(BIN)/python -m tools.showcase

chaos: $(VENV)/.ready ## Kill training, exporters and bulk prediction at 30 moments, damage every file (long; ARGS="--kills 5" for less).
	@$(BIN)/python -m tests.support.chaos $(ARGS)

fuzz: $(VENV)/.ready ## Try 2,000 configurations of models (ARGS="--cases 200" for less).
	@$(BIN)/python -m tests.support.fuzz $(ARGS)

lock: ## Write requirements-ci.lock, the versions that CI installs, from what the registry has today.
	@PYTHON="$(PYTHON)" scripts/lock.sh

audit: ## Look up the versions of requirements-ci.lock in a database of vulnerabilities (needs the internet).
	@PYTHON="$(PYTHON)" scripts/audit.sh $(ARGS)

clean: ## Remove the virtual environment and caches; runs are kept.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
