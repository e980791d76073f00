//! Keys, messages and signatures of API v3. The first ones are printed on WeChat's pages 签名与验签规则, 签名生成自测 and 如何验证签名;
//! the others were made by the same rules, with the key that is printed there and with a platform key for tests. All of
//! them are public: nothing real is signed with them.

/// The private key of the merchant with which WeChat lets people test their signing (签名生成自测): mchid 1900007291.
pub const MERCHANT_KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQCm2mb6q8gMKH/3
CNTbpJAIrbqiBiQGEOtjGcBrDYltsGynWgNscqT7WvfzU14FQbYcQUC5T4Wvva7m
i3fIp3OgX8VqMDNA0qebnr38Pe6kqiLyZgFpJPXlSKDyPyqhRbVTbXssvSMQeVKc
dXeVxoNNeoOlNFHgF/P0io6AmAVnz+hN8SiZKuOsth5/zUTLGvtkgxBcQooQrtXh
RcpLT798OyIb9xeJ2HO3xRtMv2+perEzb4gMibI74UBz+2QEbnkubPE+2jU2rRZu
dnNEz/BPOt3Qj/w2V6/G0VumGDh6+UeMU0jv4aupHztWITC4Akn0l7lBCNy3lgl8
VFaJnkIxAgMBAAECggEAYGL8aESB7NwciDWW2UdoWUsa7GxFtSdjAz2mFXGdeTsY
mVh7b9OOkRGM+Qio4LqEHDBp1mMk5E/cUJwy1zw8pGGO5nfvs7u9TT3XnHaefIs4
YvUgTYAneIuLRkXNN5rQU+CD7mVYczTSz0Vgjqo9wa1LjUz7G0xbBmJgTdMEFGJs
eJjy6AbJo0CGIwp6HJbTm4CmOUgXnnDAIbEGTIRImkZFH/rzneIeR7oZ77FVwxr1
CZB2gfRCov/yRPbw8vnryYkmvQ7D/ze3j5097vRg/MoDGBSdoOwcmo75vyofr0AS
zytMjmHYyifqkf5slPropSiJeGf4p/7gtKyF6dE/XQKBgQDVAlJ+4U5ZVGOuDc3+
sAhz8CTzgFNlq9vKuSoFK6hOz2L+cwj+E7NXGkOe2DsHHZNy2Xqxk7caKhPEp1z9
hhpMpyLVMoFt6CKemyoRBWDCQwLLwem9SZF/IAyovBkLiH36P42Jm26gUkNMKC/5
Zhtqxf6RZgRQzbVudJi47vIRCwKBgQDIh0+v27Oo+DM3fhObH4I1NrXpWOEGH7OQ
G1dEsMuFYF4hjGhg0kBEP3w9vVdl2+mRllZKTsx9oqjb8OibPLLIH8xsdbAB0WLf
JvjLu4wl/ILUzN1RI03dWnnv2EnEeQn6c3hizvrJ9wR5U4ue9RPVnQooJ0hZF1PU
uCL5fWK3MwKBgElReU/PAYbh80WP3t3Rfbdaa32dKBeQ5iCLR5lsA4zM+YgX1HqQ
EWTj126vgvHaDkyz6vWAoL/Sx+cirHFfXWIRDX5Q2hgYlQH+6qXdMgbrxeSYpHnQ
/tHBGFpkFELSAnrGsVMyOwvYBO4LzyeLK9i+ufcWJFoj1FVmsMLHDG8tAoGARdbi
iQQCoYG4DMarO2aQ6cmhN6EN1h0qY7EyBqlwaIZ0okiNfdMcMOjPc41DKCWcRmlO
qlihXcxN9TQFPzO3rH1urAOdBjUPs1qWYhZyrDQyuLyVBBJApyxAtajloDjrob+f
mQIvVDHk7ACN6xG+E7K6+9salnTKbJapD618uQMCgYBNy6XUvzLkP/A1U/UZdtcx
l8GwU/dturLxz4CyGbqDw4ubaYY2e13lnqHUqQgPtiSyH51nq3tdo8G0YAJdfkSv
KvnfslW91fyEBUKnkdW1o3/1UFU/wprZ7ixVL/F42A4xDu7OFE8EnweJOZ0jWceE
OdhCkaIGBCfRnlECRK8UyQ==
-----END PRIVATE KEY-----
";

/// Its public half.
pub const MERCHANT_PUBLIC_KEY: &str = "\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAptpm+qvIDCh/9wjU26SQ
CK26ogYkBhDrYxnAaw2JbbBsp1oDbHKk+1r381NeBUG2HEFAuU+Fr72u5ot3yKdz
oF/FajAzQNKnm569/D3upKoi8mYBaST15Uig8j8qoUW1U217LL0jEHlSnHV3lcaD
TXqDpTRR4Bfz9IqOgJgFZ8/oTfEomSrjrLYef81Eyxr7ZIMQXEKKEK7V4UXKS0+/
fDsiG/cXidhzt8UbTL9vqXqxM2+IDImyO+FAc/tkBG55LmzxPto1Nq0WbnZzRM/w
Tzrd0I/8NlevxtFbphg4evlHjFNI7+GrqR87ViEwuAJJ9Je5QQjct5YJfFRWiZ5C
MQIDAQAB
-----END PUBLIC KEY-----
";

