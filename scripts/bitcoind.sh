#!/usr/bin/env bash
# Makes sure that there is a bitcoind: the one on the PATH, else Debian's bitcoin-knots, unpacked into the user's cache and run with the
# libraries and the loader unpacked beside it. The system stays as it is, and nobody has to be root. Quick when it is there.
#
# Where none can be had, one line says why and the exit status is 0 all the same: everything but Bitcoin works without it.
set -euo pipefail

# bitcoin-knots is in the backports of this suite, its libraries are in the suite itself.
SUITE=trixie
PACKAGES=(bitcoin-knots libc6 libgcc-s1 libstdc++6 libevent-core-2.1-7t64 libevent-extra-2.1-7t64 libevent-pthreads-2.1-7t64
  libsqlite3-0 libzmq5 libnorm1t64 libpgm-5.3-0t64 libsodium23 libbsd0 libmd0 libgssapi-krb5-2 libkrb5-3 libkrb5support0 libk5crypto3
  libcom-err2 libkeyutils1 libssl3t64 zlib1g libzstd1 libsystemd0 libcap2)
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf 'parts: %s\n' "$*" >&2; }

give_up() {
  say "no bitcoind: $*. What needs Bitcoin is left out; to have it, put a bitcoind (28 or newer) on the PATH"
  exit 0
}

cache() { # the folder that crates/devnet/src/parts.rs looks in
  if [ -n "${ADIT_PARTS_DIR:-}" ]; then echo "$ADIT_PARTS_DIR"
  elif [ -n "${XDG_CACHE_HOME:-}" ]; then echo "$XDG_CACHE_HOME/adit/parts"
  elif [ -n "${HOME:-}" ]; then echo "$HOME/.cache/adit/parts"
  else echo "$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/target/parts"; fi
}

mirror() { # where this machine's apt gets Debian itself from
  apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "Debian" && $2 == "Debian" { print $3; exit }'
}

isolate() { # isolate <folder> <mirror>: an apt of its own that shares only this machine's settings and keys
  local folder=$1 signed_by=''
  [ ! -e "$KEYRING" ] || signed_by="[signed-by=$KEYRING] "
  mkdir -p "$folder"/{lists/partial,archives/partial}
  : >"$folder/status"
  printf "deb $signed_by$2 %s main\n" "$SUITE" "$SUITE-backports" >"$folder/sources.list"
  # Hooks of the machine's own updates have no business here.
  cat >"$folder/apt.conf" <<CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Sandbox::User "$(id -un)";
APT::Default-Release "$SUITE-backports";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "2";
Dir::State "$folder";
Dir::State::Lists "$folder/lists";
Dir::State::Status "$folder/status";
Dir::Cache "$folder";
Dir::Cache::Archives "$folder/archives";
Dir::Etc::SourceList "$folder/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
CONF
}

fetch() { # fetch <folder>: downloads and unpacks; <folder>/tree is a small system then
  local folder=$1 package
  apt-get -c "$folder/apt.conf" -qq update || return
  (cd "$folder/archives" && apt-get -c "$folder/apt.conf" -qq download "${PACKAGES[@]}") || return
  for package in "$folder"/archives/*.deb; do dpkg-deb -x "$package" "$folder/tree" || return; done
}

write_launcher() { # write_launcher <file>: bitcoind under the tree's own loader, in the same process
  cat >"$1" <<'LAUNCHER'
#!/bin/sh
tree=$(dirname "$0")/tree/usr
for loader in "$tree"/lib/*/ld-linux-*.so.*; do :; done
exec "$loader" --library-path "$(dirname "$loader")" --argv0 bitcoind "$tree/bin/bitcoind" "$@"
LAUNCHER
  chmod +x "$1"
}

! command -v bitcoind >/dev/null || exit 0
home="$(cache)/bitcoin-knots-$SUITE"
[ ! -x "$home/bitcoind" ] || exit 0

for program in apt-get dpkg-deb; do
  command -v "$program" >/dev/null || give_up "it is not on the PATH, and without $program it cannot be fetched"
done
source=$(mirror 2>/dev/null) || true
[ -n "$source" ] || give_up "it is not on the PATH, and this machine's apt knows no mirror of Debian to fetch it from"

say "fetching bitcoind (Debian's bitcoin-knots) into $home, once"
mkdir -p "$(cache)"
staging=$(mktemp -d "$(cache)/.fetching-XXXXXX")
trap 'rm -rf "$staging"' EXIT
isolate "$staging" "$source"
fetch "$staging" >"$staging/log" 2>&1 || give_up "it could not be fetched: $(grep -m 1 '^E:' "$staging/log")"
mkdir "$staging/home"
mv "$staging/tree" "$staging/home/tree"
write_launcher "$staging/home/bitcoind"
"$staging/home/bitcoind" -version >"$staging/log" 2>&1 || give_up "it was fetched, but does not run here: $(tail -n 1 "$staging/log")"
# When somebody else was first, theirs is as good.
mv -T "$staging/home" "$home" 2>/dev/null || [ -x "$home/bitcoind" ]
