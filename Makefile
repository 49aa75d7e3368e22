# Everything a newcomer needs: `make demo` and `make test`. Both make their own .venv.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
BENCH_READY := .venv/.bench-ready

.PHONY: help demo test check matrix bench bench-data docs clean

help:  ## say what there is to make
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml constraints.txt plugins/fmnist-grain/pyproject.toml
	@echo "Installing torch, TensorFlow, JAX and the tools into .venv; this takes a few minutes ..."
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]" -e plugins/fmnist-grain
	@touch $@

# torchvision without what it asks for: its wheel would replace torch by a build for CUDA.
$(BENCH_READY): $(READY)
	@echo "Installing what fmnist is measured against ..."
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps torchvision
	@touch $@

demo: $(READY)  ## show the same batches in every framework (ROOT=folder: on real files)
	@$(BIN)/fmnist demo $(if $(ROOT),--root "$(ROOT)")

# What measures memory or time runs by itself, after the rest. Files run in alphabetical order: by
# their number of tests, the few long tests of several processes would all come last, together.
test: $(READY)  ## run the tests
	$(BIN)/pytest -m "not alone" --numprocesses auto --maxprocesses 4 --dist loadfile \
		--no-loadscope-reorder
	$(BIN)/pytest -m alone

check: $(READY)  ## format, lint, types and tests, as CI does
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) test

matrix: $(READY)  ## run the core's tests on every Python here and on the lowest versions (OPTIONS=--help)
	@$(BIN)/python tests/install/matrix.py $(OPTIONS)

bench: $(BENCH_READY)  ## measure the adapters beside their peers (ROOT=folder, OPTIONS=--help)
	@$(BIN)/python -m tests.bench.speed $(if $(ROOT),--root "$(ROOT)") $(OPTIONS)

bench-data: $(READY)  ## measure what the data cost to get (ROOT=folder of Fashion-MNIST's .gz)
	@$(BIN)/python -m tests.bench.data --root "$(ROOT)"

docs: $(READY)  ## build the site into docs/_build
	$(BIN)/sphinx-build -q -W --keep-going docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

clean:  ## remove .venv and whatever was built
	rm -rf .venv .matrix build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