/// GET of a refund, `LATER` and `NONCE` as everywhere on that page.
pub const GET_REFUND_SIGNATURE: &str = "Lc9VXxmeonkdV8Xk9tmigQFLhl0vRWTerdmoRu01aAnYwIrD/5nsSwE1WlmZGLRlAFTNQ3QsMa0+VRDlJp1Wp5p0nO8EK68b5sJBbjouxaFciIfq1zfDWWz+jqhcMoKXI1A6dPm1AW7D4d30WsMTNzp6g23OXakIsh9LO3lUmwvTuE0BY8ncf6tNGk4wKmvXwERd/ZpoQY3MAVKz+Nakwc+2XBmzT66KcUehU5kr4IvGa/lEU5RZb/q00zP9VLdBhC/jQSX3X1UcJLCtEc4gTmib4tnmAT+bHF/e17ZAuxDNcx6rqT8gNEXqaJGG+1OflMSTU2tpyG65G4dMKdFcoA==";

/// Its order.
pub const ORDER_JSAPI: &str = r#"{"appid":"wxd678efh567hg6787","mchid":"1900007291","description":"Image形象店-深圳腾大-QQ公仔","out_trade_no":"1217752501201407033233368018","notify_url":"https://www.weixin.qq.com/wxpay/pay.php","amount":{"total":100,"currency":"CNY"},"payer":{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}}"#;

/// The signature of POST `/v3/pay/transactions/jsapi` with it.
pub const ORDER_JSAPI_SIGNATURE: &str = "jnks4dlrPw3ZX+ozVvSK39oa0t7OMBsg83BHAwd8BRdUFiVaQNTLTvci+wURgP1OQBbKYhFGvt7iqYpDSTQkp7Uq1sltaQKyncCyrA1g88m5bsKERQfPyT0ahSwKTYJ1CAn9QiJuSJRq1QsQs07eehbU/k9BCS51jTyc1Jpsi2H77HF9f/BnjXAOP3/sPObg6V5Ee4EzwLox684hhuMuIwHo7D8KFk3LIHOKDcNI4It1aCXydFWNpNK+SG86VUDe5kwoDpw4Ulqfu9z8OFDGbDs9TCxEv8iqQzbpxOlEVoOe2kalSYM5kApQb3nZcxdUtoE0liJGW3RGUNE0t4v01A==";

/// What invokes the payment in JSAPI.
pub const JSAPI_PAY_SIGN: &str = "mI35pfNEQV6777ke/1T+LJLQDNTm7yeoUJH+j/adPGhmCCi0PbgkvYQTRcXH0uibcLVtvFLdGLpmoYO9FV6lBBsTAjuhh5YOvQi0e2g3e0yytitiNET9FEuqM0pjnKfRW4K6LIZDdbWJv9KhZUx3DrJa5TL7OJ7VdADVivxVySIlPVKjGwuCXzuXSJes0UcILgWQUMyha5/3nYofuHtS7r+KYyMuxD+oJ9VM1Qdxk4UIG59CP5Y3wtYIFybyF3bdu1caHTRRX+DLyMXyYA/IrTmiW01c4RPjpHBX5Dk1sZyY1zVsWNsvMHr2e1NTWtBxKJ+qk5N61J7caYoepHFaxw==";

/// What invokes the payment in an app.
pub const APP_PAY_SIGN: &str = "gXx9KhTP6IooKV1SuG3OCGlBIgZbKtubCZvnau6khw1iffvNT28IzLbKmztq2xA/RCNbZa1XOsoiuVmAEeTZQicWfhv4P+O4oBRIrx0X9f3cnWFkMBU9alTWs0nyQ1N9fcILOTe0f4kxOhVh+/Xhn5hOiUK7Sz3XA1mcpa3R2NCWf/e+0ow/RDf15iTymOHgDrEkT/gedg/3E0iXfDX3mFicSZhrHESZDOTXcl9RzELREBUFznd/o2NQM99WcL86m23HY0cTy+QGWU4QDmNrbQ9ihmLW71qPb0Cx/d7EQvw/Kyx0A6s64ZQp3hHdcmiRcLnjVXrKCk7LShaCK+lS3Q==";

