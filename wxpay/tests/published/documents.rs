//! Messages about orders: WeChat's examples of native.php?chapter=9_1, 9_2, 9_3 and 9_7, with the values of this crate's test
//! order, signed with the public test key.

pub const UNIFIED_ORDER_NATIVE: &str = "<xml>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<device_info><![CDATA[WEB]]></device_info>
<nonce_str><![CDATA[nonceNATIVEreq0001]]></nonce_str>
<sign_type><![CDATA[MD5]]></sign_type>
<body><![CDATA[示例书店-图书]]></body>
<attach><![CDATA[cart=42]]></attach>
<out_trade_no><![CDATA[BK20260315000001]]></out_trade_no>
<fee_type><![CDATA[CNY]]></fee_type>
<total_fee>1990</total_fee>
<spbill_create_ip><![CDATA[203.0.113.7]]></spbill_create_ip>
<time_start><![CDATA[20260315100000]]></time_start>
<time_expire><![CDATA[20260315120000]]></time_expire>
<notify_url><![CDATA[https://shop.example.com/wechat/v2/notify]]></notify_url>
<trade_type><![CDATA[NATIVE]]></trade_type>
<product_id><![CDATA[SKU-1001]]></product_id>
<sign><![CDATA[1C9D170D828D5C5DA76A3F5D89597845]]></sign>
</xml>";

pub const UNIFIED_ORDER_NATIVE_ANSWER: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<return_msg><![CDATA[OK]]></return_msg>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<device_info><![CDATA[WEB]]></device_info>
<nonce_str><![CDATA[nonceNATIVErsp0001]]></nonce_str>
<result_code><![CDATA[SUCCESS]]></result_code>
<prepay_id><![CDATA[wx20260315100003123456789abcdef01234]]></prepay_id>
<trade_type><![CDATA[NATIVE]]></trade_type>
<code_url><![CDATA[weixin://wxpay/bizpayurl?pr=Ab1Cd2Ez3]]></code_url>
<sign><![CDATA[C53AE9D88EE74B16866F730AD0C1E62F]]></sign>
</xml>";

pub const UNIFIED_ORDER_REFUSED: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<return_msg><![CDATA[OK]]></return_msg>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<device_info><![CDATA[WEB]]></device_info>
<nonce_str><![CDATA[nonceNATIVErsp0002]]></nonce_str>
<result_code><![CDATA[FAIL]]></result_code>
<err_code><![CDATA[ORDERPAID]]></err_code>
<err_code_des><![CDATA[该订单已支付]]></err_code_des>
<sign><![CDATA[314F357ADB0678A88188A9E91F69DCBF]]></sign>
</xml>";

pub const UNIFIED_ORDER_NOT_UNDERSTOOD: &str = "<xml>
<return_code><![CDATA[FAIL]]></return_code>
<return_msg><![CDATA[签名错误]]></return_msg>
</xml>";

pub const UNIFIED_ORDER_JSAPI: &str = "<xml>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceJSAPIreq00001]]></nonce_str>
<sign_type><![CDATA[HMAC-SHA256]]></sign_type>
<body><![CDATA[示例书店-图书]]></body>
<out_trade_no><![CDATA[BK20260315000002]]></out_trade_no>
<total_fee>1990</total_fee>
<spbill_create_ip><![CDATA[203.0.113.7]]></spbill_create_ip>
<notify_url><![CDATA[https://shop.example.com/wechat/v2/notify]]></notify_url>
<trade_type><![CDATA[JSAPI]]></trade_type>
<openid><![CDATA[oUpF8uMuAJO_M2pxb1Q9zNjWeS6o]]></openid>
<sign><![CDATA[22A6CED33A890075AD3564BAE8E1DAA098CE7E31BC2A0A4FA557F4FAA4A30844]]></sign>
</xml>";

pub const UNIFIED_ORDER_JSAPI_ANSWER: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<return_msg><![CDATA[OK]]></return_msg>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceJSAPIrsp00001]]></nonce_str>
<result_code><![CDATA[SUCCESS]]></result_code>
<prepay_id><![CDATA[wx20260315100003123456789abcdef01234]]></prepay_id>
<trade_type><![CDATA[JSAPI]]></trade_type>
<sign><![CDATA[9E2B2FE799959464D62BAD482D760EEB57411CD8721A1455319ECE84380B1589]]></sign>
</xml>";

pub const UNIFIED_ORDER_APP: &str = "<xml>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceAPPreq0000001]]></nonce_str>
<body><![CDATA[示例书店-图书]]></body>
<out_trade_no><![CDATA[BK20260315000003]]></out_trade_no>
<total_fee>1990</total_fee>
<spbill_create_ip><![CDATA[203.0.113.7]]></spbill_create_ip>
<notify_url><![CDATA[https://shop.example.com/wechat/v2/notify]]></notify_url>
<trade_type><![CDATA[APP]]></trade_type>
<sign><![CDATA[6CA1D603DBDB091496312760A7E8CD81]]></sign>
</xml>";

pub const UNIFIED_ORDER_APP_ANSWER: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<return_msg><![CDATA[OK]]></return_msg>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceAPPrsp0000001]]></nonce_str>
<result_code><![CDATA[SUCCESS]]></result_code>
<prepay_id><![CDATA[wx20260315100003123456789abcdef01234]]></prepay_id>
<trade_type><![CDATA[APP]]></trade_type>
<sign><![CDATA[40DE25F2A8FC342A76A4CA027AB6FC23]]></sign>
</xml>";

pub const UNIFIED_ORDER_MWEB: &str = r#"<xml>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceMWEBreq000001]]></nonce_str>
<body><![CDATA[示例书店-图书]]></body>
<out_trade_no><![CDATA[BK20260315000004]]></out_trade_no>
<total_fee>1990</total_fee>
<spbill_create_ip><![CDATA[198.51.100.23]]></spbill_create_ip>
<notify_url><![CDATA[https://shop.example.com/wechat/v2/notify]]></notify_url>
<trade_type><![CDATA[MWEB]]></trade_type>
<scene_info><![CDATA[{"h5_info":{"type":"Wap","wap_url":"https://m.shop.example.com","wap_name":"示例书店"}}]]></scene_info>
<sign><![CDATA[5E5C414D39260590CCAF8DC976E09005]]></sign>
</xml>"#;

pub const UNIFIED_ORDER_MWEB_ANSWER: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<return_msg><![CDATA[OK]]></return_msg>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceMWEBrsp000001]]></nonce_str>
<result_code><![CDATA[SUCCESS]]></result_code>
<prepay_id><![CDATA[wx20260315100003123456789abcdef01234]]></prepay_id>
<trade_type><![CDATA[MWEB]]></trade_type>
<mweb_url><![CDATA[https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx20260315100003123456789abcdef01234&package=1405458241]]></mweb_url>
<sign><![CDATA[018DA8AC6E21BD8FD62AAA0F96ECA9C5]]></sign>
</xml>";

pub const ORDER_QUERY: &str = "<xml>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<out_trade_no><![CDATA[BK20260315000001]]></out_trade_no>
<nonce_str><![CDATA[nonceQUERYreq00001]]></nonce_str>
<sign><![CDATA[A5EDCD7C678F46C0384DCEAE0F08895F]]></sign>
</xml>";

pub const ORDER_QUERY_PAID: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<return_msg><![CDATA[OK]]></return_msg>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<device_info><![CDATA[WEB]]></device_info>
<nonce_str><![CDATA[nonceQUERYrsp00001]]></nonce_str>
<result_code><![CDATA[SUCCESS]]></result_code>
<openid><![CDATA[oUpF8uMuAJO_M2pxb1Q9zNjWeS6o]]></openid>
<is_subscribe><![CDATA[N]]></is_subscribe>
<trade_type><![CDATA[NATIVE]]></trade_type>
<trade_state><![CDATA[SUCCESS]]></trade_state>
<bank_type><![CDATA[OTHERS]]></bank_type>
<total_fee>1990</total_fee>
<fee_type><![CDATA[CNY]]></fee_type>
<cash_fee>1790</cash_fee>
<cash_fee_type><![CDATA[CNY]]></cash_fee_type>
<coupon_fee>200</coupon_fee>
<coupon_count>2</coupon_count>
<coupon_type_0><![CDATA[CASH]]></coupon_type_0>
<coupon_id_0><![CDATA[10000000000001]]></coupon_id_0>
<coupon_fee_0>150</coupon_fee_0>
<coupon_type_1><![CDATA[NO_CASH]]></coupon_type_1>
<coupon_id_1><![CDATA[10000000000002]]></coupon_id_1>
<coupon_fee_1>50</coupon_fee_1>
<settlement_total_fee>1940</settlement_total_fee>
<transaction_id><![CDATA[4200001234202603151234567890]]></transaction_id>
<out_trade_no><![CDATA[BK20260315000001]]></out_trade_no>
<attach><![CDATA[cart=42]]></attach>
<time_end><![CDATA[20260315100512]]></time_end>
<trade_state_desc><![CDATA[支付成功]]></trade_state_desc>
<sign><![CDATA[B4FE0EAEEC4BABA8F8859DAC6011FD08]]></sign>
</xml>";

pub const ORDER_QUERY_NOT_PAID: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<return_msg><![CDATA[OK]]></return_msg>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<device_info><![CDATA[WEB]]></device_info>
<nonce_str><![CDATA[nonceQUERYrsp00002]]></nonce_str>
<result_code><![CDATA[SUCCESS]]></result_code>
<out_trade_no><![CDATA[BK20260315000001]]></out_trade_no>
<attach><![CDATA[cart=42]]></attach>
<trade_state><![CDATA[NOTPAY]]></trade_state>
<trade_state_desc><![CDATA[订单未支付]]></trade_state_desc>
<sign><![CDATA[A4E4BA6A00DA0D7688B372DEAA588461]]></sign>
</xml>";

pub const ORDER_QUERY_UNKNOWN: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<return_msg><![CDATA[OK]]></return_msg>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceQUERYrsp00003]]></nonce_str>
<result_code><![CDATA[FAIL]]></result_code>
<err_code><![CDATA[ORDERNOTEXIST]]></err_code>
<err_code_des><![CDATA[订单不存在]]></err_code_des>
<sign><![CDATA[DED7C210BC5401932E64D0E6D872E1CF]]></sign>
</xml>";

pub const CLOSE_ORDER: &str = "<xml>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<out_trade_no><![CDATA[BK20260315000001]]></out_trade_no>
<nonce_str><![CDATA[nonceCLOSEreq00001]]></nonce_str>
<sign><![CDATA[0664DEEAE89FA89029FC2B6DCEB874D4]]></sign>
</xml>";

pub const CLOSE_ORDER_ANSWER: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<return_msg><![CDATA[OK]]></return_msg>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceCLOSErsp00001]]></nonce_str>
<result_code><![CDATA[SUCCESS]]></result_code>
<result_msg><![CDATA[OK]]></result_msg>
<sign><![CDATA[35689F07E92AC5BF27913525008B2226]]></sign>
</xml>";

