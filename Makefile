# Foldin's tasks; `make` alone lists them. They need make and Python 3.11 or newer; all else goes into .venv.
# Another interpreter: make test PYTHON=python3.13      Arguments for pytest: make test ARGS="-k fold_in"

.DEFAULT_GOAL := help
.PHONY: help install run test test-docker lint bench lock sbom dev

help: ## List these tasks
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

install: ## Install the service into .venv, with .venv/bin/foldin
	@sh .ci/install requirements.lock

run: install ## Install, fill in sample ratings, train, serve
	@.venv/bin/foldin demo

test: dev ## Run every test, on SQLite and on a real PostgreSQL
	@.venv/bin/python -m pytest --numprocesses 4 --dist worksteal $(ARGS)

lint: dev ## Style, types, layers, and migrations against the tables
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache
	.venv/bin/python -m tests.alembic_check

test-docker: dev ## Build the image, bring everything up, kill and restart its parts (minutes)
	@.venv/bin/python -m tests.docker $(ARGS)

bench: dev ## Measure speed and quality
	@.venv/bin/python -m benchmarks $(ARGS)

lock: dev ## Resolve the dependencies anew (LOCK_ARGS=--upgrade for newer ones)
	@.venv/bin/python -m pip install --quiet uv
	$(compile) --group build --output-file requirements.lock
	$(compile) --group build --group dev --constraint requirements.lock --output-file requirements-dev.lock

sbom: dev ## Write sbom.json, a bill of what is installed (CycloneDX)
	@.venv/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible -o sbom.json

compile = .venv/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url $(LOCK_ARGS)

dev:
	@sh .ci/install requirements-dev.lock