/// The signature of an answer, from the page about checking them.
pub const ANSWER_SIGNATURE: &str = "mfI1CPqvBrgcXfgXMFjdNIhBf27ACE2YyeWsWV9ZI7T7RU0vHvbQpu9Z32ogzc+k8ZC5n3kz7h70eWKjgqNdKQF0eRp8mVKlmfzMLBVHbssB9jEZEDXThOX1XFqX7s7ymia1hoHQxQagPGzkdWxtlZPZ4ZPvr1RiqkgAu6Is8MZgXXrRoBKqjmSdrP1N7uxzJ/cjfSiis9FiLjuADoqmQ1P7p2N876YPAol7Rn0+GswwAwxldbdLrmVSjfytfSBJFqTMHn4itojgxSWWN1byuckQt8hSTEv/Lg97QoeGniYP17T80pJeQyL3b+295FPHSO2AtvCgyIbKMZ0BALilAA==";

/// The key that it was made with.
pub const ANSWER_KEY: &str = "\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwXNI6sdlknHBnK8Fu2U6
Cwor9qY747jP8KAfeBMeveEt1TqaHkLfaSD07trZLhGpfs8/AHqjhgSMO1O10YQW
OrrJ4hjIWPKqxbgrYMkBQc+mwdiWp4W3ByCqxBRagCveCXRWCmuJYovl9H/bsDI0
iGbpVtEOghJtfciisYSgxcLufUDTRkvwxjIBK1pCRjk33jJ5YTBWTHMRtMAOcFLN
F6hdEYdX8SPsgHHeLZ5Lv2T/686w1xtgCHef/sd4uSfWmyzsalQdHG/e4IyYmrhx
+O3VBoNDzE3nx23bFeV/RVNCG7cV6VhmYokJNHa/erIPkEmEFID6A5wQOXuxUkmJ
WwIDAQAB
-----END PUBLIC KEY-----
";

/// A query with encoded JSON.
pub const GET_QUERY: &str = "/v3/marketing/partnerships?limit=5&offset=10&authorized_data=%7B%22business_type%22%3A%22FAVOR_STOCK%22%2C%22stock_id%22%3A%222433405%22%7D&partner=%7B%22type%22%3A%22APPID%22%2C%22appid%22%3A%22wx4e1916a585d1f4e9%22%2C%22merchant_id%22%3A%222480029552%22%7D";

/// Its signature.
pub const GET_QUERY_SIGNATURE: &str = "bEdIZMin9b6Plz3kj3PC2RXndz/iLw3mJsAO0CaVYdyMf1HDMKFYnrpU+eWjU+px+4VQHYhT4wl4Ku7a8hqZDKqnaQ/33hWFNDUs754GDMZBgebLLBR9lwZi4iu5ZYr6IHUwN5aZFKhsFV/HnJNmOxNmssjurK+HZkNnmQt4DZ/LOxM/ir5S0M4FuzGy3m3ZP6hQPZpjRv+sy1IO15OeAml+G6ctljKYQqTyjKZNtJV6AoOAZfXK7/8EFnrt6b0ZKnOZMUc9JAJ70kSyMDEkyasPHZwQuXZwUTZ8FvA5UuU/PJwCTMSAPghb9HUUCwb+y/Fqw1z1vwDrkmTFaO2/FA==";

/// GET `/v3/certificates`, the oldest example, with this key in the place of the one that was never published.
pub const GET_CERTIFICATES_SIGNATURE: &str = "JNEITrKv8DWEtBJGZtxG9ARa+eIZDIn1Ht3MQM5j9jP77TtHdfCqLjpwevfWftBuaGMfEdiu2sWYtLvnZIoLW3FH10OVCBzKncid5xClTwav8JX+uDeGBBX8w64iHvFyuQj8ukZT+F1AFJii8hmXLD8Os90thnL0bfJYLo/4K237TH4dEd44NTH9ElFb/ykrvv9RBs+mCNpy5IUe2Qxhba3d3RiMqhWK2sSr3tsVzQihJ0TPMnjWqoU2W5Y/v3rBFDmLhqe0ZW6A4vyvjmiR0v/8XEI25Py4PNyZXszsdl4j0zLqelUJxGEMUBhYg1LIoDPjYMlA9HV1yKD6+JYZJA==";

/// A platform key, which also stands in `PLATFORM_CERTIFICATE`.
pub const PLATFORM_KEY: &str = "\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAunMsvnCVzTgwWXQDNmjI
EvOwyNXSqZbKVl9pFFQLxRJ7C2qCEHM4QEdY2YG0Foq47BGLSzr6v4xFxTIoV5/c
4kkXgXaWWkq2zqUw9/yQKyIWfsgsrlyATym6WTX7sMv00O5lQ2hmiJAlgElXw9zo
nkbDJJf+X+psLNuk/ni8S54y9TrzCAZMJHUeXZh31TCalFtzoigHc4FeLte9zsHS
WrhC177qbZlb0hS+nlfnoSJzNq5wRsmOq4EalZJMZjgR2BsT2qbW4zpyQAy/8cnW
AqEiiOYfg0QLvWvwEIjXnkL/WULtzCKBQ3xsCAEF9xFFHtIU0K/RB4fxHJUJx6WH
XwIDAQAB
-----END PUBLIC KEY-----
";

