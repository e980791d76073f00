"""Sells and spends credit with Saoma: one file for Python 3.9 and later, without dependencies. Take what you need of it.

    SAOMA_URL=http://127.0.0.1:3000 SAOMA_KEY=saoma_… python3 saoma.py story lin
      (a key with sessions:write, recharges:write, spend:write and balances:read; lin needs 8.05 yuan)
    SAOMA_URL=… SAOMA_KEY=… python3 saoma.py call GET '/events?wait_s=25'
    SAOMA_WEBHOOK_SECRETS=whsec_… CREDITED=/var/lib/site/credited python3 saoma.py serve 8080
"""
import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

URL = os.environ.get("SAOMA_URL", "")
KEY = os.environ.get("SAOMA_KEY", "")
SECRETS = os.environ.get("SAOMA_WEBHOOK_SECRETS", "").split()
CREDITED = os.environ.get("CREDITED", ".")


class Refused(Exception):
    """What Saoma refused: `status`, and `problem` with `code`, `detail`, and `available` where a balance is too low."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')}")
        self.status, self.problem = status, problem


def parsed(text):
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def call(method, path, body=None):
    """One call. It is repeated while nobody knows what became of it, which is safe: whatever moves money has a `reference`,
    and the same reference is done once, however often it is asked for. Nobody knows after a time-out, and after a 5xx without
    JSON: that is not Saoma's but of a proxy before it, and the call may have got through."""
    headers = {"Authorization": f"Bearer {KEY}"}
    data = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps({name: value for name, value in body.items() if value is not None}).encode()
    # With wait_s the answer may take that much longer.
    waits = re.search(r"[?&]wait_s=(\d+)", path)
    seconds = 15 + int(waits[1] if waits else 0)
    for attempt in range(6):
        request = urllib.request.Request(f"{URL}/api/v1{path}", data, headers, method=method)
        wait = 0.2 * 2**attempt
        try:
            try:
                answer = urllib.request.urlopen(request, timeout=seconds)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                status, text = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            lost = error
        else:
            is_done = 200 <= status < 300
            read = {} if is_done and not text else parsed(text)  # 204 has no body
            if is_done and read is not None:
                return read
            lost = Refused(status, read or {"code": "not_json", "detail": text[:200].decode(errors="replace")})
            if status not in (429, 503) and (status < 500 or read is not None):
                raise lost
            after = answer.headers.get("Retry-After", "")
            wait = int(after) if after.isdigit() else wait
        if attempt == 5:
            raise lost
        time.sleep(wait)


def session_link(user, name=None):
    """An address to send the user to, who then sees his balance and tops up. Valid for ten minutes."""
    return call("POST", "/sessions", {"user": user, "name": name})["url"]


def recharge(user, total_fee, reference):
    """A recharge for a page of your own: draw `code_url` as a QR code. Amounts are fen."""
    return call("POST", "/recharges", {"user": user, "total_fee": total_fee, "reference": reference})


def debit(user, amount, reference, reason):
    """Takes from the balance. `Refused` with status 402 where too little is available: send the user to `session_link`."""
    return call("POST", "/debits", {"user": user, "amount": amount, "reference": reference, "reason": reason})


def reverse(taken, amount, reference, reason):
    """Gives a debit back, or a part of it."""
    body = {"amount": amount, "reference": reference, "reason": reason}
    return call("POST", f"/debits/{quote(taken['id'], safe='')}/reversals", body)


def balance(user):
    """What the user has: `balance`, what of it is `held`, and what is `available`."""
    return call("GET", f"/users/{quote(user, safe='')}")


def hold(user, amount, reference, reason):
    """Sets something aside before work whose price is not known yet."""
    return call("POST", "/holds", {"user": user, "amount": amount, "reference": reference, "reason": reason})


def capture(held, amount):
    """Takes what the work came to, and frees the rest of the hold."""
    return call("POST", f"/holds/{quote(held['id'], safe='')}/capture", {"amount": amount})


def release(held):
    """Frees the hold."""
    return call("POST", f"/holds/{quote(held['id'], safe='')}/void")


def verify(body, headers, secrets=SECRETS):
    """The event of a delivery. `body` is the raw body, byte for byte: parse it only after this. `ValueError` if it is not
    Saoma's, or older than five minutes. While a secret is rotated there are two of them."""
    name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not name or not stamp.isdigit() or abs(time.time() - int(stamp)) > 300:
        raise ValueError("no id, or another time")
    given = [part[3:] for part in headers.get("webhook-signature", "").split() if part.startswith("v1,")]
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        mac = hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
        right = base64.b64encode(mac).decode()
        if any(hmac.compare_digest(right.encode(), part.encode()) for part in given):
            return json.loads(body)
    raise ValueError("not signed with our secret")


def credit_once(paid):
    """For a site that keeps the balances itself (`balance_kept_by = "site"`). Where Saoma keeps them, the default, it has added
    the payment already: such a site adds nothing to a balance of its own, and the event only tells.

    Credits a recharge once. Here a file per number stands for it; in your program it is a row with `out_trade_no` as its
    key, written in the transaction that credits. The number decides, not the delivery: after a restore from a backup the same
    payment may come in a new delivery."""
    try:
        with open(os.path.join(CREDITED, paid["out_trade_no"]), "x") as file:
            file.write(f"{paid['user']} {paid['credited']}\n")
            file.flush()
            os.fsync(file.fileno())
        return True
    except FileExistsError:
        return False


class Hooks(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            event = verify(body, self.headers)
        except ValueError as error:
            return self.answer(401, str(error))
        # 2xx says that it is stored. Whatever else is answered, it comes again.
        # A late payment that goes back has nothing credited; if it is credited after all, the event comes again.
        paid = event["data"].get("recharge", {})
        is_paid = event["type"] in ("recharge.paid", "recharge.paid_late") and paid["credited"] > 0
        return self.answer(200, "credited" if is_paid and credit_once(paid) else "nothing to do")

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


def story(user):
    def told(step, value):
        print(json.dumps({"step": step, "value": value}))

    run = str(time.time_ns())
    told("link", session_link(user))
    told("code_url", recharge(user, 1000, f"order-{run}")["code_url"])
    first = debit(user, 300, f"vip-{run}", "VIP 30 days")
    told("debit", first)
    told("again", debit(user, 300, f"vip-{run}", "VIP 30 days")["id"] == first["id"])
    told("captured", capture(hold(user, 500, f"job-{run}", "translation"), 312))
    release(hold(user, 5, f"job-{run}-b", "translation"))
    told("reversed", reverse(first, 100, f"vip-{run}", "10 days less"))
    told("available", balance(user)["available"])
    try:
        debit(user, 100_000_000_000, f"vip-{run}-b", "VIP for ever")
    except Refused as refused:
        told("too much", refused.status)


if __name__ == "__main__" and sys.argv[1:2] == ["serve"]:
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Hooks).serve_forever()
elif __name__ == "__main__" and sys.argv[1:2] == ["call"]:
    print(json.dumps(call(sys.argv[2], sys.argv[3])))
elif __name__ == "__main__" and sys.argv[1:2] == ["story"]:
    story(sys.argv[2])
