# Each of these sets up what it needs, also as the first command ever typed here:
#   make demo     the whole story on an embedded S3 server, in a temporary home; CLOUD=1: that of the Basic Memory
#                 cloud, on a stand-in for it on this machine; MIGRATE=1: that of a move from v0.14 and WebDAV
#   make suite    the tests alone, as make test runs them
#   make fast     the tests that need no server and no rclone: seconds
#   make test     lint, types and the whole suite: what CI runs
#   make lint     ruff, its format and mypy alone
#   make fmt      format the code, and mend what ruff can mend
#   make docs     the manifest's reference and example, the manual page and the pictures, made again
#   make site     the documentation as a web site in build/site, in strict mode: what Sphinx warns of is an error
#   make torture  chance on real rclone: STEPS=1000 SEED=1, or KILLS=20 to kill large runs instead
#   make blackbox the program from outside: SEEDS=1-20, STEPS=300
#   make sweep    every fault at every moment of a run, which takes hours: EVERY=20 for one case in twenty, SCENE=setup
#   make paper    chance on paper, a million plans: PLANS=1000000 SEED=1
#   make merges   random texts merged here and by git, which must agree: COUNT=10000 SEED=1
#   make lease    which of several devices may write, on paper: every order of what can happen; QUICK=1 for a minute of it
#   make race     devices that edit one note and sync at once, through a bad network: TRIALS=200, STORE=rclone, DEVICES=3
#   make compat   a day on OpenStack Swift, an S3 server that nobody here wrote: installs it from PyPI the first time
#   make kinds    two devices and a foreign program on every kind of remote: SEEDS=1-10, STEPS=40, KINDS=sftp,webdav;
#                 or KILLS=10 to kill -9 runs that send 200 files; TABLE=1: what docs/remotes.md says of each, made again
#   make duet     two devices that watch while two users edit: EDITS=500; TROUBLES=1 for servers and watches that die
#   make fuzz     every reader of a file or an answer, on what crashes and enemies leave: SECONDS=600 SEED=7
#   make moving   random trees moved over, undisturbed in one world and killed in its twin: SEEDS=1-20, KILLS=14
#   make bench    every benchmark, or BENCHMARKS="start_up plan_memory"
#   make release  VERSION=1.2.3: version, changelog, tests, build, commit, tag; DRY=1 leaves nothing behind
#   make dist     sdist and wheel of the tree as it is, in dist/, held against it; VERSION=1.2.3 is what it has to be
#   make formula  build/bisync-tasks.rb, a Homebrew formula for the sdist in dist/; asks PyPI what else it needs
#   make image    the container of the Dockerfile, and whether it starts
#   make venv     only the set-up: .venv, with bisync in it as `pip install -e` would have it
#   make clean    remove .venv and everything else that is made here
# Another Python: make PYTHON=/path/to/python3.12 test

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,\
	$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))

# Every worker would compile every test anew.
unexport PYTHONDONTWRITEBYTECODE

