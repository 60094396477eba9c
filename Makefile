# Everything works from a fresh clone with Python 3.11 and pip. Each target can be run again.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
CORES ?= all
# In how many processes the tests run, unless TESTS says it: one per core, at most eight, as each takes a GB or two; of
# the quick ones, many of which wait for something, one more.
PROCESSES := $(shell nproc | awk '{ print $$1 < 8 ? $$1 : 8 }')
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# DeepSpeed's operators are not compiled; the pipeline uses none of them.
export DS_BUILD_OPS := 0

.PHONY: setup demo demo-full pocket pocket-check pocket-publish ui pictures fetch test test-all chaos bench coverage mutants audit lint docs plan validator verify clean

setup: .venv/.installed .venv/axe

# The locks are whole, and nothing is taken whose hash they do not have. What is imported often is compiled afterwards, by
# all cores: at every start it would be compiled anew where PYTHONDONTWRITEBYTECODE is set, as it is in many containers.
PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps
PIP_LOCKED := $(PIP) --require-hashes --no-compile --requirement
INSTALL := .venv/bin/python envs/install.py
SELDOM := /tests?/|/transformers/models/(?!__init__|auto|bloom|encoder_decoder|llama)

.venv/.installed: requirements.lock envs/torch-cpu.lock envs/torch-cuda.lock envs/uv.lock
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@# What builds the two source packages comes first, so that nothing is fetched unchecked for that.
	@echo "Set-up in .venv, 1 of 4: what installs and builds packages"
	@sed -n '/^setuptools==/,/[^\\]$$/p' requirements.lock | $(PIP_LOCKED) /dev/stdin
	@$(PIP_LOCKED) envs/uv.lock || echo "Without uv: pip installs alone."
	@# Without a GPU, the build of torch for CPUs if it is found; else the usual one, with NVIDIA's libraries.
	@echo "Set-up in .venv, 2 of 4: $(words $(shell grep '==' requirements.lock | cut -d' ' -f1)) packages (of PyTorch 200 MB; with a GPU some GB)"
	@command -v nvidia-smi >/dev/null || $(INSTALL) envs/torch-cpu.lock requirements.lock || echo "Trying what is left."
	@$(INSTALL) requirements.lock
	@.venv/bin/python -m pip show torch | grep '^Version:.*cpu' >/dev/null || $(INSTALL) envs/torch-cuda.lock
	@echo "Set-up in .venv, 3 of 4: compiling"
	@.venv/bin/python -m compileall -qq -j 0 -x '$(SELDOM)' .venv/lib || true
	@# The command `recexplainer`; the pipeline itself runs from the clone, installed or not.
	@echo "Set-up in .venv, 4 of 4: the project itself"
	@$(PIP) --no-build-isolation --editable .
	@.venv/bin/python -m pip check
	@touch $@

# What the tests of the pages look with; after that of the packages, which makes the folder.
.venv/axe: envs/axe.lock | .venv/.installed
	@$(PIP_LOCKED) $< --target $@ --upgrade
	@touch $@

demo: setup
	$(call run_demo,config/demo.yaml,results/demo)

# The same on two data sets and with all ablations, which takes nearly twice as long: results/demo_full.
demo-full: setup
	$(call run_demo,config/demo.yaml config/demo_full.yaml,results/demo_full)

define run_demo
snakemake --logger recexplainer --cores $(CORES) --configfile $(1)
@log=$(2)/logs/snakemake_report.log; \
    snakemake --configfile $(1) --report $(2)/snakemake_report.html --quiet > $$log 2>&1 || { cat $$log; exit 1; }
@echo "Snakemake's own report of it: $(2)/snakemake_report.html"
endef

# The paper's claims on real data with a real LLM, at pocket size: some hours on two cores, minutes on a GPU.
pocket: setup
	snakemake --logger recexplainer --cores $(CORES) --configfile config/pocket.yaml
	@echo "Open results/pocket/report.html. The tables are in results/pocket/tables."

# Whether your own run of it, with whatever seed, agrees with the published one: every number, with the errors of both
# samples. It fails if one differs. `make pocket-check RESULTS=results/pocket`, or a bundle of it.
pocket-check: setup
	recexplainer compare docs/pocket $(or $(RESULTS),results/pocket) --output results/pocket-check

# The published folder and the README's table, out of a run of it; of one that is not finished, what is there.
pocket-publish: setup
	PYTHONPATH=src python workflow/scripts/publish.py --results $(or $(RESULTS),results/pocket) \
	    --config config/config.yaml config/pocket.yaml --output docs/pocket --readme README.md

# A page on this machine on which a finished run can be asked: `make ui`; with RESULTS=results, another run than the
# demo's.
ui: setup
	recexplainer demo-ui --results $(or $(RESULTS),results/demo)

