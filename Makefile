# make demo | test | check | format | models | clean; set-up is part of each.
MODEL ?= vowels
RUN := .venv/bin
JOBS ?= 2
SOURCES := rnn_edge tests
C_SOURCES := $(shell git ls-files 'firmware/*.c' 'firmware/*.h')

.PHONY: setup demo test check format models wheel clean

setup:
	@setup/setup.sh

demo: setup
	$(RUN)/rnn-edge train $(MODEL)
	$(RUN)/rnn-edge export $(MODEL)
	$(RUN)/rnn-edge verify $(MODEL)

test: setup
	$(RUN)/pytest -n $(JOBS) --dist worksteal

check: setup
	$(RUN)/ruff format --check $(SOURCES)
	$(RUN)/ruff check $(SOURCES)
	$(RUN)/mypy
	$(RUN)/clang-format --dry-run --Werror $(C_SOURCES)

format: setup
	$(RUN)/ruff check --fix $(SOURCES)
	$(RUN)/ruff format $(SOURCES)
	$(RUN)/clang-format -i $(C_SOURCES)

# Train the bundled models anew, three seeds each, and keep the weights and figures in models/.
models: setup
	for model in vowels power; do $(RUN)/rnn-edge train $$model --seeds 3 --out models || exit; done

wheel: setup
	$(RUN)/python -m build --wheel

clean:
	rm -rf build dist .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
