"""What schemathesis does not know by itself: names that exist, what each role may do, and how to keep the system open.

Everything here hangs on the case alone, never on a random number of its own, so that a seed says what a run does.
"""

import json
import os
import zlib
from collections import Counter, defaultdict

import requests
import schemathesis

ROLE = os.environ["ADIT_FUZZ_ROLE"]
KNOWN = json.loads(os.environ["ADIT_FUZZ_KNOWN"])
ADMIN = {"Authorization": f"Bearer {KNOWN['adminToken']}"}
OPEN = {"/healthz", "/readyz"}
ADMIN_ONLY = {
    "/api/admin/withdrawals/{id}/approve",
    "/api/admin/withdrawals/{id}/inspect",
    "/api/admin/withdrawals/{id}/match",
    "/api/admin/lanes/{chain}/halt",
    "/api/admin/lanes/{chain}/resume",
}
LIFT_SECONDS_MAX = 10
# What is put in place of generated values, by their names, in three of four valid cases.
REAL = {
    "userId": KNOWN["users"],
    "id": KNOWN["withdrawals"],
    "chain": ["devnet"],
    "asset": ["ETH", "ETH", "DG", "XP"],
    "book": ["main", "main", "xp"],
    "destination": KNOWN["wallets"],
    "walletAddress": KNOWN["wallets"],
    "address": KNOWN["wallets"],
    "amount": ["0.000001", "3000", "0.5", "1"],
}
# In bodies an id is one's own name for a credit.
OWN_IN_BODY = {"id"}
# Where a service has to say for whom.
NAMED = {"/api/withdrawals", "/api/token/withdraw"}

answers: dict[str, Counter] = defaultdict(Counter)


def real(part, draw, spared=()):
    """The same with names that exist, at any depth."""
    if isinstance(part, list):
        return [real(item, draw + place, spared) for place, item in enumerate(part)]
    if not isinstance(part, dict):
        return part
    known = {name: REAL[name][draw // 4 % len(REAL[name])] for name in part if name in REAL and name not in spared}
    return {name: known.get(name, real(value, draw, spared)) for name, value in part.items()}


def put(case, name, value):
    """Schemathesis judges anew whatever is assigned, and takes a body that was rightly left out for a wrong one."""
    if getattr(case, name) != value:
        setattr(case, name, value)


@schemathesis.hook
def map_case(context, case):
    # What is meant to be wrong stays wrong.
    if case.meta is None or case.meta.generation.mode.is_negative:
        return case
    draw = zlib.crc32(f"{case.operation.label}/{case.path_parameters}/{case.query}/{case.body!r}".encode())
    if draw % 4:
        put(case, "path_parameters", real(case.path_parameters, draw))
        put(case, "query", real(case.query, draw))
        put(case, "body", real(case.body, draw, OWN_IN_BODY))
        if ROLE in ("admin", "service") and case.path in NAMED and isinstance(case.body, dict):
            put(case, "body", {**case.body, "userId": REAL["userId"][draw // 4 % len(REAL["userId"])]})
    return case


@schemathesis.hook
def after_call(context, case, response):
    answers[case.operation.label][str(response.status_code)] += 1
    if response.status_code != 200 or case.method.upper() != "POST":
        return
    # A suspension or a halted lane would turn everything after it into the same refusal; each is lifted as soon as it was seen.
    if case.path == "/api/admin/suspensions":
        scope, _, name = response.json()["scope"].partition("/")
        query = {"scope": scope, **({"asset": name} if scope == "asset" else {"userId": name} if scope == "user" else {})}
        requests.delete(KNOWN["api"] + case.path, params=query, headers=ADMIN, timeout=LIFT_SECONDS_MAX).raise_for_status()
    if case.path == "/api/admin/lanes/{chain}/halt":
        requests.post(KNOWN["api"] + "/api/admin/lanes/devnet/resume", headers=ADMIN, timeout=LIFT_SECONDS_MAX).raise_for_status()


@schemathesis.check
def the_role_is_enforced(ctx, response, case):
    """Whoever has no right credential gets nothing; a user and a service get nothing that is not theirs."""
    # OPTIONS is answered before anybody is asked who he is: browsers send it without a credential, and it gives nothing.
    if response.status_code >= 300 or case.path in OPEN or response.request.method == "OPTIONS":
        return
    assert ROLE not in ("nobody", "wrong"), "something was given to nobody"
    assert ROLE != "user" or not case.path.startswith("/api/admin/"), "a user did what a service does"
    assert ROLE == "admin" or case.path not in ADMIN_ONLY, "somebody did what an admin does"


@schemathesis.hook
def after_load_schema(context, schema):
    import atexit

    atexit.register(write_answers)


def write_answers():
    with open(os.environ["ADIT_FUZZ_ANSWERS"], "w", encoding="utf-8") as file:
        json.dump(answers, file)