/// Its certificate, serial 3F0E6B5D2C1A4987A6B5C4D3E2F10F1E2D3C4B5A.
pub const PLATFORM_CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIC3jCCAcagAwIBAgIUPw5rXSwaSYemtcTT4vEPHi08S1owDQYJKoZIhvcNAQEL
BQAwKTEnMCUGA1UEAwweVEVTVCBPTkxZIHBsYXRmb3JtIGNlcnRpZmljYXRlMB4X
DTI2MDEwMTAwMDAwMFoXDTMwMTIzMTAwMDAwMFowKTEnMCUGA1UEAwweVEVTVCBP
TkxZIHBsYXRmb3JtIGNlcnRpZmljYXRlMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A
MIIBCgKCAQEAunMsvnCVzTgwWXQDNmjIEvOwyNXSqZbKVl9pFFQLxRJ7C2qCEHM4
QEdY2YG0Foq47BGLSzr6v4xFxTIoV5/c4kkXgXaWWkq2zqUw9/yQKyIWfsgsrlyA
Tym6WTX7sMv00O5lQ2hmiJAlgElXw9zonkbDJJf+X+psLNuk/ni8S54y9TrzCAZM
JHUeXZh31TCalFtzoigHc4FeLte9zsHSWrhC177qbZlb0hS+nlfnoSJzNq5wRsmO
q4EalZJMZjgR2BsT2qbW4zpyQAy/8cnWAqEiiOYfg0QLvWvwEIjXnkL/WULtzCKB
Q3xsCAEF9xFFHtIU0K/RB4fxHJUJx6WHXwIDAQABMA0GCSqGSIb3DQEBCwUAA4IB
AQCMMdHP/fymwbzO21NGcmSdA1Q6CrmVXjvBUCWhDeGQ3H7K5aoH4QCVDvIUzwuu
EVPKBt1IN5vYvrDfbKlB14iOO0tg4/YyelhxVBzs54dgoV7TKA4lWYtaAX2EHHfH
CPOANbIgF7S2Mou1je6iVHIOoGfhdDWwwQXky38cgHTN50+JVRkGbhe7KVF19krv
6poUGYAYeTTOwNIkcdFgZqZgDjRbe4uE1kGaY8O/P9OOC/4BT95BHEqECWh7kAqw
M1uqst6nmms004pGI6SwkVQyADqM15UIzdB7BNaZ0k+sgKR7TKundsNVhgp0Ikjs
MOLUfzDcV/SYmgWr2gTwUY5E
-----END CERTIFICATE-----
";

/// The answer of GET `/v3/certificates`.
pub const CERTIFICATES: &str = r#"{"data":[{"serial_no":"3F0E6B5D2C1A4987A6B5C4D3E2F10F1E2D3C4B5A","effective_time":"2026-01-01T08:00:00+08:00","expire_time":"2030-12-31T08:00:00+08:00","encrypt_certificate":{"algorithm":"AEAD_AES_256_GCM","nonce":"c1Fv5HgT7uKa","associated_data":"certificate","ciphertext":"bdn7KxkNkB5fv4SjSakHH+P0Qsi510hzlxYG86BPOoejBooXTiZmji4P7dsayGw3C1FO6DFJxsrhU6BLfQ1Qy3QkhZOwkWadCC/2WT6dy5CaFbvzFJocarwkFsQp7mo+leU1enB6RlK/mkrUmjJzyPfjY3C3VhVuiff/P2kCHhqLT4X/Byf13Ezsye8BvoYT53urDME9HDubJlZ4Ev+moDCyYtfkGAj4d8bgw4OiCfUnO+3LScGnaLUeJZydvmQB1mGciJIvyd2ScS62RnOKd+wwr8CMg1Gs0dsYs+zp17LyuU/QiLcUkhU5ZSizuqR1IKy6m1sSrKQfeNkZlPsq29eS6OYj7OObkEkxy2FkQaj9fL4qTI2NqRCcfC7kYT15Tral0ACO6rJHP0GRuUKzK+9k9Ap0xf6O/usTnBgxZoYrIV5iS3vEoParIhZE8P98tRLP+NoDt43tKuG3+pV0WlGBy+AzNQ1KVIcReWG44PhG5Qw7gwqMSflkqGQJBnbt29bIBMindBhyuH8jWd0toosiXaPiNov8/f5k4AZ+4RqNA1ywuV8445AYZbpzjRIX2A5faowQzBKutabaxTM8zvj7rkzKHBbSYofd5fr+ti2oJ3/GnL0Cr71J7oPFfxRUMrysyPuZsnHixEvtGAHz8NFTQR8xjt6kOGg46hsG3rWR7hQG3wMP2wckOqYC0Ylzona+5ZsR03rVe2EendAy6HQdK41fzc8Ci2D0pSgr+y3lWoRWwRGcCryse21cwWMzZscFu0JnzZcV1uZR1MlKGllYkmJOkVrSd0QtRVWmYmBE2jyrxgSmsuQjy2qMiFOACiMvjyT9wA5sBW0CPOPxtC/l0s/UbztExCxeGSW6XFamJDnYKJTGdMXt4ZSBIO219R6eSIKTlTyc+ZECG1geSepfMbCo3qB0SsqFOaezAoqR6SSgSxXKIbQmWmEio7RTwQcq/NIf6sy/7OcssbM38ob5GYZbXQpeAxvogbK6LxpZM/brTGbwIymCh874OPuLnUjIH12OI1F4RYlarA0vNwrbgXpRrLwXGtUoA/5NI+Qz7tcUFct2EzISw4HydtWVFsQH4IyNnNcLdYWZ6Ekhx/ST+J5+uW8OVj2HCBVKsqPHYuZwyPYIa8MFeMXrMdW6zaHNPTIYBUpSPHJ56KI9BdMmQ4PsqZUn/TQxkbnJUURcjvnHjsM5X22HJjD3f/41IWDCnrNNXBpyn28u3E8g8QzhhaS/rG4fp71BB1SJInw4pWBMrMRRWCByAuCnax/j3koGiEKP9n69qDWQw9fHrMPtmN/11x7xkCfeQbmGf4rS7fA/npgqr9Lc1CEXpvtC1FuyDmSB7SuMh4vjkWxdrcs71ASWm066navIbV85eSKO+KN/kHaInAlalda1Tg4uyPFodUrKXi+N7GzwRLc="}}]}"#;