pub const CLOSE_ORDER_REFUSED: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<return_msg><![CDATA[OK]]></return_msg>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceCLOSErsp00002]]></nonce_str>
<result_code><![CDATA[FAIL]]></result_code>
<result_msg><![CDATA[FAIL]]></result_msg>
<err_code><![CDATA[ORDERPAID]]></err_code>
<err_code_des><![CDATA[order paid]]></err_code_des>
<sign><![CDATA[1A361C371E13613DFA773C559BB378A7]]></sign>
</xml>";

pub const SUCCESS: &str =
    "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>";

pub const FAIL: &str =
    "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[签名失败]]></return_msg></xml>";

pub const NOTICE_MD5: &str = "<xml>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<attach><![CDATA[cart=42]]></attach>
<bank_type><![CDATA[OTHERS]]></bank_type>
<cash_fee>1790</cash_fee>
<coupon_count>2</coupon_count>
<coupon_fee>200</coupon_fee>
<coupon_fee_0>150</coupon_fee_0>
<coupon_fee_1>50</coupon_fee_1>
<coupon_id_0><![CDATA[10000000000001]]></coupon_id_0>
<coupon_id_1><![CDATA[10000000000002]]></coupon_id_1>
<coupon_type_0><![CDATA[CASH]]></coupon_type_0>
<coupon_type_1><![CDATA[NO_CASH]]></coupon_type_1>
<device_info><![CDATA[WEB]]></device_info>
<fee_type><![CDATA[CNY]]></fee_type>
<is_subscribe><![CDATA[N]]></is_subscribe>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceNOTIFY0000001]]></nonce_str>
<openid><![CDATA[oUpF8uMuAJO_M2pxb1Q9zNjWeS6o]]></openid>
<out_trade_no><![CDATA[BK20260315000001]]></out_trade_no>
<result_code><![CDATA[SUCCESS]]></result_code>
<return_code><![CDATA[SUCCESS]]></return_code>
<settlement_total_fee>1940</settlement_total_fee>
<time_end><![CDATA[20260315100512]]></time_end>
<total_fee>1990</total_fee>
<trade_type><![CDATA[NATIVE]]></trade_type>
<transaction_id><![CDATA[4200001234202603151234567890]]></transaction_id>
<sign><![CDATA[0DE9D53C38A990AC3D947C3E1C72855D]]></sign>
</xml>";

