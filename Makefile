# Everything runs in .venv, which is made when it is first needed: `make demo` is enough on a fresh clone.
# Needed: python3 (3.11 to 3.13) and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INTEGRATIONS := .venv-integrations

# Where this is set, as in many containers, every process, among them each of Ray's, would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help venv demo quick test check e2e faults integrations docs linkcheck bench overhead constraints clean

help:  ## what can be made
	@sed -n 's/^\([a-z0-9]*\):.*## /\1	/p' $(MAKEFILE_LIST)

venv: $(INSTALLED)  ## a virtual environment with everything, in .venv

# Python compiles a module when it is first imported; to compile all 20,000 at once would take longer than the download.
$(INSTALLED): pyproject.toml constraints.txt
	@echo "making $(VENV): this takes a few minutes, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev]'
	touch $@

# With asha rather than the default method, because its figure shows early stopping best; the README has that figure.
demo: $(INSTALLED)  ## tune a small network for about a minute, and plot the study into demo/
	$(BIN)/raytune-suite run live/digits-mlp --method asha --budget 20 --storage-path demo/studies \
		--plot demo/digits-asha.png

quick: $(INSTALLED)  ## the tests that need neither Ray, torch nor another process, and are quick: a first answer
	$(BIN)/python -m pytest -q -n auto --dist worksteal -m "not e2e and not ray and not process and not slow" \
		--ignore tests/workloads/live --ignore tests/fused --ignore tests/benchmarks

test: $(INSTALLED)  ## all tests but the long ones, on all cores
	$(BIN)/python -m pytest -q -n auto --dist loadgroup --no-loadscope-reorder --durations=20

check: $(INSTALLED)  ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

e2e: $(INSTALLED)  ## all end-to-end tests, also those too long for CI: about an hour
	$(BIN)/python -m pytest -q -m e2e -n auto --dist worksteal $$(grep -rl --include='test_*.py' 'mark\.e2e' tests)

faults: $(INSTALLED)  ## the fault campaign, with thousands of kills and malformed calls: four hours, or until Ctrl-C
	$(BIN)/python -m tests.faults.campaign run --minutes 240
	$(BIN)/python -m tests.faults.campaign page > docs/fault-campaign.md

integrations: $(INTEGRATIONS)/.installed  ## the tests with other libraries, which are installed into .venv-integrations
	RAYTUNE_SUITE_INTEGRATIONS=1 $(INTEGRATIONS)/bin/python -m pytest -q tests/integrations --durations=20

$(INTEGRATIONS)/.installed: pyproject.toml tests/integrations/requirements.txt tests/integrations/constraints.txt
	$(PYTHON) -m venv $(INTEGRATIONS)
	$(INTEGRATIONS)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
		-c tests/integrations/constraints.txt -r tests/integrations/requirements.txt
	touch $@

docs: $(INSTALLED)  ## build the documentation into build/docs; warnings are errors
	$(BIN)/python -m sphinx -b html -j auto -n -W --keep-going -q docs build/docs
	@echo "build/docs/index.html"

linkcheck: $(INSTALLED)  ## open the external links of the documentation, where there is a network
	$(BIN)/python docs/check_links.py docs/external-links.txt

bench: $(INSTALLED)  ## compare six methods in under three minutes, and write the page about it into build/bench/quick
	$(BIN)/raytune-suite bench run benchmarks/quick.toml --out build/bench/quick
	$(BIN)/raytune-suite bench report build/bench/quick

overhead: $(INSTALLED)  ## our overhead per trial against bare Ray Tune's
	$(BIN)/python benchmarks/perf/ray_overhead.py --trials 32

constraints:  ## pin anew what the dev extra installs, in a fresh environment
	rm -rf build/constraints
	$(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	sed '/^[^#]/d' constraints.txt > build/constraints.txt
	build/constraints/bin/python -m pip freeze --exclude raytune-suite | sed 's/+.*$$//' | grep -Ev '^(nvidia|cuda|triton)' \
		| LC_ALL=C sort -f >> build/constraints.txt
	mv build/constraints.txt constraints.txt
	rm -rf build/constraints

clean:  ## remove everything that make has made
	rm -rf $(VENV) $(INTEGRATIONS) build dist demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
