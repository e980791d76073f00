"""wechatpy, a client of 公众号 and API v2, signs a visitor in, asks for tokens and pays a page's order: see ../run.sh."""

import json
import os
import urllib.request
from urllib.parse import parse_qs, urlsplit

import requests
from wechatpy import WeChatClient, WeChatOAuth
from wechatpy.exceptions import WeChatClientException, WeChatOAuthException
from wechatpy.pay import WeChatPay

SANDBOX, BROWSER = os.environ["SANDBOX"], os.environ["BROWSER"]
APPID, SECRET = "wxd930ea5d5a258f4f", os.environ["APP_SECRET"]
WECHAT = {"User-Agent": "Mozilla/5.0 (iPhone) MicroMessenger/8.0.50"}


def check(name, good, seen):
    if not good:
        raise SystemExit(f"not ok {name}: {seen}")
    print(f"ok {name}", flush=True)


def errcode(call, kind):
    try:
        return call()
    except kind as error:
        return error.errcode


# The addresses of WeChat are constants of its classes.
WeChatOAuth.API_BASE_URL = f"{SANDBOX}/"
WeChatOAuth.OAUTH_BASE_URL = f"{SANDBOX}/connect/"
WeChatPay.API_BASE_URL = f"{SANDBOX}/"

oauth = WeChatOAuth(APPID, SECRET, "http://127.0.0.1:3000/wx/back?a=1", state="s1")
sent = requests.get(oauth.authorize_url, headers=WECHAT, allow_redirects=False)
back = parse_qs(urlsplit(sent.headers["Location"]).query)
check("authorize_url", back["a"] == ["1"] and back["state"] == ["s1"], sent.headers)
code = back["code"][0]
stranger = WeChatOAuth(APPID, "0" * 32, "http://127.0.0.1:3000/")
check("wrong secret", errcode(lambda: stranger.fetch_access_token(code), WeChatOAuthException) == 40125, code)
openid = oauth.fetch_access_token(code)["openid"]
check("fetch_access_token", openid == "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", openid)
check("code used", errcode(lambda: oauth.fetch_access_token(code), WeChatOAuthException) == 40163, code)
check("invalid code", errcode(lambda: oauth.fetch_access_token("1"), WeChatOAuthException) == 40029, code)


class Client(WeChatClient):
    def fetch_access_token(self):
        params = {"grant_type": "client_credential", "appid": self.appid, "secret": self.secret}
        return self._fetch_access_token(url=f"{SANDBOX}/cgi-bin/token", params=params)


client = Client(APPID, SECRET)
token = client.access_token
works = requests.get(f"{SANDBOX}/__check", params={"access_token": token}).json()
check("access_token", works["errcode"] == 0, works)
check("access_token kept", client.access_token == token, client.access_token)
refused = errcode(lambda: Client(APPID, "0" * 32).access_token, WeChatClientException)
check("access_token of a stranger", refused == 40125, refused)

pay = WeChatPay(APPID, "192006250b4c09247ec02edce69f6a2d", "10000100")
order = {"body": "示例书店-图书", "total_fee": 1990, "notify_url": os.environ["NOTIFY_URL"], "client_ip": "203.0.113.7"}
placed = pay.order.create("JSAPI", user_id=openid, out_trade_no="WP-JSAPI", **order)
params = pay.jsapi.get_jsapi_params(placed["prepay_id"])


def bridge(path, body):
    """What the script in WeChat's browser asks."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{BROWSER}/__weixin/{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


sheet = bridge("pay", params)
check("jsapi sheet", sheet.get("amount") == "19.90", sheet)
check("jsapi paid", bridge("press", {"prepay_id": sheet["prepay_id"]}) == {"result": "ok"}, sheet)
found = pay.order.query(out_trade_no="WP-JSAPI")
check("jsapi query", (found["trade_state"], found["openid"], found["trade_type"]) == ("SUCCESS", openid, "JSAPI"), found)