/// Its signature.
pub const CERTIFICATES_SIGNATURE: &str = "aFqaIKNFC2NABCeBJG2FdfEPusfKarGDChBzGmOplgOb5Un93b7aBBIsmkcHcmkYDRc+btKp13jegm2rlYWEUEBL111MOq8Q2qqYndz7HP1z3vJptCvHOopc+3S28Y7LK/p5MihacYlhDEb47eiZoW9Zp3MkQeZAilo86387gelQE9FcQDdvQbZAbZzibr187IbFsJLyBwxnEV3Xhe8FmqcCgZoVR2SEkoe98W+LPxVxgRgUtNdUrqxct7CFhaQDaNFlaFeb1HVYa4zzI/iOOc/PLYhPAaBgBBo9VvGSxoYcZUH8oBe/Q/KsSRf8j7vVrU2247SHOGptyC+BmiYIaA==";

/// What invokes a JSAPI payment of the order below.
pub const ORDER_PAY_SIGN: &str = "fTcuGklUuW3H1fYwsmhlmXfrKeXe27SoYqg6jGV1s+KBdMSQ1+Xc7VmjKlqCQ+O7gw3kF9zjwBUcRsEqCaxio05AzJT/uGZOuFVXWgnfIPVdIA425ee5CjoQHvLnOAQb4ohD/+6dOLYkWMEOmJSG3qWs90RWnBSV19+a/ENnzt1zSWHVPuhGPa6eeZXJGDCZw0NWh/KlEfEzifcULi2H/MpCdVKK2DD6hIV2cGCCuFAXuGFzxgtBpEjQ4q4Vi0T69m3j9ckKLdaLWKAFDa5W2vx+lG/2aZk8/mBGY/VH6Ma2EojTsUhY8Ok+MNdKG9ZunJq5ox9ntFIbg7tL5WebMg==";

/// An order.
pub const ORDER_NATIVE: &str = r#"{"appid":"wxd678efh567hg6787","mchid":"1900007291","description":"示例书店-图书","out_trade_no":"BK20260315000001","time_expire":"2026-03-15T12:00:00+08:00","attach":"cart=42","notify_url":"https://shop.example.com/wechat/v3/notify","amount":{"total":1990,"currency":"CNY"}}"#;

/// Its signature.
pub const ORDER_NATIVE_SIGNATURE: &str = "KS5zrJpPg1WklfJYG86XnnkXe/k/NZ8OdHoWvDdvG68zTd75a4oCrsXumKa/QxD5q5wF5QbS9YCAR+aaDfFuoU/BacLrjfuVlwlnuxWiPFW+J7HQZlrBWr/Nbk4z/fe5tdZbUMyQrU94Hl6vE4ABw8K83tHEvy1Y4PqSacdiH/6oPRq5YTAiO5mJX0PenZ4q8FQKgUuwSptciLxR7yYvd5kNWt+yqLPSeUmU9fB4up/T0kQNAtQJHui9KoVHp430sm4CrSdOdWmd8i6rmC16psKabHZ0Gzw2RtfEjhdmrCTvrNpWt2RxTeSbvB1opQF7N+ZYcnCfx7eRax8AsF+j7Q==";

/// Its answer.
pub const ORDER_NATIVE_ANSWER: &str = r#"{"code_url":"weixin://wxpay/bizpayurl?pr=Ab1Cd2Ez3"}"#;

