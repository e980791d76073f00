import json
import urllib.request

from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.core import Core

SANDBOX = "http://127.0.0.1:3080"
Core._gate_way = property(lambda core: SANDBOX, lambda core, address: None)


def get(path):
    with urllib.request.urlopen(SANDBOX + path) as answer:
        return answer.read().decode()


identity = json.loads(get("/control/identity"))
wxpay = WeChatPay(
    wechatpay_type=WeChatPayType.NATIVE,
    mchid=identity["mch_id"],
    appid=identity["appid"],
    private_key=get("/keys/apiclient_key.pem"),
    cert_serial_no=identity["serial"],
    apiv3_key=identity["apiv3_key"],
    public_key=get("/keys/pub_key.pem"),
    public_key_id=identity["public_key_id"],
    notify_url="http://127.0.0.1:8000/notify",
)
print(wxpay.pay(description="book", out_trade_no="PYTHON-0001", amount={"total": 1}))
