"""standardwebhooks verifies deliveries that a server has made: DELIVERIES is JSON, a list of what a receiver got, each with
`secrets` (those that must verify it), `others` (those that must not), `headers` and `body`. See ../run.sh."""

import json
import os
import time

from standardwebhooks import Webhook, WebhookVerificationError


def check(name, good, seen):
    if not good:
        raise SystemExit(f"not ok {name}: {seen}")
    print(f"ok {name}", flush=True)


def takes(secret, body, headers):
    try:
        Webhook(secret).verify(body, headers)
        return True
    except WebhookVerificationError:
        return False


for number, delivery in enumerate(json.loads(os.environ["DELIVERIES"])):
    body, headers = delivery["body"], delivery["headers"]
    for secret in delivery["secrets"]:
        check(f"verified {number}", takes(secret, body, headers), headers)
        check("changed byte", not takes(secret, body.replace("test.ping", "test.pinh"), headers), body)
        check("another id", not takes(secret, body, {**headers, "webhook-id": "evt_other"}), headers)
        old = {**headers, "webhook-timestamp": str(int(time.time()) - 301)}
        check("old stamp", not takes(secret, body, old), old)
    for secret in delivery["others"]:
        check("another secret", not takes(secret, body, headers), headers)
