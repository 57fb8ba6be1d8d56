# steptune: `make demo` runs the whole chain, `make test` passes all tests; both set up what they need first.

PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/bash
export HF_HUB_OFFLINE ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all test-fast check format bench-demo bench-tui bench-queue bench-data bench-train bench-merge bench-generate bench-eval bench-seeds bench-ship bench-peers bench-7b bench-gpu soak docs pythons gpu-pages audit clean

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | column -t -s "$$(printf '\t')"

setup:  ## make .venv and install, for CPU or CUDA by what the machine has (STEPTUNE_DEVICE=cpu|cuda decides otherwise)
	@$(PYTHON) scripts/setup.py

demo: setup  ## the whole chain on CPU with the embedded model: data, NF4 LoRA, vLLM, comparison table, report
	@$(BIN)/steptune run pipeline --preset demo --on cpu

test: setup  ## the tests, with real models too, several at a time; kill schedules and sweeps are left to test-all
	@$(BIN)/pytest -q -m "not long" -n auto --dist loadfile --no-loadscope-reorder

test-all: setup  ## all tests
	@$(BIN)/pytest -q -n auto --dist loadfile --no-loadscope-reorder

test-fast: setup  ## the tests that take seconds
	@$(BIN)/pytest -q -m "not slow" -n auto

check: setup  ## format, lint, types and import contracts, without changing anything
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache

format: setup  ## format, and fix what ruff can fix
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench-demo: setup  ## time, memory and start-up bars of the demo; prints JSON
	@$(BIN)/python benchmarks/demo.py

bench-tui: setup  ## paint, latency, CPU, memory and survival of the screens; prints JSON
	@$(BIN)/python benchmarks/tui.py

bench-queue: setup  ## 200 short runs in two slots under 60 kills of anything: none lost, none twice, in order; prints JSON
	@$(BIN)/python benchmarks/queue_kills.py

bench-train: setup  ## training against TRL's defaults on this CPU: speed, memory, loss, resume; prints JSON
	@$(BIN)/python benchmarks/train.py

bench-gpu: setup  ## nine minutes on an NVIDIA GPU: every way of training, memory, speed, merge; without one it says so; prints JSON
	@$(BIN)/python benchmarks/gpu_session.py

bench-peers: setup  ## the same training by other tools in environments of their own, and ten broken inputs; prints JSON
	@$(BIN)/python benchmarks/peers.py --make

bench-7b: setup  ## Mistral-7B's shape with random weights through the whole path on this CPU, against the estimates; prints JSON
	@$(BIN)/python benchmarks/seven_b.py

soak: setup  ## kills, full disks, damaged files at random moments over the real chain, at most 30 minutes; prints JSON
	@$(BIN)/python benchmarks/soak.py

bench-merge: setup  ## the streaming merge against PEFT, explicit arithmetic and cp; prints JSON
	@$(BIN)/python benchmarks/merge.py

bench-generate: setup  ## generate against raw vLLM and transformers, start-up, kills; prints JSON
	@$(BIN)/python benchmarks/generate.py

bench-data: setup  ## extraction, masking, repair, duplicates, split, scale and teacher of data-build; prints JSON
	@status=0; for bench in data_extract data_rows data_care data_teacher; do $(or $(STEPTUNE_BENCH_PYTHON),$(BIN)/python) benchmarks/$$bench.py || status=1; done; exit $$status

bench-eval: setup  ## metrics and statistics against the reference packages, the blind study; prints JSON
	@status=0; for bench in evaluation study; do $(BIN)/python benchmarks/$$bench.py || status=1; done; exit $$status

bench-seeds: setup  ## six trainings of the embedded model that differ by their seed alone: how often is one called better; prints JSON
	@$(BIN)/python benchmarks/trainings.py

bench-ship: setup  ## exports with their proof, ask and serve: prompts, planted faults, verdicts, time, memory, kills; prints JSON
	@status=0; for bench in ship ship_serving; do $(BIN)/python benchmarks/$$bench.py || status=1; done; exit $$status

gpu-pages: setup  ## docs/gpus.md and the goldens of the emulated machines again, after a change of what preflight says
	@$(BIN)/python -m tests.emulated.pages

docs:  ## the site of the documentation in build/site, every link checked, in an environment of its own
	@$(PYTHON) scripts/docs.py

pythons:  ## the core on each Python from 3.11 on that is found: installed, commands, configs; prints a line each
	@$(PYTHON) scripts/pythons.py

audit: setup  ## known weaknesses of the installed packages, by pip-audit in build/audit, where its index can be reached
	@test -x build/audit/bin/pip-audit || { $(PYTHON) -m venv build/audit && build/audit/bin/pip install -q pip-audit; }
	@build/audit/bin/pip-audit --progress-spinner off --path "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

clean:  ## remove caches and built files (never runs/ or .venv)
	@rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
