#!/usr/bin/env bash
# Holds a running devnet against its own OpenAPI document: no 5xx, no answer that the document does not describe.
#
#   scripts/api-fuzz.sh [seconds] [seed]
#
# The tools live in target/tools/api-fuzz, at the versions of scripts/api-fuzz/requirements.txt; the rest is scripts/api-fuzz/run.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=target/tools/api-fuzz
wanted=scripts/api-fuzz/requirements.txt

if ! cmp --silent "$wanted" "$tools/installed.txt"; then
  command -v python3 >/dev/null || { echo 'api-fuzz: python3 is missing; install Python 3.11 or newer (apt-get install python3 python3-venv)' >&2; exit 1; }
  echo "api-fuzz: installing schemathesis into $tools, once" >&2
  rm -rf "$tools"
  python3 -m venv "$tools" || { echo 'api-fuzz: python3 cannot make a venv: apt-get install python3-venv' >&2; exit 1; }
  "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
  cp "$wanted" "$tools/installed.txt"
fi

export PYTHONDONTWRITEBYTECODE=1 # no __pycache__ among the sources
exec "$tools/bin/python" scripts/api-fuzz/run.py "$@"
