# Every command a contributor types. `just` itself is in the dev group: `uv run just check`, or plain `just check` once `.venv` stands.

set shell := ["bash", "-euo", "pipefail", "-c"]

export PATH := justfile_directory() / ".venv/bin:" + justfile_directory() / ".uv/bin:" + env("PATH")

# Where compiled kernels are tested: these folders run three times, as compiled, un-compiled and bounds-checked.
kernels := "tests/contracts tests/instruments tests/reducers tests/risk tests/execution tests/engine tests/strategies tests/venues tests/backtest"

# Of these folders: what has no kernel in it, runs whole backtests for the sake of something else, or whole recordings; once is enough.
no_kernels := "--ignore-glob='tests/backtest/test_report*' --ignore-glob='tests/backtest/test_metrics*' --ignore=tests/backtest/optimizer --ignore=tests/backtest/parity"

# list the commands
default:
    @just --list --unsorted

# make .venv with everything a contributor needs, and the peers
setup: && _peers
    uv sync --all-groups --all-extras

# make the environments of the programs that results are compared with, in .peers/
peers:
    python -m tests.peers.environments

# the same where nothing may come of it: without a network the tests that need them skip
_peers:
    -@python -m tests.peers.environments

# what CI runs: form, types, import law, dependencies, every fast test compiled, un-compiled and bounds-checked
check: lint types imports deps _peers jit-off bounds test

# rewrite everything into the house form
format:
    ruff check --fix-only --quiet
    ruff format

lint:
    ruff format --check
    ruff check

types:
    mypy

imports:
    lint-imports

# every dependency is imported, every import is a dependency
deps:
    deptry .

# the kernels as plain Python: the same results without the compiler
jit-off *ARGS:
    NUMBA_DISABLE_JIT=1 pytest -q -n 2 -m "not slow and not bench" {{ kernels }} {{ no_kernels }} {{ ARGS }}

# the kernels with every index checked
bounds *ARGS:
    NUMBA_BOUNDSCHECK=1 pytest -q -n 2 -m "not slow and not bench" {{ kernels }} {{ no_kernels }} {{ ARGS }}

# every fast test
test *ARGS:
    pytest -n 2 -m "not slow and not bench" {{ ARGS }}

# the tests that take minutes: more crashes, more examples, whole recordings
slow *ARGS:
    HYPOTHESIS_PROFILE=slow pytest -n 2 -m slow --timeout 3600 {{ ARGS }}

# plant each bug of tests/mutants/ in a copy and see it noticed by the tests that it names
mutants *ARGS:
    python -m tests.mutants.run {{ ARGS }}

# side by side with hftbacktest, NautilusTrader and the bare limits, one table; parts: as tests/bench/run.py names them
bench *PARTS:
    python -m tests.bench.run {{ PARTS }}

# run every scenario and write anew what stands below its dashes; then read the difference
rewrite *FILES:
    NUMBA_DISABLE_JIT=1 veloz scenario --rewrite {{ if FILES == "" { "specs/scenarios/*.txt" } else { FILES } }}

# write the report of a made-up run into a folder, to look at it: what veloz.backtest.report makes of so many executions in a week
report FOLDER EXECUTIONS="1000":
    python -m tests.backtest.made_runs {{ FOLDER }} {{ EXECUTIONS }} 604800

# write the generated files of specs/ from the code
specs:
    python -c "from pathlib import Path; from veloz.contracts.specs import write_all; write_all(Path('specs'))"

# pin every dependency anew: requirements/*.txt with hashes, the same versions in pyproject.toml; `keep`: only what is new
pins *KEEP:
    python requirements/pins.py {{ KEEP }}

# build the pages into site/
docs:
    uv run --isolated --only-group docs zensical build --clean --strict
