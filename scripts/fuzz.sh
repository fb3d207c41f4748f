#!/usr/bin/env bash
# Runs the fuzz targets of fuzz/ with the stable toolchain, for a bounded time each.
#
#   scripts/fuzz.sh run [SECONDS] [TARGET...]      every target, or those named, for so many seconds each (10)
#   scripts/fuzz.sh replay TARGET FILE             one input again, with its story
#   scripts/fuzz.sh minimise TARGET FILE           a smaller input that fails as well
#   scripts/fuzz.sh differential [CASES] [SEED]    typed data and signatures against viem, from a seed (2000)
#
# SANITIZER=address builds with AddressSanitizer (for the C of libsecp256k1; Adit's own code has no unsafe). What fuzzing learns stays
# in target/fuzz; fuzz/seeds is what every run starts from.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly cargo_fuzz_version=0.13.2
readonly seconds_default=10 seconds_max=86400 input_bytes_max=8192 memory_mib_max=2048 input_seconds_max=20
readonly sanitizer="${SANITIZER:-none}" work=target/fuzz
readonly host=$(rustc -vV 2>/dev/null | sed -n 's/^host: //p')
readonly binaries="$work/$host/release"

say() { printf 'fuzz: %s\n' "$*" >&2; }

die() { say "$*"; exit 2; }

need() { # need <program> <what to do about it>
  command -v "$1" >/dev/null || die "$1 is missing; $2"
}

is_number() { # is_number <text> <least> <most>
  [[ "$1" =~ ^[0-9]{1,9}$ ]] && [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
}

targets() { sed -n 's/^path = "fuzz_targets\/\(.*\)\.rs"$/\1/p' fuzz/Cargo.toml; }

known() { targets | grep -qx "$1" || die "there is no target \"$1\"; allowed: $(targets | paste -sd ' ')"; }

tools() {
  need cargo "install Rust (rustup.rs)"
  need c++ "libFuzzer is built from C++: apt-get install build-essential"
  need node "the differential asks viem: install Node 20 or newer"
  need npm "install npm, which comes with Node"
  if ! "target/tools/bin/cargo-fuzz" --version 2>/dev/null | grep -qF " $cargo_fuzz_version"; then
    say "installing cargo-fuzz $cargo_fuzz_version into target/tools, once"
    cargo install cargo-fuzz --version "$cargo_fuzz_version" --locked --quiet --root target/tools
  fi
}

viem() {
  local folder=fuzz/differential
  [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ] && return
  npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error
  touch "$folder/node_modules/.package-lock.json"
}

build() { # build [target]
  # Coverage needs no unstable flag; a sanitizer does, and this variable gives stable compilers those.
  [ "$sanitizer" = none ] || export RUSTC_BOOTSTRAP=1
  PATH="$PWD/target/tools/bin:$PATH" cargo fuzz build --fuzz-dir fuzz --target-dir "$work" --sanitizer "$sanitizer" "$@"
}

# Folders that a target's corpus starts from.
seeds() { # seeds <target>
  echo "fuzz/seeds/$1"
  [ "$1" = config ] || return 0
  # The template and the examples are what people start from, too.
  mkdir -p "$work/settings"
  cp crates/adit/src/config/template.toml docs/examples/*.toml "$work/settings"
  echo "$work/settings"
}

fuzz_one() { # fuzz_one <target> <seconds>
  local target="$1" seconds="$2" corpus="$work/corpus/$1" found="$work/found/$1" log="$work/$1.log" dictionary="fuzz/$1.dict" status=0
  mkdir -p "$corpus" "$found"
  local flags=(-max_total_time="$seconds" -max_len="$input_bytes_max" -timeout="$input_seconds_max" -rss_limit_mb="$memory_mib_max")
  flags+=(-artifact_prefix="$found/" -print_final_stats=1)
  [ -f "$dictionary" ] && flags+=(-dict="$dictionary")
  readarray -t starts < <(seeds "$target")
  "$binaries/$target" "${flags[@]}" "$corpus" "${starts[@]}" >"$log" 2>&1 || status=$?
  report "$target" "$log" "$status"
}

report() { # report <target> <log> <status>
  local runs rate edges input
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$2")
  rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$2")
  edges=$(grep -o 'cov: [0-9]*' "$2" | tail -n 1 | cut -d ' ' -f 2)
  printf '%-14s %12s runs %9s runs/s %8s edges' "$1" "${runs:-?}" "${rate:-?}" "${edges:-?}"
  [ "$3" = 0 ] && { printf '  fine\n'; return; }
  input=$(sed -n 's/.*Test unit written to //p' "$2" | tail -n 1)
  printf '  FAILED\n'
  grep -aE '^thread |panicked at|assertion|ERROR: libFuzzer|left:|right:' "$2" | head -n 6 >&2 || true
  say "all of it: $2"
  say "again: scripts/fuzz.sh replay $1 ${input:-FILE}"
  return 1
}

run() { # run [seconds] [target...]
  local seconds="${1:-$seconds_default}" failed=0 chosen target
  is_number "$seconds" 1 "$seconds_max" || die "\"$seconds\" is no time; allowed are 1 to $seconds_max seconds"
  shift $(($# > 0 ? 1 : 0))
  chosen=("$@")
  [ $# -gt 0 ] || readarray -t chosen < <(targets)
  for target in "${chosen[@]}"; do known "$target"; done
  tools
  viem
  if [ $# -eq 1 ]; then build "$1"; else build; fi
  for target in "${chosen[@]}"; do fuzz_one "$target" "$seconds" || failed=$((failed + 1)); done
  [ "$failed" = 0 ] || { say "$failed of ${#chosen[@]} targets failed"; return 1; }
}

again() { # again <target> <file> [flag...]
  [ $# -ge 2 ] && [ -f "$2" ] || die "name a target and a file: scripts/fuzz.sh replay amount target/fuzz/found/amount/crash-…"
  known "$1"
  tools
  viem
  build "$1"
  local target="$1" file="$2"
  shift 2
  RUST_BACKTRACE=1 "$binaries/$target" "$@" "$file"
}

differential() { # differential [cases] [seed]
  need cargo "install Rust (rustup.rs)"
  need node "the differential asks viem: install Node 20 or newer"
  need npm "install npm, which comes with Node"
  viem
  cargo run --quiet --manifest-path fuzz/Cargo.toml --target-dir target/differential -p adit-differential -- "$@"
}

command="${1:-run}"
shift $(($# > 0 ? 1 : 0))
case "$command" in
  run) run "$@" ;;
  replay) again "$@" ;;
  minimise) again "$@" -minimize_crash=1 -runs=100000 -exact_artifact_path="$work/found/minimised" ;;
  differential) differential "$@" ;;
  *) die "unknown command \"$command\"; allowed: run, replay, minimise, differential" ;;
esac