pub const NOTICE_HMAC_SHA256: &str = "<xml>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<bank_type><![CDATA[OTHERS]]></bank_type>
<cash_fee>1990</cash_fee>
<fee_type><![CDATA[CNY]]></fee_type>
<is_subscribe><![CDATA[Y]]></is_subscribe>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceNOTIFY0000002]]></nonce_str>
<openid><![CDATA[oUpF8uMuAJO_M2pxb1Q9zNjWeS6o]]></openid>
<out_trade_no><![CDATA[BK20260315000002]]></out_trade_no>
<result_code><![CDATA[SUCCESS]]></result_code>
<return_code><![CDATA[SUCCESS]]></return_code>
<time_end><![CDATA[20260315101530]]></time_end>
<total_fee>1990</total_fee>
<trade_type><![CDATA[JSAPI]]></trade_type>
<transaction_id><![CDATA[4200001235202603151234567891]]></transaction_id>
<sign><![CDATA[4D93C4FC469CBDF4C12FEB1E523E5B5F511C182431FC600E4E49CA562751D128]]></sign>
</xml>";

/// What the signature of [`NOTICE_MD5`] is made over.
pub const NOTICE_MD5_STRING: &str = "appid=wxd930ea5d5a258f4f&attach=cart=42&bank_type=OTHERS&cash_fee=1790&coupon_count=2&coupon_fee=200&coupon_fee_0=150&coupon_fee_1=50&coupon_id_0=10000000000001&coupon_id_1=10000000000002&coupon_type_0=CASH&coupon_type_1=NO_CASH&device_info=WEB&fee_type=CNY&is_subscribe=N&mch_id=10000100&nonce_str=nonceNOTIFY0000001&openid=oUpF8uMuAJO_M2pxb1Q9zNjWeS6o&out_trade_no=BK20260315000001&result_code=SUCCESS&return_code=SUCCESS&settlement_total_fee=1940&time_end=20260315100512&total_fee=1990&trade_type=NATIVE&transaction_id=4200001234202603151234567890&key=192006250b4c09247ec02edce69f6a2d";