STEPS ?= 1000
EVERY ?= 1
PLANS ?= 1000000
SEED ?= 1
BENCHMARKS ?= $(sort $(basename $(notdir $(wildcard benchmarks/*.py))))

.PHONY: demo fast test suite lint fmt docs torture blackbox sweep paper merges lease race compat kinds duet moving fuzz bench site dist formula image release venv clean

demo: $(READY)
	@$(if $(CLOUD),$(BIN)/python -m tests.support.vendor.story,$(if $(MIGRATE),\
		$(BIN)/python -m tests.support.migration_story,$(BIN)/bisync demo))

fast: $(READY)
	$(BIN)/pytest -m pure -n 2

# The two at once: mypy is one process, and a test that waits for a server needs none.
test: $(READY)
	@$(MAKE) --no-print-directory -j 2 lint suite

# Each worker would compile all of a fresh checkout's tests, which one can do for the others.
suite: $(READY)
	@$(BIN)/pytest --collect-only --quiet --quiet > /dev/null || true
	$(BIN)/pytest -n 5 --durations=20

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fmt: $(READY)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: $(READY)
	$(BIN)/python -m bisync.schema.docs > docs/manifest.md.new
	mv docs/manifest.md.new docs/manifest.md
	$(BIN)/python -c 'from bisync.render import render; print(render("bisync.yaml.j2", example=True), end="")' \
		> bisync.yaml.example.new
	mv bisync.yaml.example.new bisync.yaml.example
	$(BIN)/python -m bisync.tasks._man > docs/bisync.1.new
	mv docs/bisync.1.new docs/bisync.1
	$(BIN)/python docs/pictures.py

torture: $(READY)
	$(BIN)/python -m tests.support.torture --seed $(SEED) $(if $(KILLS),--kills $(KILLS),--steps $(STEPS))

blackbox: $(READY)
	$(BIN)/python -m tests.support.blackbox --seeds $(or $(SEEDS),1-4) --steps $(or $(STEPS),300) --jobs 2 --reasons

sweep: $(READY)
	$(BIN)/python -m tests.support.sweep --every $(EVERY) $(if $(SCENE),--scene $(SCENE))

paper: $(READY)
	$(BIN)/python -m tests.support.paper --plans $(PLANS) --seed $(SEED)

merges: $(READY)
	$(BIN)/python -m tests.support.triples --count $(or $(COUNT),10000) --seed $(SEED)

lease: $(READY)
	$(BIN)/python -m tests.support.lease $(if $(QUICK),--quick)

race: $(READY)
	$(BIN)/python -m tests.support.race --trials $(or $(TRIALS),200) --seed $(SEED) \
		--store $(or $(STORE),moto) --devices $(or $(DEVICES),2)

compat: $(READY)
	$(BIN)/python -m tests.support.compat

kinds: $(READY)
	$(if $(TABLE),$(BIN)/python -m tests.support.kinds_table docs/remotes.md,\
		$(BIN)/python -m tests.support.kinds_game --seeds $(or $(SEEDS),1-10) \
		--steps $(if $(filter command%,$(origin STEPS)),$(STEPS),40) \
		$(if $(KINDS),--kinds $(KINDS)) $(if $(KILLS),--kills $(KILLS)))

duet: $(READY)
	$(BIN)/python -m tests.support.duet --edits $(or $(EDITS),500) --seed $(SEED) $(if $(TROUBLES),--troubles)

moving: $(READY)
	$(BIN)/python -m tests.support.moving --seeds $(or $(SEEDS),1-20) --kills $(or $(KILLS),14)

fuzz: $(READY)
	$(BIN)/python -m tests.support.fuzz --seconds $(or $(SECONDS),300) --seed $(SEED)

# One that is over its limit does not keep the others from running.
bench: $(READY)
	@over=; for each in $(BENCHMARKS); do echo "── $$each"; $(BIN)/python -m benchmarks.$$each || over="$$over $$each"; done; \
	test -z "$$over" || { echo "failed or over the limit:$$over" >&2; exit 1; }

site: $(VENV)/.site
	rm -rf build/site
	$(BIN)/python -m sphinx --builder html --nitpicky --fail-on-warning --keep-going --quiet -c docs/site . build/site
	@echo "build/site/index.html"

dist: $(READY)
	@$(BIN)/python tools/release.py --build "$(VERSION)"

formula: $(READY)
	@$(BIN)/python -c 'import uv' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@mkdir -p build
	@$(BIN)/python tools/formula.py dist/*.tar.gz > build/bisync-tasks.rb.new
	@mv build/bisync-tasks.rb.new build/bisync-tasks.rb
	@echo build/bisync-tasks.rb

image:
	docker build --tag bisync-tasks .
	docker run --rm bisync-tasks --version

release: $(READY)
	@$(BIN)/python tools/release.py $(if $(DRY),--dry-run) "$(VERSION)"

venv: $(READY)

# The stamp is written last: an installation that was cut short is done again.
$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "bisync needs Python 3.11 or later, and there is none on the PATH." \
		"Install one (https://www.python.org/downloads/), or name it: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) does not run," \
		"or is older than Python 3.11, which bisync needs." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make a virtual environment." \
		"On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV) (once; about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --editable '.[dev,rclone]'
	@touch $(READY)

# Only the site needs these, so only the site waits for them.
$(VENV)/.site: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
