# Everything runs in .venv, which the first call of any target makes; a second call finds it ready.
#   make study [SPACE=search_spaces/depth.yaml] [DATA=digits|cifar10|auto|FOLDER] [ARGS='--set seeds=5 ...']
#   make test [ARGS='-k name']     make lint     make clean

PYTHON ?= python3
SPACE  ?= search_spaces/depth.yaml
DATA   ?= digits
BIN     = .venv/bin

.PHONY: study test lint clean

study: .venv/installed
	$(BIN)/python -m study.run --space $(SPACE) --data $(DATA) $(ARGS)

test: .venv/installed
	$(BIN)/python -m pytest $(ARGS)

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

clean:
	rm -rf .venv build *.egg-info

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "this project needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "pip>=25.1"
	$(BIN)/python -m pip install --constraint constraints.txt --editable . --group dev
	touch $@
