//! Messages about refunds and bills: WeChat's examples of native.php?chapter=9_4, 9_5, 9_16 and 9_6, with the values of this
//! crate's test order, signed with the public test key.

pub const REFUND: &str = "<xml>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceREFUNDreq0001]]></nonce_str>
<transaction_id><![CDATA[4200001234202603151234567890]]></transaction_id>
<out_refund_no><![CDATA[RF20260316000001]]></out_refund_no>
<total_fee>1990</total_fee>
<refund_fee>500</refund_fee>
<refund_fee_type><![CDATA[CNY]]></refund_fee_type>
<refund_desc><![CDATA[商品已售完]]></refund_desc>
<notify_url><![CDATA[https://shop.example.com/wechat/v2/refund-notify]]></notify_url>
<sign><![CDATA[C5F69AD7F2FAFC6D130249F2344726CE]]></sign>
</xml>";

pub const REFUND_ANSWER: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<return_msg><![CDATA[OK]]></return_msg>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceREFUNDrsp0001]]></nonce_str>
<result_code><![CDATA[SUCCESS]]></result_code>
<transaction_id><![CDATA[4200001234202603151234567890]]></transaction_id>
<out_trade_no><![CDATA[BK20260315000001]]></out_trade_no>
<out_refund_no><![CDATA[RF20260316000001]]></out_refund_no>
<refund_id><![CDATA[50300001232026031612345678901]]></refund_id>
<refund_fee>500</refund_fee>
<coupon_refund_fee>0</coupon_refund_fee>
<total_fee>1990</total_fee>
<cash_fee>1790</cash_fee>
<coupon_refund_count>0</coupon_refund_count>
<cash_refund_fee>500</cash_refund_fee>
<sign><![CDATA[A7E5F8669395CBE0715A39BE4128D1F3]]></sign>
</xml>";

pub const REFUND_REFUSED: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<return_msg><![CDATA[OK]]></return_msg>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceREFUNDrsp0002]]></nonce_str>
<result_code><![CDATA[FAIL]]></result_code>
<err_code><![CDATA[NOTENOUGH]]></err_code>
<err_code_des><![CDATA[基本账户余额不足，请充值后重新发起]]></err_code_des>
<sign><![CDATA[D936A9D8D7BE437018449EB150E36AFD]]></sign>
</xml>";

pub const REFUND_QUERY: &str = "<xml>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceRFQRYreq00001]]></nonce_str>
<out_refund_no><![CDATA[RF20260316000001]]></out_refund_no>
<sign><![CDATA[6875C4DA753F822D8DCBF1402F5A41EB]]></sign>
</xml>";

pub const REFUND_QUERY_ANSWER: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<return_msg><![CDATA[OK]]></return_msg>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceRFQRYrsp00001]]></nonce_str>
<result_code><![CDATA[SUCCESS]]></result_code>
<transaction_id><![CDATA[4200001234202603151234567890]]></transaction_id>
<out_trade_no><![CDATA[BK20260315000001]]></out_trade_no>
<total_fee>1990</total_fee>
<fee_type><![CDATA[CNY]]></fee_type>
<cash_fee>1790</cash_fee>
<refund_count>1</refund_count>
<out_refund_no_0><![CDATA[RF20260316000001]]></out_refund_no_0>
<refund_id_0><![CDATA[50300001232026031612345678901]]></refund_id_0>
<refund_channel_0><![CDATA[ORIGINAL]]></refund_channel_0>
<refund_fee_0>500</refund_fee_0>
<refund_status_0><![CDATA[SUCCESS]]></refund_status_0>
<refund_account_0><![CDATA[REFUND_SOURCE_UNSETTLED_FUNDS]]></refund_account_0>
<refund_recv_accout_0><![CDATA[支付用户零钱]]></refund_recv_accout_0>
<refund_success_time_0><![CDATA[2026-03-16 09:30:15]]></refund_success_time_0>
<sign><![CDATA[18C7640721C7DE910AE0CFE6BC8E115E]]></sign>
</xml>";

