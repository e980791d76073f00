// standardwebhooks verifies deliveries that a server has made: DELIVERIES is JSON, see ../python/judge_webhooks.py.
import { Webhook } from "standardwebhooks";

const check = (name, good, seen) => {
    if (!good) {
        console.log(`not ok ${name}: ${JSON.stringify(seen)}`);
        process.exit(1);
    }
    console.log(`ok ${name}`);
};

const takes = (secret, body, headers) => {
    try {
        new Webhook(secret).verify(body, headers);
        return true;
    } catch {
        return false;
    }
};

JSON.parse(process.env.DELIVERIES).forEach(({ secrets, others, headers, body }, number) => {
    for (const secret of secrets) {
        check(`verified ${number}`, takes(secret, body, headers), headers);
        check("changed byte", !takes(secret, body.replace("test.ping", "test.pinh"), headers), body);
        check("another id", !takes(secret, body, { ...headers, "webhook-id": "evt_other" }), headers);
        const old = { ...headers, "webhook-timestamp": String(Math.floor(Date.now() / 1000) - 301) };
        check("old stamp", !takes(secret, body, old), old);
    }
    for (const secret of others) check("another secret", !takes(secret, body, headers), headers);
});
