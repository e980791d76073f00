"""wechatpayv3, a client of API v3, makes every call of a sandbox: see ../run.sh."""

import gzip
import hashlib
import json
import os
import time
import urllib.request
from datetime import datetime, timedelta, timezone

from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.core import Core

SANDBOX, KEYS = os.environ["SANDBOX"], os.environ["KEYS"]
OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
# Its address is a constant, which the constructor sets before it downloads certificates.
Core._gate_way = property(lambda core: SANDBOX, lambda core, address: None)


def control(path, body=None):
    """A call of the sandbox's test API."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(SANDBOX + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def key(name):
    with open(os.path.join(KEYS, name), encoding="utf-8") as file:
        return file.read()


IDENTITY = control("/control/identity")


class Judge:
    def __init__(self, mode):
        self.mode = mode
        by_key = {"public_key": key("pub_key.pem"), "public_key_id": IDENTITY["public_key_id"]}
        self.wxpay = WeChatPay(
            wechatpay_type=WeChatPayType.NATIVE,
            mchid=IDENTITY["mch_id"],
            private_key=key("apiclient_key.pem"),
            cert_serial_no=IDENTITY["serial"],
            appid=IDENTITY["appid"],
            apiv3_key=IDENTITY["apiv3_key"],
            notify_url=os.environ["NOTIFY_URL"],
            **(by_key if mode == "public_key" else {}),
        )

    def check(self, name, good, seen):
        if not good:
            raise SystemExit(f"not ok {self.mode} {name}: {seen}")
        print(f"ok {self.mode} {name}", flush=True)

    def number(self, name):
        return f"PY-{self.mode}-{name}"

    def place(self, name, pay_type, field, **more):
        expire = datetime.now(timezone(timedelta(hours=8))) + timedelta(hours=1)
        code, answer = self.wxpay.pay(
            description="示例书店-图书",
            out_trade_no=self.number(name),
            amount={"total": 1990, "currency": "CNY"},
            time_expire=expire.isoformat(timespec="seconds"),
            attach="cart=42",
            pay_type=pay_type,
            **more,
        )
        self.check(name, code == 200 and list(json.loads(answer)) == [field], answer)
        return json.loads(answer)[field]

    def notice(self, number, event):
        """Waits for the notice of an event, which goes out beside the call."""
        for _ in range(100):
            for record in control("/control/notices"):
                if record["out_trade_no"] == number and event in record["body"] and record["status"]:
                    return record
            time.sleep(0.1)
        raise SystemExit(f"not ok {self.mode}: no {event} of {number}")

    def run(self):
        code_url = self.place("native", WeChatPayType.NATIVE, "code_url")
        self.place("jsapi", WeChatPayType.JSAPI, "prepay_id", payer={"openid": OPENID})
        self.place("app", WeChatPayType.APP, "prepay_id", appid=IDENTITY["app_appid"])
        scene = {"payer_client_ip": "203.0.113.7", "h5_info": {"type": "Wap"}}
        self.place("h5", WeChatPayType.H5, "h5_url", scene_info=scene)

        number = self.number("native")
        paid = control("/control/pay", {"code_url": code_url})
        code, answer = self.wxpay.query(out_trade_no=number)
        order = json.loads(answer)
        self.check("query", code == 200 and order["trade_state"] == "SUCCESS" and order["amount"]["total"] == 1990, answer)
        code, answer = self.wxpay.query(transaction_id=paid["transaction_id"])
        self.check("query by id", code == 200 and json.loads(answer)["out_trade_no"] == number, answer)
        code, answer = self.wxpay.query(out_trade_no="NO-SUCH-ORDER")
        self.check("unknown order", code == 404 and json.loads(answer)["code"] == "ORDER_NOT_EXIST", answer)

        code, answer = self.wxpay.close(out_trade_no=self.number("jsapi"))
        self.check("close", code == 204, answer)
        code, answer = self.wxpay.query(out_trade_no=self.number("jsapi"))
        self.check("closed", json.loads(answer)["trade_state"] == "CLOSED", answer)

        refund_no = self.number("refund")
        amount = {"refund": 500, "total": 1990, "currency": "CNY"}
        code, answer = self.wxpay.refund(out_refund_no=refund_no, amount=amount, out_trade_no=number, reason="售完")
        self.check("refund", code == 200 and json.loads(answer)["out_refund_no"] == refund_no, answer)
        code, answer = self.wxpay.query_refund(out_refund_no=refund_no)
        self.check("refund query", code == 200 and json.loads(answer)["status"] == "SUCCESS", answer)

        for event, name in [("TRANSACTION.SUCCESS", "callback"), ("REFUND.SUCCESS", "refund callback")]:
            record = self.notice(number, event)
            told = self.wxpay.callback(record["headers"], record["body"])
            inside = told and told["resource"]
            good = told and told["event_type"] == event and inside["out_trade_no"] == number
            self.check(name, good and inside["transaction_id"] == paid["transaction_id"], record)
            changed = record["body"].replace(event, event.lower())
            self.check(f"{name} changed", self.wxpay.callback(record["headers"], changed) is None, changed)

        day = os.environ["BILL_DATE"]
        for name, call, first in [
            ("trade bill", self.wxpay.trade_bill, "交易时间,"),
            ("fund flow bill", self.wxpay.fundflow_bill, "记账时间,"),
        ]:
            code, answer = call(bill_date=day)
            self.check(name, code == 200, answer)
            answer = json.loads(answer)
            code, packed = self.wxpay.download_bill(answer["download_url"])
            text = gzip.decompress(packed) if code == 200 else b""
            good = hashlib.sha1(text).hexdigest() == answer["hash_value"] and text.decode().startswith(first)
            self.check(f"{name} file", good, text)


for mode in ["public_key", "certificates"]:
    Judge(mode).run()
