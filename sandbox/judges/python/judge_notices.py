"""wechatpayv3 and wechatpy in WeChat's own place: each signs notices by its own helpers, with the keys that the sandbox
publishes, and posts them to the merchant's server at SERVER. Each pays the order of its name in ORDERS: see ../run.sh."""

import json
import os
import time
import urllib.error
import urllib.request
import uuid
from base64 import b64encode
from datetime import datetime, timedelta, timezone

import xmltodict
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from wechatpayv3.utils import aes_decrypt, load_private_key, rsa_sign
from wechatpy.pay.utils import calculate_signature, calculate_signature_hmac, dict_to_xml

SERVER, SANDBOX, KEYS = os.environ["SERVER"], os.environ["SANDBOX"], os.environ["WECHAT_KEYS"]
ORDERS = json.loads(os.environ["ORDERS"])
API_KEY = "192006250b4c09247ec02edce69f6a2d"
OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
BEIJING = timezone(timedelta(hours=8))


def check(name, good, seen):
    if not good:
        raise SystemExit(f"not ok {name}: {seen}")
    print(f"ok {name}", flush=True)


def post(path, body, headers):
    request = urllib.request.Request(SERVER + path, body.encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def payment():
    return "4200" + str(uuid.uuid4().int)[:24]


with urllib.request.urlopen(SANDBOX + "/control/identity") as answer:
    IDENTITY = json.load(answer)


def tells_by_v3(name, serial, key):
    """API v3: what is inside is sealed, which wechatpayv3 can only open, and the whole is signed."""
    now = datetime.now(BEIJING).isoformat(timespec="seconds")
    inside = {
        "mchid": IDENTITY["mch_id"],
        "appid": IDENTITY["appid"],
        "out_trade_no": ORDERS[name],
        "transaction_id": payment(),
        "trade_type": "NATIVE",
        "trade_state": "SUCCESS",
        "bank_type": "OTHERS",
        "success_time": now,
        "payer": {"openid": OPENID},
        "amount": {"total": 1000, "payer_total": 1000, "currency": "CNY", "payer_currency": "CNY"},
    }
    nonce, aad, apiv3_key = uuid.uuid4().hex[:12], "transaction", IDENTITY["apiv3_key"]
    sealed = AESGCM(apiv3_key.encode()).encrypt(nonce.encode(), json.dumps(inside).encode(), aad.encode())
    ciphertext = b64encode(sealed).decode()
    opened = aes_decrypt(nonce, ciphertext, aad, apiv3_key)
    check(f"{name} opened", opened and json.loads(opened) == inside, opened)
    resource = {
        "original_type": "transaction",
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": ciphertext,
        "associated_data": aad,
        "nonce": nonce,
    }
    event = {"id": str(uuid.uuid4()), "create_time": now, "event_type": "TRANSACTION.SUCCESS", "summary": "支付成功"}
    body = json.dumps({**event, "resource_type": "encrypt-resource", "resource": resource}, ensure_ascii=False)
    at, signing_nonce = str(int(time.time())), uuid.uuid4().hex
    with open(os.path.join(KEYS, f"{key}.pem"), encoding="utf-8") as file:
        # Its first line is a warning that the key is published.
        pem = file.read().partition("\n")[2]
    signature = rsa_sign(load_private_key(pem), f"{at}\n{signing_nonce}\n{body}\n")
    headers = {
        "Content-Type": "application/json",
        "Wechatpay-Timestamp": at,
        "Wechatpay-Nonce": signing_nonce,
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature": signature,
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
    }
    changed = post("/wxpay/v3/notify", body + " ", headers)
    check(f"{name} changed", changed[0] == 401, changed)
    taken = post("/wxpay/v3/notify", body, headers)
    check(name, taken[0] == 204, taken)


def tells_by_v2(name, sign):
    """API v2: flat fields under a common secret."""
    fields = {
        "return_code": "SUCCESS",
        "result_code": "SUCCESS",
        "appid": IDENTITY["appid"],
        "mch_id": IDENTITY["mch_id"],
        "nonce_str": uuid.uuid4().hex,
        "openid": OPENID,
        "trade_type": "NATIVE",
        "bank_type": "OTHERS",
        "total_fee": "1000",
        "cash_fee": "1000",
        "transaction_id": payment(),
        "out_trade_no": ORDERS[name],
        "time_end": datetime.now(BEIJING).strftime("%Y%m%d%H%M%S"),
    }
    signature = sign(fields, API_KEY)
    for label, told, word in [(f"{name} changed", {**fields, "total_fee": "1"}, "FAIL"), (name, fields, "SUCCESS")]:
        answer = post("/wxpay/notify", dict_to_xml(told, signature), {"Content-Type": "text/xml"})
        check(label, xmltodict.parse(answer[1])["xml"]["return_code"] == word, answer)


tells_by_v3("wechatpayv3", IDENTITY["public_key_id"], "wechat")
newest = len(IDENTITY["platform_serials"])
tells_by_v3("wechatpayv3 certificate", IDENTITY["platform_serials"][newest - 1], f"platform_{newest}")
tells_by_v2("wechatpy MD5", calculate_signature)
tells_by_v2("wechatpy HMAC-SHA256", calculate_signature_hmac)