/// The signature of that.
pub const ORDER_NATIVE_ANSWER_SIGNATURE: &str = "cy+A2dsWQlGm9CLva+pZkYAJFVL+BFnHmtaalIirQtRt5HbiV2716SPZd/FfVCiU2Yh3HZQOKdgRr4gD12BM0tCPthLZcHTrN1VPdB3kEg1GyCcbToXlhkS7EZ9XeBc4ITS47CospyGIqHCax2+e23/v7ZmIxt94fOhCekqpJdfot5MyElLLI1xpg2A/4enjRgCaQMs6exjdxJuGb4ZBzRsJu46fGcPRP8xCBIeeMqemM2Pzo+nm/atl6wUjj8+SHcE/YhFk6tTBdAFihs/fYaI2Dv6PTbj3fmVEv+0MOT3i8ETfKWIsIr0C4dIIMYFHoUmcCPUXXgp3pwQyb3VZXg==";

/// The signature of the query of that order.
pub const ORDER_QUERY_SIGNATURE: &str = "pFhJTCkM5v4Z1vU84uwg1hyX5A9ZpZ4UtcgiSw26Uf6YCCT+MLv13GJwguWlH54yHEO4PFyilQIs0PE5jCNg2ffpzLnuZtpX/TJWW7a75FMQot3lciqsh/Z3D5NcbQLZLMxewfOzMl/Fxb+7ccFOTJ8VTtcfMIlcyr2mvh4En0EJt1hCMYvlTgrq1coW2l97pZmZRbTefxuPyYaPEhwJmm78KQgMyEmXytIoRco2DOcVnafVhhj4EhdWl9qjdSM4WuQImLbB111OxH9rc9rngUKYbNxaxn3LIYqtYns6UoQXjP2EZ3ExXw/T5IhJjE0ZolglEA+EYATd9oHAwjJf5w==";

/// The signature of closing it.
pub const CLOSE_SIGNATURE: &str = "hUn1eiHQuNCLnv1lYAwP5cqpqrrM6DD9ad8eac2NyQOIJqK28DwVDdCy0nS1BNnnYmmgbb7X+8AISM2M2Mr990GyeJxO2OUXa9+JAK7b4mpdt5cpasjxIytpK6j4aMGIYQY+SvGDlLSoUQcVKYOWG4Kj1hwFDUtPF+YhTf3lPGsmqgFBrcmzhdBUnDr9d15y64U8SrJUyxgEQO1AgSqIffQMUQGfTPM2VQkKbs8bXELsrauXEGb50drQXAnD4VRdGAQQoyke4IZrxA67VaYON+uS699DZEfBWrgKuRmW5iDg/CqNadR210zrwfrGI1M2CFUIizG5k0j9WckKGG3IIw==";

/// The signature of the empty answer to that.
pub const CLOSE_ANSWER_SIGNATURE: &str = "Ts0rhJmMSutiataywWLG3j5rg5lb1YepD+FewwnliT2/S3e9d8D4bGlq7elZvESkX/ercWtunYJqNI/h6Pey8oVpD7Uy1bRxu9oJSYEQ8KkedmAgxTawk3S5vL/MA9R/PzzJ6X8rm60W6zD/XTqdqgtP9101hwt08RssMrJj7K5CXXfZNI+pEnN2OFLJvXX8hnWkKgkO+pemFE8y1dtgE4Kr2LPaeLvkslnWN+8pv2TpZx5kGd3BDxu6zBxYIBz09MhIEW8p4CdkLIb2CeDiISgiGuPoIRZhcyqohyqYiptXb46dC32jW0FGBm3/e8vJxBhw4SNw5+tswF+7RKLXIQ==";

/// A refund.
pub const REFUND: &str = r#"{"out_trade_no":"BK20260315000001","out_refund_no":"RF20260316000001","reason":"商品已售完","notify_url":"https://shop.example.com/wechat/v3/refund-notify","amount":{"refund":500,"total":1990,"currency":"CNY"}}"#;

/// Its signature.
pub const REFUND_SIGNATURE: &str = "iSTlesgzJKDA/yk9abMwIB5I+FF+Gm+mCyboZ6lu0eQIrs80sB/QtfrpZJPnUKkFL2iybBYic5xwLV64z0c4zoiVYGd5QBsuCcp5bRkv5lyCS22cfXDwRFFAZvYsI8z0m/BFLnKcYVIZGebEEOUuIplKxswFnPWbUM7Wm8D972RMdNeBE+jCL41VfDY4HPoxMH+WDsnIvHYEe+P+aaPdU4grds5RQyT8fQZtCem3XZfyJokgchPDpMq0TEoggPDQ7zLg5tc13TBjZR69AAY0fXsH5epM/pYYmw9Y7zhFw3y0Zxv7LRMHDhNrSb+LmrA9xaHQzWIOcqsIHgdJOhTPXA==";

