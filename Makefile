# make demo | test | check | bench | bench-check | format | models | results | firmware | flash | clean; set-up is part of each.
MODEL ?= vowels
BOARD ?= mps2-an386
RUN := .venv/bin
JOBS ?= 2
SOURCES := rnn_edge tests experiments
C_SOURCES := $(shell git ls-files 'firmware/*.[ch]' 'tests/*.[ch]' 'experiments/*.[ch]')

.PHONY: setup demo test check bench bench-check format models results firmware flash wheel clean

setup:
	@setup/setup.sh

demo: setup
	$(RUN)/rnn-edge train $(MODEL)
	$(RUN)/rnn-edge export $(MODEL)
	$(RUN)/rnn-edge verify $(MODEL)
	$(RUN)/rnn-edge flash $(MODEL) --board $(BOARD)
	$(RUN)/rnn-edge verify $(MODEL) --board $(BOARD)

# The firmware of MODEL for BOARD, exported first where it is not; flash takes PORT= as well.
firmware: setup build/$(MODEL)/program.json
	$(RUN)/rnn-edge build $(MODEL) --board $(BOARD)

flash: setup build/$(MODEL)/program.json
	$(RUN)/rnn-edge flash $(MODEL) --board $(BOARD) $(if $(PORT),--port $(PORT))

build/$(MODEL)/program.json: | setup
	$(RUN)/rnn-edge export $(MODEL)

test: setup
	$(RUN)/pytest -n $(JOBS) --dist worksteal

check: setup
	$(RUN)/ruff format --check $(SOURCES)
	$(RUN)/ruff check $(SOURCES)
	$(RUN)/mypy
	$(RUN)/clang-format --dry-run --Werror $(C_SOURCES)

# The reference shapes on all emulated boards: measured anew, or against what is stored in benchmarks/.
bench: setup
	$(RUN)/rnn-edge bench --reference --all-emulated --profile both --cycles --store
	$(RUN)/python -m rnn_edge.bench.page > docs/benchmarks.md

bench-check: setup
	$(RUN)/rnn-edge bench --reference --all-emulated --profile both --check

format: setup
	$(RUN)/ruff check --fix $(SOURCES)
	$(RUN)/ruff format $(SOURCES)
	$(RUN)/clang-format -i $(C_SOURCES)

# Train the bundled models anew, three seeds each, and keep the weights and figures in models/.
models: setup
	for model in vowels power demand watch workout chat home kws; do $(RUN)/rnn-edge train $$model --seeds 3 --out models || exit; done

# Measure the stored weights of the bundled models anew, without training (kws makes its data first: a few minutes), and
# write docs/models.md.
results: setup
	$(RUN)/python -m rnn_edge.results
	$(RUN)/python -m rnn_edge.models_page > docs/models.md

wheel: setup
	$(RUN)/python -m build --wheel

clean:
	rm -rf build dist .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
