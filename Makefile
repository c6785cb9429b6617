# Needs make and Python 3.11 or newer, nothing else. What it installs goes to .venv.
.DEFAULT_GOAL := help
.PHONY: help run dev test lint clean

PORT ?= 8000
PYTHON := $(shell for name in python3.14 python3.13 python3.12 python3.11 python3; do \
	"$$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && command -v "$$name" && break; done)
BIN := .venv/bin
LOCAL := .venv/local-$(firstword $(shell cat requirements.txt requirements-local.txt | cksum))
DEV := .venv/dev-$(firstword $(shell cat requirements*.txt | cksum))

# A .venv whose Python is gone is made again.
$(shell $(BIN)/python -c '' 2>/dev/null || rm -f .venv/local-* .venv/dev-*)

help:
	@echo "make run [PORT=8000]  run Popflix on this machine"
	@echo "make dev [PORT=8000]  the same, with app.py served from source and reloaded"
	@echo "make test             run the tests, with coverage"
	@echo "make lint             check style, types and the template"
	@echo "make clean            remove what was installed and built; the local data in .local stays"

run: $(LOCAL)
	@exec $(BIN)/python manage.py runserver --port $(PORT)

dev: $(LOCAL)
	@exec $(BIN)/python manage.py runserver --port $(PORT) --reload

test: $(DEV)
	@$(BIN)/python -m pytest -n auto --cov --cov-report=term-missing

lint: $(DEV)
	@$(BIN)/ruff check --extend-exclude build,.local
	@$(BIN)/ruff format --check --extend-exclude build,.local
	@$(BIN)/mypy
	@mkdir -p build
	@$(BIN)/python -m infra.packaging > build/template.json
	@$(BIN)/cfn-lint build/template.json infra/artefacts.yaml

clean:
	rm -rf .venv build .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(LOCAL):
	@$(call install,requirements-local.txt)

$(DEV):
	@$(call install,requirements-dev.txt)

# $(1) is a file of requirements; the target is made, as a stamp, when they are all there.
define install
if [ -z "$(PYTHON)" ]; then \
	echo "Popflix needs Python 3.11 or newer with its venv module: install it and try again." >&2; \
	exit 1; fi; \
echo "Installing what $(1) lists into .venv (once) ..."; \
{ $(BIN)/python -c '' 2>/dev/null || "$(PYTHON)" -m venv --clear .venv; } && \
$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(1) || { \
	echo "Not everything could be installed; is there a network? Try again when there is." >&2; \
	exit 1; }; \
touch $@
endef
