"""Starts a devnet, runs schemathesis once for each role over the document that it serves, and says what was covered.

    run.py [seconds] [seed]

Ends with 0 only if no role met a failure and each of them asked every operation of the document.
"""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict

import requests

from devnet import ROOT, running
from stock import CALL_SECONDS_MAX, call, stock

HERE = pathlib.Path(__file__).resolve().parent
OUT = ROOT / "target/api-fuzz"
SECONDS_DEFAULT = 120
SECONDS_MIN = 50
SEED_MAX = 2**32
# Schemathesis looks at its clock between cases; what it prints after its time is up takes the rest.
GRACE_SECONDS = 120
# Who asks, and what part of the time is his.
SHARES = {"admin": 0.25, "service": 0.2, "user": 0.2, "nobody": 0.175, "wrong": 0.175}


def main() -> int:
    seconds = int(sys.argv[1]) if sys.argv[1:] else SECONDS_DEFAULT
    seed = int(sys.argv[2]) if sys.argv[2:] else random.randrange(SEED_MAX)
    if seconds < SECONDS_MIN:
        raise SystemExit(f"api-fuzz: SECONDS is {seconds}; allowed is {SECONDS_MIN} or more, so that each role has its turn.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    OUT.mkdir(parents=True, exist_ok=True)
    print(f"api-fuzz: seed {seed}, {seconds} seconds; again: make api-fuzz SECONDS={seconds} SEED={seed}", flush=True)
    with running(OUT / "devnet.log") as devnet:
        document = requests.get(devnet["api"] + "/api/openapi.json", timeout=CALL_SECONDS_MAX).json()
        known = stock(devnet)
        tokens = credentials(devnet)
        reports = {role: fuzz(role, token, known, seconds, seed) for role, token in tokens.items()}
        healthy = requests.get(devnet["api"] + "/readyz", timeout=CALL_SECONDS_MAX).json()
    return tell(document, reports, healthy, seconds, seed)


def credentials(devnet: dict) -> dict[str, str | None]:
    service = call(devnet, "POST", "/api/admin/users/fuzz/keys", devnet["adminToken"], {"role": "service", "label": "api-fuzz"})
    return {
        "admin": devnet["adminToken"],
        "service": service["token"],
        "user": devnet["users"][0]["token"],
        "nobody": None,
        "wrong": "adit_" + "0" * 64,
    }


def fuzz(role: str, token: str | None, known: dict, seconds: int, seed: int) -> dict:
    """One run of schemathesis; what it prints goes to a file, and its failures to the terminal too."""
    report, answers, text = (OUT / f"{role}.{ending}" for ending in ("json", "answers.json", "txt"))
    for old in (report, answers):
        old.unlink(missing_ok=True)
    command = [pathlib.Path(sys.executable).parent / "schemathesis", "--config-file", HERE / "schemathesis.toml", "run", known["api"] + "/api/openapi.json"]
    command += ["--seed", str(seed), "--max-time", str(round(seconds * SHARES[role])), "--no-color", "--report", "json", "--report-json-path", report]
    command += ["--header", f"Authorization: Bearer {token}"] if token else ["--exclude-checks", "ignored_auth"]
    environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"ADIT_FUZZ_ROLE": role, "ADIT_FUZZ_KNOWN": json.dumps(known), "ADIT_FUZZ_ANSWERS": str(answers)}
    began = time.time()
    with text.open("w", encoding="utf-8") as file:
        ended = subprocess.run(command, env=environment, stdout=file, stderr=subprocess.STDOUT, cwd=OUT, timeout=seconds + GRACE_SECONDS, check=False)
    if ended.returncode != 0:
        print(text.read_text(encoding="utf-8"), flush=True)
    read = lambda path: json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found = {"exit": ended.returncode, "seconds": time.time() - began, "report": read(report), "answers": read(answers)}
    cases = found["report"].get("test_cases", {})
    asked = sum(sum(statuses.values()) for statuses in found["answers"].values())
    print(f"api-fuzz: {role:8} {len(found['answers']):3} operations, {cases.get('generated', 0):6} cases, {asked:6} requests, "
          f"{cases.get('unique_failures', '?'):>3} failures, {found['seconds']:4.0f} s", flush=True)
    return found


def tell(document: dict, reports: dict, healthy: dict, seconds: int, seed: int) -> int:
    operations = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    together: dict[str, Counter] = defaultdict(Counter)
    for found in reports.values():
        for operation, statuses in found["answers"].items():
            together[operation].update(statuses)
    print("\nAnswers by operation, all roles together:")
    for operation in sorted(operations):
        said = ", ".join(f"{status} x {count}" for status, count in sorted(together[operation].items()))
        print(f"  {operation:55} {said or 'never asked'}")
    bad = [role for role, found in reports.items() if found["exit"] != 0]
    # A busy machine spends the time on preparation: what was not asked was not checked.
    hurried = {role: sorted(operations - set(found["answers"])) for role, found in reports.items()}
    problems = [f"failures as {', '.join(bad)}; see target/api-fuzz"] if bad else []
    problems += [f"as {role}, {len(never)} operations were never asked ({never[0]}, ...): give more SECONDS" for role, never in hurried.items() if never]
    problems += [f"afterwards the server is {healthy['status']}"] if healthy["status"] != "ready" else []
    cases = sum(found["report"].get("test_cases", {}).get("generated", 0) for found in reports.values())
    print(f"\napi-fuzz: {len(operations & set(together))} of {len(operations)} operations, {cases} cases; afterwards the server is {healthy['status']}")
    print("api-fuzz: GET /api/live is asked over plain HTTP only: its WebSocket conversation cannot be driven this way (crates/api/tests/http/live.rs does)")
    for problem in problems:
        print(f"api-fuzz: FAILED: {problem}")
    print(f"api-fuzz: again: make api-fuzz SECONDS={seconds} SEED={seed}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
