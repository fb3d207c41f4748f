#!/usr/bin/env bash
# Makes sure that every tool is there: installs what it may, names the rest with what to do. Quick when nothing is missing.
#
#   scripts/parts.sh run    what `make demo` and `make devnet` need
#   scripts/parts.sh test   what `make test` needs as well
#
# anvil is not here: the devnet installs it itself. bitcoind is in scripts/bitcoind.sh; without it the rest goes on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

purpose="${1:-run}"
case "$purpose" in
  run | test) ;;
  *) echo "parts: unknown purpose \"$purpose\"; allowed: run, test" >&2; exit 2 ;;
esac

rust_wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
node_wanted=20
missing=()

say() { printf 'parts: %s\n' "$*" >&2; }

need() { # need <program> <what to do about it>
  command -v "$1" >/dev/null || missing+=("$1: $2")
}

older() { # older <version> <wanted>: true when the first is the smaller
  [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

apt_install() { # apt_install <package>...
  say "installing $* with apt-get"
  apt-get install --yes --no-install-recommends "$@" >/dev/null 2>&1 ||
    { apt-get update >/dev/null && apt-get install --yes --no-install-recommends "$@" >/dev/null; }
}

has_postgres() {
  command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

need cargo "install Rust $rust_wanted or newer (rustup.rs)"
need node "install Node $node_wanted or newer"
need npm "install npm, which comes with Node"
need cc "install a C compiler: apt-get install build-essential"

if command -v rustc >/dev/null; then
  rust_found=$(rustc --version | awk '{print $2}')
  older "$rust_found" "$rust_wanted" && missing+=("rustc: found $rust_found, needs $rust_wanted or newer: rustup update stable")
fi
if command -v node >/dev/null; then
  node_found=$(node --version | tr -d v)
  older "$node_found" "$node_wanted" && missing+=("node: found $node_found, needs $node_wanted or newer")
fi

needs_postgres() {
  [ "$purpose" = test ] || [ "${STORE:-sqlite}" = postgres ]
}

if needs_postgres && ! has_postgres; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # Debian would start a cluster of its own on installation; the devnet starts one per run.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    apt_install postgresql || missing+=("postgres: apt-get failed; install PostgreSQL 15 or newer by hand")
  else
    missing+=("postgres: no initdb found; as root: apt-get install postgresql")
  fi
fi

if [ "$purpose" = test ]; then
  cargo fmt --version >/dev/null 2>&1 || missing+=("rustfmt: rustup component add rustfmt")
  cargo clippy --version >/dev/null 2>&1 || missing+=("clippy: rustup component add clippy")
fi

if [ ${#missing[@]} -gt 0 ]; then
  say "cannot go on without:"
  printf '  %s\n' "${missing[@]}" >&2
  exit 1
fi

scripts/bitcoind.sh

if [ "$purpose" = test ] && ! cargo nextest --version >/dev/null 2>&1; then
  say "installing cargo-nextest, once (some minutes)"
  cargo install cargo-nextest --locked
fi
