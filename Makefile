# Every target: `make help`. Settings of the devnet are environment variables: see `make help`, too.

CARGO ?= cargo
PROFILE_FLAG = $(if $(filter 1,$(RELEASE)),--release,)
DEVNET = $(CARGO) run --quiet $(PROFILE_FLAG) -p adit-devnet --

.DEFAULT_GOAL := help
.PHONY: help build parts parts-test demo test devnet devnet-restart-server bench api-fuzz lint contracts contracts-check

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' Makefile
	@printf '\nSettings of demo, devnet and bench, given as NAME=value:\n'
	@printf '  %-15s %s\n' \
	  PORT           'port of the API (5000)' \
	  STORE          'sqlite or postgres (sqlite)' \
	  REPLICAS       'servers on one store; more than 1 needs STORE=postgres (1)' \
	  BLOCK_TIME     'seconds between blocks (1)' \
	  SLOTS_IN_EPOCH 'a block is final 2 x this many blocks later (1)' \
	  USERS          'players to seed, at least 30 (30)' \
	  XP             'points each player starts with (200000)' \
	  EVM_PORT       'port of anvil (8545, or a free one when that is taken)' \
	  ADIT_EVM_RPC   'endpoints the server uses instead of anvil, comma-separated' \
	  BITCOIN        'none leaves bitcoind out (auto: where there is one; bench leaves it out)' \
	  ADIT_BITCOIN_* '_ESPLORA, _BLOCKCYPHER, _RPC: sources the server uses instead of the devnet'\''s own' \
	  RELEASE        '1 builds and runs with optimisations' \
	  CLAIMS         'claims that bench sends (20000; its USERS are 2000)' \
	  SEED           'chaos and the drills: repeats the choices of an earlier run (a fresh one; STORE may be both there, and is)' \
	  CHAIN          'chaos and the drills: evm or bitcoin (both)' \
	  PAYOUTS        'restore-drill: payments since the backup (500; a 16th of them where both go back)' \
	  ROUNDS         'chaos: how often the server is killed (30)' \
	  PAYEES         'chaos: how many are paid (300)' \
	  PART           'failover-drill: asks, cancels, split or silence (all); restore-drill: database or both (all)' \
	  JOBS           'failover-drill: scenarios at a time (2)' \
	  ONLY           'failover-drill: scenarios whose name contains this (every one)' \
	  ONCE           '1 makes the demo exit when it is done, 0 only if every row is as expected'

build: ## compile the server and the development tools
	$(CARGO) build $(PROFILE_FLAG) -p adit -p adit-devnet

parts: ## install or check what demo and devnet need
	@scripts/parts.sh run

parts-test: ## the same for the tests: adds cargo-nextest and Postgres
	@scripts/parts.sh test

demo: parts build ## start everything, drive claims and payouts, print what the chains say
	@$(DEVNET) demo

devnet: parts build ## the same system, not driven; ready when target/devnet.json exists
	@$(DEVNET) up

devnet-restart-server: ## start the devnet's server again, on the same state
	@$(DEVNET) restart-server

bench: RELEASE = 1
bench: export USERS ?= 2000
bench: export BITCOIN ?= none
bench: parts build ## measure, and print the machine's facts beside the numbers
	@$(DEVNET) bench
	@$(CARGO) run --quiet --release -p adit-store-$(or $(STORE),sqlite) --example pace_$(or $(STORE),sqlite)

api-fuzz: override RELEASE =
api-fuzz: parts build ## hold the server against its OpenAPI document: SECONDS of it (120), from a SEED (printed)
	@scripts/api-fuzz.sh $(or $(SECONDS),120) $(SEED)

.PHONY: mutants
# Pinned, so that the same mutants are made everywhere.
MUTANTS_VERSION = 27.1.0
mutants: parts-test ## mutate the money modules of PACKAGES (core chain signer evm), run their tests against each
	@[ "$$(target/tools/bin/cargo-mutants mutants --version 2>/dev/null)" = "cargo-mutants $(MUTANTS_VERSION)" ] || \
	  $(CARGO) install cargo-mutants --version $(MUTANTS_VERSION) --locked --root target/tools
	@status=0; for package in $(or $(PACKAGES),core chain signer evm); do mkdir -p target/mutants/$$package; \
	  PATH="$(CURDIR)/target/tools/bin:$$PATH" $(CARGO) mutants --package adit-$$package --jobs 1 --output target/mutants/$$package || status=$$?; \
	done; exit $$status

.PHONY: fuzz fuzz-differential
fuzz: ## run every fuzz target, or TARGET alone, for SECONDS each (10)
	@scripts/fuzz.sh run $(or $(SECONDS),10) $(TARGET)

fuzz-differential: ## CASES (2000) of typed data and signatures against viem, from a SEED (printed)
	@scripts/fuzz.sh differential $(or $(CASES),2000) $(SEED)

chaos: export STORE := $(or $(STORE),both)
chaos: parts-test build ## disasters from a seed while 300 are paid on each CHAIN and store; the verdict is read from the chain
	@$(DEVNET) chaos

.PHONY: failover-drill
failover-drill: parts-test build ## lose commits, split the database and silence its host while people are paid; the verdict is read from chain and ledger
	@$(DEVNET) failover

.PHONY: restore-drill
restore-drill: export STORE := $(or $(STORE),both)
restore-drill: parts-test build ## bring back the database of before PAYOUTS payments (500), alone and with the journal, on each CHAIN and store
	@$(DEVNET) restore

.PHONY: sim sim-power sim-short
SIM = $(CARGO) run --quiet --release -p adit-sim --
sim: ## simulate SEEDS (1000) days FROM (1) in a world that fails, for SECONDS at most; STORY=n tells all that happened on one
	@$(SIM) $(if $(STORY),--story $(STORY),--seeds $(or $(SEEDS),1000) --from $(or $(FROM),1) $(if $(SECONDS),--seconds $(SECONDS)))

sim-power: ## plant each known mistake and count the seeds, at most SEEDS (120), until the simulator finds it; MISTAKE=Name plants one
	@$(CARGO) run --quiet --release -p adit-sim --features planted -- --power --seeds $(or $(SEEDS),120) $(if $(MISTAKE),--mistake $(MISTAKE))

sim-short:
	@$(SIM) --seeds 200

lint: documents deny widths ## documents, dependencies, formatting and clippy; warnings are errors
	$(CARGO) fmt --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

.PHONY: documents deny widths
documents: ## hold the documents against one sentence a line; FIX="FILE..." mends these
	@$(if $(FIX),node scripts/documents.mjs --fix $(FIX))
	@node scripts/documents.mjs --self-test
	@node scripts/documents.mjs

widths: ## hold the code against 100 columns
	@node scripts/widths.mjs --self-test
	@node scripts/widths.mjs

deny: ## hold every dependency against deny.toml; ADVISORIES=1 asks for known vulnerabilities as well
	@scripts/deny.sh

test: parts-test lint contracts-check ## everything: lint, contracts, all tests on real parts
	$(CARGO) build -p adit -p adit-devnet
	$(CARGO) nextest run --workspace
	@$(MAKE) --no-print-directory sim-short

.PHONY: image
image: ## build the container's image, start it once, and read compose.yaml; needs docker
	@scripts/image.sh

contracts: contracts/node_modules ## compile contracts/src to contracts/out
	@node contracts/build.mjs

contracts-check: contracts/node_modules ## reproduce the committed contracts byte for byte
	@node contracts/build.mjs --check

contracts/node_modules: contracts/package-lock.json
	@npm ci --prefix contracts --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
