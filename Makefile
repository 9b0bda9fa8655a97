# Every target does its own set-up: .venv with the pinned dependencies, and SIPp where it is needed.
.PHONY: demo test coverage docs client interop sanitize lowest bench bench-media load wheels lint format lock setup clean
.DEFAULT_GOAL := test

BIN := .venv/bin
# Every start of a service by a test would compile all of it anew, half a second each.
export PYTHONDONTWRITEBYTECODE :=
RATE ?= 20
CALLS ?= 200
PYTEST_WORKERS ?= 3
INTEROP_WORKERS ?= 4
# These keep the processors busy, which phones would hear: they have their turn afterwards.
BUSY := tests/interop/test_hostile_at_length.py tests/interop/test_schemathesis.py tests/interop/test_agent_in_browsers.py

setup:
	@.ci/setup

demo: setup
	@$(BIN)/maskbridge demo

# The documentation, which a server shows at /docs; a dead link or a page left out is an error.
docs: setup
	@.ci/docs

lint: docs
	$(BIN)/python clients/python/generate.py --check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Files in the order that chance gives them: those with few tests are the ones that wait, and are not all to come last.
test: lint
	@.ci/sipp
	$(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder -m "not interop"

# What the tests leave untouched. Apart, for it makes them a sixth slower.
coverage: setup
	@.ci/sipp
	@.ci/docs
	$(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder -m "not interop" --cov --cov-report=term:skip-covered

# Other people's phones, browsers and carriers' software, installed from Debian where missing: mostly waiting, so many at a
# time. A file stays with one worker, whose service and browser all of its tests have.
interop: docs
	@.ci/interop
	$(BIN)/pytest -n $(INTEROP_WORKERS) --dist loadfile -m interop tests/interop $(BUSY:%=--ignore=%)
	$(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile -m interop $(BUSY) tests/docs tests/portal_browser

# What is compiled, under AddressSanitizer and UndefinedBehaviorSanitizer: the packet path's fuzzer, then the tests.
sanitize: setup
	@.ci/sanitize

# With the lowest versions that pyproject.toml allows, on the Python of PYTHON.
lowest: setup
	@.ci/lowest

# Wheels for every supported CPython that can be had here, into dist/.
wheels: setup
	@.ci/wheels

bench: setup
	@.ci/sipp
	@$(BIN)/python -m tests.bench

# What the media cost beside a plain C relay, and rtpengine where it is installed; best on an idle machine.
bench-media: setup
	@$(BIN)/python -m tests.bench.media

load: setup
	@.ci/sipp
	@$(BIN)/python -m tests.bench.load --rate $(RATE) --calls $(CALLS)

# The Python client's generated files, from the OpenAPI document.
client: setup
	$(BIN)/python clients/python/generate.py

format: setup
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# Pins what pyproject.toml asks for, for every supported Python, with hashes and without an index address.
lock: setup
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --no-strip-extras --quiet \
	  pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --no-strip-extras --quiet \
	  pyproject.toml --extra dev --extra phone -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf .venv build dist *.egg-info .coverage .coverage.* .hypothesis
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
