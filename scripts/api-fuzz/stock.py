"""Something to find: claims and withdrawals of several players, so that lists are not empty and ids exist."""

import requests
from eth_account import Account

PLAYERS = 4
STRANGERS = 4
CALL_SECONDS_MAX = 30


def stock(devnet: dict) -> dict:
    """What the hooks put in place of generated values."""
    members = [user for user in devnet["users"] if user["member"]][:PLAYERS]
    withdrawals = [id for member in members for id in (claim(devnet, member), withdraw(devnet, member))]
    return {
        "api": devnet["api"],
        "adminToken": devnet["adminToken"],
        "users": [member["id"] for member in members],
        "wallets": [member["wallet"] for member in members] + strangers(),
        "withdrawals": withdrawals,
    }


def strangers() -> list[str]:
    """Wallets that are nobody's yet."""
    return [Account.from_key(number.to_bytes(32)).address for number in range(1, 1 + STRANGERS)]


def call(devnet: dict, method: str, path: str, token: str, body: dict | None = None) -> dict:
    headers = {"Authorization": f"Bearer {token}", "Prefer": "wait=0"}
    answer = requests.request(method, devnet["api"] + path, json=body, headers=headers, timeout=CALL_SECONDS_MAX)
    if not answer.ok:
        raise SystemExit(f"api-fuzz: {method} {path} answered {answer.status_code}: {answer.text}")
    return answer.json()


def claim(devnet: dict, member: dict) -> str:
    """A signed claim that is paid; the signature comes from another implementation than the server's."""
    terms = call(devnet, "GET", "/api/token/withdraw/nonce", member["token"])
    amount = 3000
    message = {"user": member["wallet"], "amount": amount * 10**18, "nonce": terms["nonce"], "deadline": terms["deadline"]}
    types = {name: fields for name, fields in terms["types"].items() if name != "EIP712Domain"}
    signed = Account.sign_typed_data(member["privateKey"], terms["domain"], types, message)
    body = {
        "walletAddress": member["wallet"],
        "amount": str(amount),
        "signature": "0x" + signed.signature.hex().removeprefix("0x"),
        "nonce": terms["nonce"],
        "deadline": terms["deadline"],
    }
    return call(devnet, "POST", "/api/token/withdraw", member["token"], body)["withdrawalId"]


def withdraw(devnet: dict, member: dict) -> str:
    credit = {"id": f"fuzz-{member['id']}", "userId": member["id"], "book": "main", "asset": "ETH", "amount": "0.1"}
    call(devnet, "POST", "/api/admin/credits", devnet["adminToken"], credit)
    order = {"asset": "ETH", "book": "main", "amount": "0.0001", "destination": member["wallet"]}
    return call(devnet, "POST", "/api/withdrawals", member["token"], order)["id"]