# The pictures of the docs, of a finished run; with LOG, what the run printed, also the lines that the docs show of it:
# `make demo 2>&1 | tee demo.log; make pictures LOG=demo.log`.
pictures: setup
	PYTHONPATH=src python tests/browser/pictures.py $(or $(RESULTS),results/demo) $(if $(LOG),--log $(LOG))

# What needs a network, on a machine that has one: the raw files and the LLM. `make fetch CONFIG=my.yaml`; without
# CONFIG, the paper's.
fetch: setup
	snakemake --cores 1 --until download_dataset download_conversations download_llm base_llm $(if $(CONFIG),--configfile $(CONFIG))

# All but the slow rest: Slurm, kills, mutated files, the pages of all tables, whole runs with other data, recommenders
# and LLMs. `make test-all` has that too; with SLOW_UNTIL, as of CI, it names and leaves what it has not begun after so
# many minutes.
test: setup
	python -m pytest -n $(or $(TESTS),$(shell expr $(PROCESSES) + 1)) --no-loadscope-reorder -m "not slow"

test-all: setup
	python -m pytest -n $(or $(TESTS),$(PROCESSES)) --no-loadscope-reorder $(if $(SLOW_UNTIL),--slow-until $(SLOW_UNTIL) -rs)

# The smallest run, killed at random moments in every stage, and its programs with mutated files and arguments:
# `make chaos`; KILLS, MUTANTS (files; and a fifth as many arguments) and CHAOS_SEED say how often and when.
KILLS ?= 40
MUTANTS ?= 3000
chaos: setup
	CHAOS_KILLS=$(KILLS) CHAOS_MUTANTS=$(MUTANTS) python -m pytest tests/chaos -s

# Ours and its peers side by side: about half an hour on two quiet cores. The peers that are checkouts are named by
# RECBOLE_CHECKOUT, PMIXER_CHECKOUT and RECBOLE_PATH, llama.cpp's server by LLAMA_SERVER; else their rows are left.
bench: setup
	python benchmarks/raw_to_parquet.py
	python benchmarks/sasrec.py
	python benchmarks/labels.py
	python benchmarks/tasks.py
	python benchmarks/no_op.py
	python benchmarks/alignment_tokens.py
	python benchmarks/small_llm.py
	python benchmarks/trained_memory.py
	python benchmarks/generation.py
	python benchmarks/llama_server.py
	python benchmarks/constrained.py
	python benchmarks/report.py
	python benchmarks/scaling.py
	python benchmarks/speed_page.py

# How much of the library the tests run: lines and branches that none does are in coverage/index.html.
coverage: setup
	python -m pytest tests/unit tests/workflow/test_digest.py tests/workflow/test_config.py \
	    --cov --cov-report=html:coverage --cov-report=term:skip-covered --cov-fail-under=90

# Whether the tests notice a change of the metrics, the splits, the filter or the tasks: one at a time, for about an hour.
mutants: .venv/.tools
	mutmut run
	mutmut results

# Whether anything is known against a package of the locks. It asks a service on the network, and fails if that does not
# know a package.
audit: .venv/.tools
	cat requirements.lock envs/torch-cuda.lock envs/tools.lock envs/axe.lock envs/uv.lock > .venv/audited.lock
	pip-audit --strict --require-hashes --disable-pip --requirement .venv/audited.lock
	pip-audit --strict --require-hashes --disable-pip --requirement envs/validator.lock

.venv/.tools: .venv/.installed envs/tools.lock
	$(INSTALL) envs/tools.lock
	touch $@

# The validator of RO-Crates, in an environment of its own: it wants other versions of packages than the workflow.
validator: .venv/validator/.installed

.venv/validator/.installed: envs/validator.lock .venv/.installed
	.venv/bin/python -m venv .venv/validator
	.venv/validator/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
	    --requirement envs/validator.lock
	touch $@

lint: .venv/.tools
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile rules
	snakemake --lint

# The pages that follow from the rules and the config, and with them the site: open site/index.html.
docs: .venv/.tools
	PYTHONPATH=src python workflow/scripts/document.py
	mkdocs build --strict

# What a run will take: `make plan CONFIG=config/demo.yaml`; without CONFIG, the paper's.
plan: setup
	PYTHONPATH=src python workflow/scripts/plan.py --config config/config.yaml $(CONFIG)

# Whether the files of a run are still those that it made: `make verify RESULTS=results/demo`.
verify: setup
	PYTHONPATH=src python workflow/scripts/verify.py --provenance $(or $(RESULTS),results)/provenance.json

clean:
	rm -rf results/demo results/smallest site .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find src workflow tests -name __pycache__ -type d -prune -exec rm -rf {} +
