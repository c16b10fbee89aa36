# `make run` and `make test` are all that most people need. Everything is made where it is missing or old.
PYTHON ?= python3
BIN := .venv/bin
VENDOR := maps/static/vendor/manifest.json
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run setup test check screenshots format docs constraints clean bench bench-locate bench-http bench-propose bench-district bench-map bench-walk bench-studio

run: setup  ## install what is missing, load the demonstration community, serve
	@exec $(BIN)/wangge up

setup: system $(BIN)/.installed $(VENDOR)  ## everything but serving; after it .venv/bin/wangge works

.PHONY: system system-test
system:
	@scripts/install_system.sh
system-test:
	@scripts/install_system.sh test

$(BIN)/python: | system
	$(PYTHON) -m venv .venv

$(BIN)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(BIN)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(BIN)/.installed

$(BIN)/.installed-bench: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,bench]'
	@touch $@ $(BIN)/.installed-dev $(BIN)/.installed

$(VENDOR): package-lock.json scripts/fetch_browser_parts.mjs | system
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	node scripts/fetch_browser_parts.mjs
	@touch $@

check: $(BIN)/.installed-dev  ## style, types, floors and docstrings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/numpydoc lint $$(git ls-files "gis/*.py" "maps/*.py")

test: system-test $(BIN)/.installed-dev $(VENDOR) check  ## the whole suite, on a real PostGIS and a real Chromium
	$(BIN)/pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered

screenshots: system-test $(BIN)/.installed-dev $(VENDOR)  ## the pictures of the README, as the end-to-end tests see the pages
	@mkdir -p docs/figures
	WANGGE_SCREENSHOTS=docs/figures $(BIN)/pytest tests/e2e/test_every_page.py tests/e2e/test_walking_page.py -q

format: $(BIN)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(BIN)/.installed-dev  ## the parts of docs/ that are made from the code
	$(BIN)/python -m gis.layers.dictionary > docs/data-dictionary.md

constraints: $(BIN)/python  ## pin the newest versions, for every Python that is supported
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11.0 --extra dev --extra bench \
		--no-header --no-annotate pyproject.toml --output-file constraints.txt

bench: bench-locate bench-http bench-propose bench-district bench-map bench-walk bench-studio  ## every measured claim; hours, on a quiet machine
bench-locate bench-http bench-propose bench-district bench-map bench-walk bench-studio: bench-%: system-test $(BIN)/.installed-bench $(VENDOR)
	$(BIN)/python -m bench.$*

clean:
	rm -rf .venv node_modules maps/static/vendor .pytest_cache .mypy_cache .ruff_cache .hypothesis
