# Everything runs in .venv, which the first call of any target makes; a second call finds it ready.
#   make study [SPACE=search_spaces/quickstart.yaml] [DATA=digits|cifar10|auto|FOLDER] [RESULTS=DIR] [ARGS='--set seeds=5 ...']
#   make test [ARGS='-k name']     make test-all (with those that take long)     make lint     make schema     make clean

PYTHON  ?= python3
DATA    ?= digits
SPACE   ?= search_spaces/$(if $(filter digits,$(DATA)),quickstart,depth).yaml
RESULTS ?= results/$(basename $(notdir $(SPACE)))-$(notdir $(patsubst %/,%,$(DATA)))
BIN      = .venv/bin

# Depth on the embedded digits is made short: three seeds, fewer epochs at a higher learning rate.
ifeq ($(SPACE) $(DATA),search_spaces/depth.yaml digits)
SETTINGS ?= --set seeds=3 --set space.epochs=15 --set space.lr=0.05 --set compare.thresholds='[50, 80, 90]'
endif

.PHONY: study test test-all lint schema clean

# A second call goes on with what is there: it finishes an interrupted study, and draws a finished one again.
study: .venv/installed
	$(BIN)/python -m study.run --space "$(SPACE)" --data "$(DATA)" --results "$(RESULTS)" --resume $(SETTINGS) $(ARGS)

PYTEST = $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test: .venv/installed
	$(PYTEST) -m "not slow" $(ARGS)

test-all: .venv/installed
	$(PYTEST) $(ARGS)

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

schema: .venv/installed
	$(BIN)/python -m study.space.schema search_spaces/schema.json

clean:
	rm -rf .venv build *.egg-info

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "this project needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "pip>=25.1"
	$(BIN)/python -m pip install --constraint constraints.txt --editable . --group dev
	touch $@