/// The signature of asking for a bill.
pub const BILL_SIGNATURE: &str = "BK2fOIQazKeNHhC2Yf8orxG8Qy8P0KuboLWJmWCXeqx+xmE40fS18ie7O/uf1PLcQrJjmLoA74OhyZxkjCXlQT3/U1v6NVd2XQIZiknIBTvg+OK3UUPG7NnXWFpmw97khCc9cRT0eQJNYM+5nuTrkPMGlS2Tn8uLNpGFMsEGL++iWnNpcf9HaHmtXkoMoGVwHPZqGDn4tP3wR/RSVbFGEhmb8z3+A82rgtK0Gc0zGkwW5fyIBSxxJGlKmiiZYZm49JFAAJGRL49zqr9/bsyEHyvbGst9pE+FiXFzlAbhbX9HTIfk0g1g7Yxg5YQHF5W9SFMeGGBRmgmWzmMrzJZiWw==";

/// The answer to that.
pub const BILL_ANSWER: &str = r#"{"download_url":"https://api.mch.weixin.qq.com/v3/billdownload/file?token=6Xb2TestToken","hash_type":"SHA1","hash_value":"68c56d5da61b310d19b53ffb31f2243db2561e45"}"#;

/// The signature of that.
pub const BILL_ANSWER_SIGNATURE: &str = "DUj+N5b1aHW6/11nSyTKUegGt+Gt8ysOWh9kQmTOMKl01MfyA7xL71hTOltFKESdd94rRUuw3dUWJfcvw5qXbkbf7CtEK2mRZ9Hc0M3YvaoYYGZwrWgYNKtHJdzZUaAlRnNo1n68bq6JXxC3eJ4GMWG0/xov/uvJJ8Vsk86VEqCngUkYXo8768A8ppIavaS7aY9+W2p/9vjdgLU9Of6zT72vzj3ltfL6H605oHQNPiF9J7cJO8iSz48MAPSqYoiU5qN/GaQdsbc+2921zT5pxctRoD+g2QHHNrAy2Yr29dzRsqy9umQgl6/iGsEecN4xrgD1WZq6yNJOwhHpDID4Jg==";

/// The signature of fetching the file.
pub const BILL_FILE_SIGNATURE: &str = "gzQF165OniUwSK5UDU5qtNylcgsokXwSYg4Cv79Opv6Hc08AQo0hqmgDKJiQfUCFvZOSR59UYdt9lSa7QYVZhV/LTa390zULjm8CxJEfd4jUcioNFmGNh2Ri5qOGgc1uIMgPyyiP/kOBRMPPLFjbfOvogy0ZzYaZx4Ig8kHVnjvrhHx6wiLDFwwMff03bIz3jYrM3j7ipA1gqdXoxetIL6qIAVL+qvOxiyddsnVvt5OtgeR9Bd35jJ0msmOED4ynVvY/VpJ0PwwvPMYnOR7P0mwCZaCaFwtt6kFuZqLKsZHzVGp9qfFyWuntnyedu8DWTkbJ4JL0gXPXFOCWLHjizw==";

/// The notice of a payment.
pub const NOTICE_PAID: &str = r#"{"id":"6d0b6a1e-7c4f-5e0a-9a55-0f2a6e2b9c01","create_time":"2026-03-15T10:05:12+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"n0/6f7zU7IlUR/LS0aMn5gvhEQo+3gpv2qPbgIZFBules/1AgOV5bTbttP2F0u5np7wfY4HbaI0kTK4fdrxiB66YrAd1m7ut/uRywPZSkSJ4NVwVfDd0Ayj6w54pkYPVQV9PLq3OiQpml2zMweTF3rwPEATeoe2Ssp004D8yA8rJYlE2Ry0nLUVL6bWJUTPSTWnVheoWIMV/PmrPz7QBbzwcaF3hA3r49Lqz6li+Vd0f6Akg7n+WNXIS42Kx6ellrw8CH3yqOouNbyGmlLaQY+WKmm0w171L9Wax2sEkfwTESDnfQPMq4nateSgr5WFL3+6j+vRVCtt0aHKilvSlzTDtxXFN48DjbkrfSNMZP1xnvqT2INH345FnHQYRwab0QjlAO0Y5l6nwJ6Y/KoMtk18iNtQsNCkX96DvnYOgtKmxBfPDrw4F4MZnS8NeRWOI9A/PQ402zIoP1IlTstLXyzTEDlXzIRaa5FDaI25dqwiF9sXI/Q8cbAe6dlEkqf3r7ZC+cJID30kXXHBwc7JT01SGqygqhM4Q2v1iwZCF8i5mdjZaQmVL8+jmnFtiTjYq5H3Bp8Z4GyfIA5VUNEnCyov83F2Nzu1V7UWlz298rTxWpc6xWSGzzaiF5qGhYrU6R4mbIyh2d1ZdqQXGeinOKaRfXkt/GZfkTqD6CQ+irv08GrDfx+TXJsJoug+/+vb4oom9t8+Gd+n+vG8f87UYOTnS6VPVQiUsCg1m5K8z/vq3RXWTnOYS0or2SgdkCe4LPIdG","associated_data":"transaction","nonce":"t9Xk2LmQ4vWz"}}"#;

