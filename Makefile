# netos: two commands do everything on a machine with Python >= 3.11, a C compiler, make and iproute2:
#   make run     build, then show the lab: a router between two namespaces, forwarding real packets
#   make test    build, then run all tests
PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
SOURCES := $(shell find netos elements bench -name '*.pyx' -o -name '*.pxd') setup.py
ASAN    := build/asan/lib
# String functions stay the system's: iproute2, which tests call, copies one onto itself.
CHECKS  := detect_leaks=0:replace_str=0:intercept_strlen=0:intercept_strchr=0:intercept_strndup=0
# Builds that look for mistakes are slow: no deadlines for examples, and no lab, which is to pass so many packets a second.
SLOW    := --hypothesis-profile=slow
FAST    := tests/cli/test_lab.py::test_the_memory_lab_passes_its_own_tests

.PHONY: build run test lint bench mutants diagram debug asan coverage clean check-tools
.DELETE_ON_ERROR:

build: $(VENV)/built
run: build
	$(BIN)/netos lab configs/router.click
test: build $(VENV)/extras
	$(BIN)/python -m pytest $(TESTS)
lint: build $(VENV)/extras
	$(BIN)/ruff check .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cython-lint netos elements bench
	$(BIN)/mypy
	$(BIN)/python -m tests.lint_stubs
bench: build $(VENV)/extras
	$(BIN)/python -m bench
# Break TCP in every way its tests name, and see them fail; about five minutes.
mutants: build $(VENV)/extras
	$(BIN)/python -m netos.testing.mutate_tcp $(TESTS)
diagram: build
	$(BIN)/python -c 'from netos.proto.tcp_state import diagram; print(diagram(), end="")' > docs/tcp-states.dot
	dot -Tsvg docs/tcp-states.dot > docs/tcp-states.svg
debug: $(VENV)/extras $(SOURCES)
	NETOS_BUILD=debug $(BIN)/python setup.py -q build -b build/debug --build-lib build/debug/lib
	PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/build/debug/lib NETOS_EXPECT_BUILD=$(CURDIR)/build/debug/lib \
	$(BIN)/python -m pytest $(SLOW) $(TESTS)
asan: $(VENV)/extras $(SOURCES)
	NETOS_BUILD=asan $(BIN)/python setup.py -q build -b build/asan --build-lib $(ASAN)
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" PYTHONMALLOC=malloc \
	ASAN_OPTIONS=$(CHECKS) PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/$(ASAN) NETOS_EXPECT_BUILD=$(CURDIR)/$(ASAN) \
	$(BIN)/python -m pytest $(SLOW) $(TESTS)
coverage: $(VENV)/extras
	NETOS_BUILD=coverage $(BIN)/python setup.py -q build -b build/coverage --build-lib build/coverage/lib
	PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/build/coverage/lib NETOS_EXPECT_BUILD=$(CURDIR)/build/coverage/lib \
	$(BIN)/python -m coverage run -m pytest $(SLOW) --deselect $(FAST) $(TESTS)
	$(BIN)/python -m coverage report --skip-covered
clean:
	rm -rf build $(VENV) *.egg-info
	find netos elements bench -name '*.so' -delete

check-tools:
	@command -v $(PYTHON) >/dev/null || { echo "netos: Python is missing: install python3 (3.11 or later), or say PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "netos: $(PYTHON) is older than Python 3.11: install a newer one and say PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "netos: $(PYTHON) cannot make virtual environments: install python3-venv"; exit 1; }
	@$(PYTHON) -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || \
	  { echo "netos: Python.h is missing: install python3-dev"; exit 1; }
	@command -v $${CC:-cc} >/dev/null || { echo "netos: a C compiler is missing: install gcc"; exit 1; }
	@command -v ip >/dev/null || echo "netos: ip is missing: install iproute2; without it the lab uses memory devices"

$(VENV)/made: pyproject.toml | check-tools
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check 'setuptools>=77' 'Cython>=3.1,<4'
	@touch $@
# The lock lets two makes of one tree wait for each other.
$(VENV)/built: $(VENV)/made $(SOURCES)
	@echo "netos: building (a few minutes the first time) ..."
	flock $(VENV) $(BIN)/python setup.py -q build_ext --inplace --parallel $$(nproc)
	NETOS_ONLY=none $(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation -e .
	$(BIN)/python -m compileall -q netos elements bench
	@touch $@
$(VENV)/extras: $(VENV)/made pyproject.toml | $(VENV)/built
	NETOS_ONLY=none $(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation -e '.[test,lint]'
	@touch $@