pub const REFUND_NOTICE: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceRFNTF00000001]]></nonce_str>
<req_info><![CDATA[4gS8kbcHysCW7bHqyEU0M9umdFVGKPOUBs+y0jA3Blj+7X/SnWgT6+kwszMIA4ryj9U3oTIIr1zWhJkg9qPA2sha3fpQb2WF0Z1g6LXjLAPGwo2wZwqMibwHTwJtEn9tHcJhvRpUY2h867zi1Z+skqOJHWbTfBPqJiun5C8TfjZD0kt7tsb3UQWp7N/kmUkbBqP0ZYAz0mUTfDscr/GAxLj9yfyyJMLnIsyLOLcGeUjIssHRq2VICY9Hn6oN+cY4y7sXZ0K8wvN2ES4LXj2YjkbrzZP3XZGGVpgK+ZD+xAsRzsFMMk3v2wDFnZC3ICPEzUnfk7v3EBXc8mPTeaZMzSOOkmrb/NAXXHDNiLsOHLivNQxYPOlEuPFWxYH1Hr6Vdf6K3kdGuNnRMehDJf+Ozf9g8UtUZ7w9hHVCxxSSizUgODmVgVibMQ+O5C+0a49byMM5z387jtcXpgKaOvfDULpO0HHy5SRu4Pm0eZBZxgndquRBjesjyMG7XvOCjYGwVFpQkOdEcAZf8fHcLFAHBU/SIgimtAhNd8SXLbAb3DiF8QiEOg1Q5yQHNUz9N+CNFiWPQdIoH6Ap2MlyExqp33nFKLoZdbiOnGhpvnvUL+zSLYzAqKUrzRnm0umPanHqPDc9bq908FkKBk4kpwCB5q7YULlt1HaDBsLmipKsYapO4Q2nBNubj4NxlBSRb0bKF93sP7Rysv/dI9iwS7btYc4QAwAHChoYlD9/6zxD5hqf0nYVWcsxiMFZ1rMnvKvLvnT8u+lzZI/ZOmx+zzZT7xWcccrTHd/yZe5uonCEjydtZ5JeBPAQzDTYMKOzKCpdaBM9wysBkL1GNHV3eApuTf7TGXXMCJMNJHdMvWy1GMW4M8B9qt8YwByCkLDQC09jtgwdc49fScwWtETwajh0NFAKsNnTN/5GYsI42WPKVdvTE4E26oxbWZrEHt+Zvz6hTcvaO1EO51ZwQmH5WhBhvWJsIfimiGP7XiPsURFJJ+4=]]></req_info>
</xml>";

pub const REFUND_NOTICE_OPENED: &str = "<root>
<out_refund_no><![CDATA[RF20260316000001]]></out_refund_no>
<out_trade_no><![CDATA[BK20260315000001]]></out_trade_no>
<refund_account><![CDATA[REFUND_SOURCE_UNSETTLED_FUNDS]]></refund_account>
<refund_fee>500</refund_fee>
<refund_id><![CDATA[50300001232026031612345678901]]></refund_id>
<refund_recv_accout><![CDATA[支付用户零钱]]></refund_recv_accout>
<refund_request_source><![CDATA[API]]></refund_request_source>
<refund_status><![CDATA[SUCCESS]]></refund_status>
<settlement_refund_fee>500</settlement_refund_fee>
<settlement_total_fee>1940</settlement_total_fee>
<success_time><![CDATA[2026-03-16 09:30:15]]></success_time>
<total_fee>1990</total_fee>
<transaction_id><![CDATA[4200001234202603151234567890]]></transaction_id>
</root>";

pub const BILL_REFUSED: &str = "<xml>
<return_code><![CDATA[FAIL]]></return_code>
<return_msg><![CDATA[No Bill Exist]]></return_msg>
<error_code><![CDATA[20002]]></error_code>
</xml>";

pub const DOWNLOAD_BILL: &str = "<xml>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceBILLreq000001]]></nonce_str>
<bill_date><![CDATA[20260315]]></bill_date>
<bill_type><![CDATA[ALL]]></bill_type>
<sign><![CDATA[3AC2607E1DA63D528B5398A9A37E9E56]]></sign>
</xml>";

pub const BILL: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注
`2026-03-15 10:05:12,`wxd930ea5d5a258f4f,`10000100,`0,`WEB,`4200001234202603151234567890,`BK20260315000001,`oUpF8uMuAJO_M2pxb1Q9zNjWeS6o,`NATIVE,`SUCCESS,`OTHERS,`CNY,`19.40,`2.00,`0,`0,`0.00,`0.00,`,`,`示例书店-图书,`cart=42,`0.12000,`0.60%,`19.90,`0.00,`
`2026-03-15 18:20:00,`wxd930ea5d5a258f4f,`10000100,`0,`WEB,`4200001230202603141234567009,`BK20260314000009,`oUpF8uMuAJO_M2pxb1Q9zNjWeS6o,`NATIVE,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`50300001232026031512345678009,`RF20260315000009,`5.00,`0.00,`ORIGINAL,`SUCCESS,`示例书店-图书,`,`-0.03000,`0.60%,`0.00,`5.00,`
总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额
`2,`19.40,`5.00,`0.00,`0.09000,`19.90,`5.00
";

/// The header of a bill of an older merchant.
pub const OLD_HEADER: &str = "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,总金额,代金券或立减优惠金额,微信退款单号,商户退款单号,退款金额,代金券或立减优惠退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率";

pub const OLD_SUMMARY_HEADER: &str = "总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额";