/// Its signature.
pub const NOTICE_PAID_SIGNATURE: &str = "rjOK8TS1+Zjgbm8+nILE4LmErBFV4asKQm4QDHRLo4aT1UmqZloEaMR1QKYYUZGQdEfKH+KPQPRHuVNryqQmTTwXmBeZEjYRMWTrdSKDqTeWDwBk7EBu+eQg0RJ7FFUKHvT/Gsp0f5F26owwEh01fr/hs2v6QY1PBvta1EAb68GAQyT/G5LYTquFnh8IXf0QvfvkhmPLqzO7+OrjlxpB/WHk0qZU+OjryKWBbAkW5qMDt4orVLdAQDRLZq+GCOHF7sDX/OVYsa6ONhP6gJusUcmNJsz++ggTzf19pJv2Tfb4mKdEpfvys4jdxKQDISZT2csFLIH29Q8toaSnvgHQlg==";

/// What is sealed in it.
pub const NOTICE_PAID_OPENED: &str = r#"{"mchid":"1900007291","appid":"wxd678efh567hg6787","out_trade_no":"BK20260315000001","transaction_id":"4200001234202603151234567890","trade_type":"NATIVE","trade_state":"SUCCESS","trade_state_desc":"支付成功","bank_type":"OTHERS","attach":"cart=42","success_time":"2026-03-15T10:05:12+08:00","payer":{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},"amount":{"total":1990,"payer_total":1790,"currency":"CNY","payer_currency":"CNY"},"promotion_detail":[{"coupon_id":"10000000000001","name":"满减券","scope":"GLOBAL","type":"NOCASH","amount":200,"currency":"CNY"}]}"#;

/// The notice of a refund.
pub const NOTICE_REFUND: &str = r#"{"id":"f2b7b6b0-1d58-5c0e-8f3f-6f0f7c9e1a02","create_time":"2026-03-16T09:30:15+08:00","resource_type":"encrypt-resource","event_type":"REFUND.SUCCESS","summary":"退款成功","resource":{"original_type":"refund","algorithm":"AEAD_AES_256_GCM","ciphertext":"ej29tFSz8e39lsxaQCjXFwsjBefBzKTmVxKwreMJ4Yw4b2LUam2rsAnm4oLtVjqiIXjPcnR13nmJ6BxcmMkyD6dDqqD7EXp1i4KYtG9BRarovNTVyQ8wVF+J3sHBim4lldnfGJuI2SqO9oDETfGv1iKEx6BP0LxrJEwG37Yv4VJ+Yxo62qrtizdReJk0g1TGQLNzFKChj6x4FO5BJdTdGr20bXZYQ0qlX/BF/KcX0ew9xzk7jF5m12R4iUrHzjA90bNdXt+/zk41SCX+jOOjn3fCOQsLm0uBwSoUhVRjrEgiSI8hgAEVeYg1VPcyMdT+uXGbsobPhqeGYwgIjyeFdvkgOLbTfP0OXfeObA9WF8XJf9N3Nu6ICCVtK8eDgN7xTSxGJ7D/+ess0FesnnDwceJeGqYTmhzwANxLxwZf9NF/RKRjRZbp6iUaQxaM/4R1vwXkK7OlBhLMn8ClsJ2D56B2y332sFqFHhWf0Xk5InLhEqMdwN8/OrqGJU2nM2jES/mEpQ==","associated_data":"refund","nonce":"r3Jp8YbN6sCd"}}"#;

/// Its signature.
pub const NOTICE_REFUND_SIGNATURE: &str = "SoY1VQpt4Ljswr7+m8n+Xs657PKPJZetqwYy9y/pacMDpzVOUbRazvjFXCq/JOM/bg/ASBPD/p9x5xuFD4fAPLgqmnwSM+kt+N76b+bPWSW8dIyQ7gTfu9a2tnawzHLdV+yVZk6SoYKqjIeAQPDN8AHOrVHcGIgi1spzx0hCq5w52QjTNCEkAM9dHw6OkYWO9lQ23xQ1hDtuj0mhNUOV54qLniLBPVMdOJ8by3WN8pZCBLoqL4y5WrzSQN9FShOe0fCqXFZOu9zD3PCWR9Hmcwf6WwNsGPxqo/sqRKZiG0ad4Lj3XYRZ/WiPA5zIfNpg+i7ps7BYejs06ymAugpstw==";

/// What is sealed in it.
pub const NOTICE_REFUND_OPENED: &str = r#"{"mchid":"1900007291","out_trade_no":"BK20260315000001","transaction_id":"4200001234202603151234567890","out_refund_no":"RF20260316000001","refund_id":"50300001232026031612345678901","refund_status":"SUCCESS","success_time":"2026-03-16T09:30:15+08:00","amount":{"total":1990,"refund":500,"payer_total":1790,"payer_refund":450},"user_received_account":"支付用户零钱"}"#;
